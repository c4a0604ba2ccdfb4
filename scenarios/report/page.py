"""What a report consists of, as plain data that scripts of the page and matplotlib can draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KINDS = ("text", "seconds", "bytes", "bandwidth", "percent", "ratio", "number", "count", "raw")
"""How the values of a column or an axis are written; all but text are sorted as numbers. Cells of a
raw column are mappings of ``value`` and how it is ``shown``."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    label : str
    kind : one of `KINDS`
    hint : str
        What it means, shown on hover.
    """

    label: str
    kind: str = "text"
    hint: str = ""


@dataclass(frozen=True)
class Table:
    """Rows to sort, to filter and to save as CSV.

    Parameters
    ----------
    title : str
    columns : sequence of Column
    rows : sequence of sequence
        As long as `columns`; None where there is no value.
    note : str
    size : int
        Rows shown at a time.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    size: int = 25

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the page."""
        return {
            "type": "table",
            "title": self.title,
            "columns": [dict(c.__dict__) for c in self.columns],
            "rows": [list(row) for row in self.rows],
            "size": self.size,
        }


@dataclass(frozen=True)
class Series:
    """One set of points.

    Parameters
    ----------
    name : str
    x, y : sequence
    low, high : sequence or None
        Ends of the whisker of each point, in the direction of the values.
    colour : int, "accent" or "muted"
        Index into the palette of lines or of areas.
    line : {"line", "step", ""}
    markers : bool
    text : sequence of str or None
        What hovering over a point adds.
    labelled : bool
        Whether `text` is written beside every point.
    """

    name: str
    x: Sequence[Any]
    y: Sequence[Any]
    low: Sequence[float | None] | None = None
    high: Sequence[float | None] | None = None
    colour: int | str = 0
    line: str = "line"
    markers: bool = True
    text: Sequence[str] | None = None
    labelled: bool = False


@dataclass(frozen=True)
class Axis:
    """A direction of a plot.

    Parameters
    ----------
    label : str
    kind : one of `KINDS`
        Text is a list of names, in the order of appearance.
    log : bool
    zero : bool
        Whether it begins at 0.
    """

    label: str
    kind: str = "number"
    log: bool = False
    zero: bool = False


@dataclass(frozen=True)
class Plot:
    """One picture.

    Parameters
    ----------
    form : {"lines", "bars", "stacked", "heat"}
        Bars lie: names on y, values on x. A heat map has one series, x and y its names.
    x, y : Axis
    series : sequence of Series
    marks : sequence of (axis, value, label)
        Straight lines through the picture, such as a bound.
    z : sequence of sequence of (float or None), rows by y
    z_axis : Axis
    diagonal : float or None
        A line y = x with a band of this share on either side.
    """

    form: str
    x: Axis
    y: Axis
    series: Sequence[Series] = ()
    marks: Sequence[tuple[str, float, str]] = ()
    z: Sequence[Sequence[float | None]] = ()
    z_axis: Axis = field(default_factory=lambda: Axis(""))
    diagonal: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the page."""
        out = dict(self.__dict__)
        out |= {name: dict(getattr(self, name).__dict__) for name in ("x", "y", "z_axis")}
        out["series"] = [dict(s.__dict__) for s in self.series]
        return out


@dataclass(frozen=True)
class Chart:
    """Plots of which one is shown, chosen by lists beside it.

    Parameters
    ----------
    title : str
    plots : mapping of str to Plot
        The key has the index of the chosen option of every list, joined by ``|``; ``""`` where
        there is no list.
    choices : sequence of (label, options)
    note : str
    """

    title: str
    plots: Mapping[str, Plot]
    choices: Sequence[tuple[str, Sequence[str]]] = ()
    note: str = ""

    @staticmethod
    def of(title: str, plot: Plot, note: str = "") -> Chart:
        """A chart without choices."""
        return Chart(title, {"": plot}, (), note)

    @property
    def first(self) -> Plot:
        """The plot shown at first."""
        return next(iter(self.plots.values()))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the page."""
        return {
            "type": "chart",
            "title": self.title,
            "plots": {key: plot.to_dict() for key, plot in self.plots.items()},
            "choices": [{"label": label, "options": list(o)} for label, o in self.choices],
        }


@dataclass(frozen=True)
class Gantt:
    """Runs on one time axis; each panel as `scenarios.report.intervals.panel` makes it.

    Parameters
    ----------
    title : str
    panels : sequence of dict
    shown : int
        How many of them are shown at first; the others can be chosen.
    note : str
    """

    title: str
    panels: Sequence[Mapping[str, Any]]
    shown: int = 2
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the page."""
        return {"type": "gantt", "title": self.title, "panels": list(self.panels),
                "shown": self.shown}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A finished SVG, safe to put into the page."""

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True)
class Text:
    """A file, as it stands."""

    title: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """Blocks under a heading."""

    title: str
    blocks: Sequence[Table | Chart | Gantt | Drawing | Text]
    words: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report.

    Parameters
    ----------
    kind : {"comparison", "simulation", "sweep", "run", "validation"}
    title, subtitle : str
    figures : sequence of (value, what it is)
        The numbers that matter most.
    summary : sequence of str
        Sentences.
    sections : sequence of Section
    drawings : mapping of str to callable
        Further figures that are written beside the page: name -> function of a path.
    """

    kind: str
    title: str
    subtitle: str
    figures: Sequence[tuple[str, str]]
    summary: Sequence[str]
    sections: Sequence[Section]
    drawings: Mapping[str, Any] = field(default_factory=dict)


def plain(value: Any) -> Any:
    """Data as the page's scripts read them: infinities are words, NaN is no value."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas has not to be imported for this
        return None
    return str(value)
