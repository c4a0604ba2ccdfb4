"""The report and its figures on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios.report import figures as drawing
from scenarios.report.page import Chart
from scenarios.report.reading import build
from scenarios.report.rendering import render
from scenarios.results import MANIFEST, file_stem, folder, manifest, to_json, write_text
from simulator.errors import unknown
from simulator.gantt import FORMATS

NAME = "report.html"
FIGURES = "figures"


@dataclass(frozen=True)
class Written:
    """What `write` has made.

    Parameters
    ----------
    kind, title : str
    file : Path
    figures : tuple of Path
    bytes : int
        Size of the file.
    summary : tuple of str
    """

    kind: str
    title: str
    file: Path
    figures: tuple[Path, ...]
    bytes: int
    summary: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "kind": self.kind,
            "title": self.title,
            "file": str(self.file),
            "bytes": self.bytes,
            "figures": [str(path) for path in self.figures],
            "summary": list(self.summary),
        }


def write(
    source: str | Path,
    file: str | Path | None = None,
    formats: Sequence[str] = FORMATS,
    progress: Callable[[str], None] | None = None,
) -> Written:
    """Write the report of a folder of results.

    Parameters
    ----------
    source : str or Path
        The folder of results.
    file : str or Path or None
        Default ``report.html`` in the folder.
    formats : sequence of {"png", "svg", "pdf"}
        Of the figures, which go into the folder ``figures`` beside the file, or for another name
        than ``report.html`` into ``NAME-figures``; none for no figures.
    progress : callable taking what is being done

    Raises
    ------
    AlloclabError
        Nothing to report, or the output cannot be written.
    UnknownName
        Another format.
    """
    say = progress or (lambda _: None)
    for kind in formats:
        if kind not in FORMATS:
            raise unknown("figure format", kind, FORMATS)
    page = build(source, say)
    target = Path(source) / NAME if file is None else Path(file)
    say("writing the page")
    text = render(page)
    write_text(target, text)
    made = _figures(page, beside(target), formats, say) if formats else ()
    return Written(page.kind, page.title, target, made, len(text.encode()), tuple(page.summary))


def beside(file: Path) -> Path:
    """Folder of the figures of a report."""
    return file.with_name(FIGURES if file.name == NAME else f"{file.stem}-{FIGURES}")


def _figures(page: Any, target: Path, formats: Sequence[str], say: Any) -> tuple[Path, ...]:
    """Every chart as it is shown at first, and what the page adds, in every format.

    The manifest lists them, so that a later report removes those that it has no more.
    """
    wanted: dict[str, Callable[[Path], Any]] = dict(page.drawings)
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Chart) and drawing.can_draw(block.first):
                wanted[_free(file_stem(block.title.lower()), wanted)] = drawing.drawer(block)
    if not wanted:
        return ()
    names = []
    with folder(target) as work:
        for name, draw in wanted.items():
            for kind in formats:
                say(f"drawing {name}.{kind}")
                draw(work / f"{name}.{kind}")
                names.append(f"{name}.{kind}")
        record = manifest("report", title=page.title, kind=page.kind)
        (work / MANIFEST).write_text(to_json(record) + "\n", encoding="utf-8")
    return tuple(target / name for name in names)


def _free(stem: str, taken: Any) -> str:
    """The name, numbered where there is one of that name."""
    stem = "-".join(part for part in stem.split("_") if part) or "chart"
    number, name = 2, stem
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name
