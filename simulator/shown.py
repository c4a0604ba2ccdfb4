"""How results look: one line where they are printed, a small table in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

MOST_ROWS = 20
"""Rows of a table in a notebook; the rest is counted."""

_LEFT = "text-align:left;vertical-align:top"


class Shown:
    """Gives a class a `repr` and a `_repr_html_` made of one summary.

    A class names itself by `_title` and says what matters by `_summary`, in words and units; it
    may add a table with `_details`. A dataclass must say ``repr=False``.
    """

    def _title(self) -> str:
        """What it is called, or an empty text."""
        return ""

    def _summary(self) -> Mapping[str, str]:
        """What matters about it: label to value."""
        raise NotImplementedError

    def _details(self) -> tuple[Sequence[str], Iterable[Sequence[str]]] | None:
        """Columns and rows to be shown below the summary in a notebook."""
        return None

    def __repr__(self) -> str:
        parts = [repr(self._title())] if self._title() else []
        parts += [f"{label}: {value}" for label, value in self._summary().items()]
        return f"{type(self).__name__}({'; '.join(parts)})"

    def _repr_html_(self) -> str:
        caption = f"<b>{type(self).__name__}</b> {html.escape(self._title())}".strip()
        table = self._details()
        below = "" if table is None else html_rows(*table)
        return f"{caption}{html_summary(self._summary())}{below}"


def html_summary(rows: Mapping[str, str]) -> str:
    """A table of two columns."""
    body = "".join(
        f"<tr><th style='{_LEFT}'>{html.escape(label)}</th>"
        f"<td style='{_LEFT}'>{html.escape(value)}</td></tr>"
        for label, value in rows.items()
    )
    return f"<table>{body}</table>"


def html_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a head; after `MOST_ROWS` rows it says how many there are."""
    rows = list(rows)
    head = "".join(f"<th style='{_LEFT}'>{html.escape(c)}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(f"<td style='{_LEFT}'>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows[:MOST_ROWS]
    )
    more = len(rows) - MOST_ROWS
    tail = f"<tr><td colspan='{len(columns)}'>and {more} more</td></tr>" if more > 0 else ""
    return f"<table><tr>{head}</tr>{body}{tail}</table>"


def some(names: Iterable[str], most: int = 6) -> str:
    """The first names of a list, and how many more there are.

    Examples
    --------
    >>> some(["a", "b"]), some("abcdefgh", 3)
    ('a, b', 'a, b, c and 5 more')
    """
    names = list(names)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
