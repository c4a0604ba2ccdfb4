"""A page as one HTML file: template, styles, scripts and data inlined, nothing fetched."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from scenarios.report.page import Chart, Drawing, Gantt, Page, Section, Table, Text, plain

SCRIPTS = (
    "base.js", "table.js", "chart.js", "gantt_view.js", "gantt.js", "gantt_controls.js", "start.js",
)  # fmt: skip


def render(page: Page) -> str:
    """HTML text of a report.

    All text of users passes the template's escaping or stands in a JSON block in which ``<``,
    ``>`` and ``&`` are written as escapes; scripts put it into the page as text, never as markup.
    A content security policy forbids every request.
    """
    from jinja2 import Environment

    blocks: dict[str, Any] = {}
    sections = [_section(i, section, blocks) for i, section in enumerate(page.sections)]
    charts = any(b["type"] == "chart" for b in blocks.values())
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_asset("templates/report.html.j2"))
    data = {"kind": page.kind, "palette": palette(), "blocks": blocks}
    return template.render(
        page=page,
        sections=sections,
        data=json_block(data),
        styles=_asset("assets/report.css"),
        plotly=_plotly() if charts else "",
        scripts=[_asset(f"assets/{name}") for name in SCRIPTS],
        version=_version(),
    )


def json_block(data: Any) -> str:
    """JSON that may stand inside a script element, whatever its texts are."""
    text = json.dumps(plain(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    escapes = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028",
               "\u2029": "\\u2029"}  # fmt: skip
    for char, escape in escapes.items():
        text = text.replace(char, escape)
    return text


def palette() -> dict[str, Any]:
    """Colours of the static charts, so that page and print look alike."""
    from scenarios.curves import COLOURS
    from simulator.charts import style

    return {"areas": list(style.PALETTE), "lines": list(COLOURS), "accent": style.ACCENT,
            "slow": style.SLOW}  # fmt: skip


def _section(index: int, section: Section, blocks: dict[str, Any]) -> dict[str, Any]:
    """What the template needs of a section; data of its blocks go into `blocks`."""
    shown = []
    for number, block in enumerate(section.blocks):
        key = f"b{index}-{number}"
        entry: dict[str, Any] = {"key": key, "title": block.title, "note": block.note}
        if isinstance(block, Table | Chart | Gantt):
            blocks[key] = block.to_dict()
            entry["type"] = blocks[key]["type"]
        elif isinstance(block, Drawing):
            entry |= {"type": "drawing", "svg": block.svg}
        elif isinstance(block, Text):
            entry |= {"type": "text", "text": block.text}
        shown.append(entry)
    return {"key": f"s{index}", "title": section.title, "words": section.words, "blocks": shown}


@lru_cache(maxsize=32)
def _asset(name: str) -> str:
    return (files("scenarios.report") / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _plotly() -> str:
    """The plotly.js that comes with the Python package."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")


def _version() -> str:
    from scenarios.results import versions

    return versions()["alloclab"]
