"""Painting of the main panel of a Gantt chart: rows, bars, labels, hatches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.arrays import FloatArray
from simulator.charts import style
from simulator.charts.bars import GAP, Band, Bars
from simulator.charts.view import View, bars_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL_ROW = 0.15
"""Height of a row in inches below which texts shrink."""


def paint_rows(axes: Axes, view: View, row: float) -> None:
    """Axes, names of nodes and links at the left, their utilisation at the right.

    Parameters
    ----------
    row : float
        Height of one row in inches.
    """
    style.bare(axes)
    low, high = (t / view.scale for t in view.window)
    pad = 0.0 if view.is_part else 0.004 * (high - low)
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(view.bottom + GAP, -GAP)
    axes.set_xlabel(f"time ({view.unit})", labelpad=2)
    axes.set_yticks([])
    metrics, across = view.trace.metrics(), axes.get_yaxis_transform()
    size = 8.0 if row > SMALL_ROW else 6.0
    points = _points_per_unit(axes)[0] * (axes.get_xlim()[1] - axes.get_xlim()[0])
    indent = 16.0 if any(band.lanes > 1 for band in view.nodes) else 6.0
    for band in (*view.nodes, *view.links):
        axes.axhspan(band.top, band.top + band.height, color="#F5F5F5", lw=0, zorder=0)
        axes.text(-indent / points, band.middle, style.arrows(band.name), ha="right",
                  va="center", fontsize=size, transform=across,
                  color=style.MUTED if band.is_link else style.INK)  # fmt: skip
        values = (metrics.by_link if band.is_link else metrics.by_node)[band.name]
        if "utilisation" in values:
            axes.text(1 + 6 / points, band.middle, f"{100 * values['utilisation']:.0f} %",
                      ha="left", va="center", fontsize=size - 1, transform=across,
                      color=style.MUTED)  # fmt: skip
        if not band.is_link and band.lanes > 1:
            step = band.height / band.lanes
            for slot in range(band.lanes):
                axes.text(
                    -6 / points,
                    band.top + (slot + 0.5) * step,
                    str(slot),
                    ha="right",
                    va="center",
                    fontsize=5.5,
                    color=style.MUTED,
                    transform=across,
                )
    for text, bands in (("busy", view.nodes), ("load", view.links)):
        if bands:
            axes.text(
                1 + 6 / points,
                bands[0].top - GAP,
                text,
                ha="left",
                va="bottom",
                fontsize=size - 1,
                fontstyle="italic",
                color=style.MUTED,
                transform=across,
            )


def paint_bars(axes: Axes, view: View, kind: str, row: float) -> None:
    """Bars of one section: plain ones, those an outage ended, outlines, labels."""
    from matplotlib.collections import PolyCollection

    bars, bands = bars_of(view, kind)
    place = {band.index: band for band in bands}
    bars = bars.where(np.isin(bars.band, list(place)))
    if len(bars) == 0:
        return
    box = _boxes(view, bars, place)
    colours = [view.colour(kind, r, i)
               for r, i in zip(bars.request.tolist(), bars.item.tolist(), strict=True)]  # fmt: skip
    corners = np.stack([box[:, [0, 2]], box[:, [1, 2]], box[:, [1, 3]], box[:, [0, 3]]], axis=1)
    # A white rim parts neighbours; a bar too thin for one keeps its own colour instead.
    wide = (box[:, 1] - box[:, 0]) * _points_per_unit(axes)[0] > 2.5
    for mask, broken in ((bars.finished, False), (~bars.finished, True)):
        rows = np.flatnonzero(mask)
        if len(rows) == 0:
            continue
        faces = [style.blend(colours[i], "white", 0.5 if broken else 0.0) for i in rows]
        rims = [style.MUTED if broken else "white" if wide[i] else face
                for i, face in zip(rows, faces, strict=True)]  # fmt: skip
        axes.add_collection(
            PolyCollection(list(corners[rows]), facecolors=faces, edgecolors=rims, linewidths=0.45,
                           hatch="xxxx" if broken else None, zorder=3)
        )  # fmt: skip
    pairs = zip(bars.request.tolist(), bars.item.tolist(), strict=True)
    special = [i for i, (r, t) in enumerate(pairs) if (kind, r, t) in view.focus]
    axes.add_collection(
        PolyCollection(
            list(corners[special]),
            facecolors="none",
            edgecolors=style.ACCENT,
            linewidths=1.1,
            zorder=4,
        )
    )
    _labels(axes, view, kind, bars, colours, box, row)


def _boxes(view: View, bars: Bars, place: dict[int, Band]) -> FloatArray:
    """(B, 4) left, right, top, bottom of every bar in the units of the axes."""
    step = np.array([place[b].height / place[b].lanes for b in bars.band.tolist()])
    top = np.array([place[b].top for b in bars.band.tolist()]) + bars.lane * step
    inset = np.minimum(0.06, 0.12 * step)
    return np.stack(
        [bars.start / view.scale, bars.end / view.scale, top + inset, top + step - inset], axis=1
    )


def _points_per_unit(axes: Axes) -> tuple[float, float]:
    """Points for one unit of x and of y."""
    figure = axes.figure
    box = axes.get_position()
    x, y = axes.get_xlim(), axes.get_ylim()
    width, height = figure.get_size_inches()  # type: ignore[union-attr]
    return 72 * width * box.width / abs(x[1] - x[0]), 72 * height * box.height / abs(y[1] - y[0])


def _labels(
    axes: Axes,
    view: View,
    kind: str,
    bars: Bars,
    colours: Sequence[Any],
    box: FloatArray,
    row: float,
) -> None:
    low, high = axes.get_xlim()
    across, down = _points_per_unit(axes)
    left, right = np.maximum(box[:, 0], low), np.minimum(box[:, 1], high)
    room = (right - left) * across - 3.0
    size = np.minimum(7.0 if kind == "task" else 6.0, 0.75 * (box[:, 3] - box[:, 2]) * down)
    for i in np.flatnonzero((size >= 4.0) & (room >= 0.5 * size)).tolist():
        texts = view.texts(kind, int(bars.request[i]), int(bars.item[i]))
        text = style.first_that_fits(texts, float(room[i]), float(size[i]))
        if text:
            axes.text((left[i] + right[i]) / 2, (box[i, 2] + box[i, 3]) / 2, text, ha="center",
                      va="center_baseline", fontsize=float(size[i]), zorder=5, clip_on=True,
                      color=style.ink_on(colours[i]))  # fmt: skip


def paint_dynamics(axes: Axes, view: View) -> None:
    """Mark outages and failed links, slow-downs and degradations."""
    luck = view.trace.realisation
    never = np.zeros(len(luck.outage_node))
    for bands, index, start, end, factor in (
        (view.nodes, luck.outage_node, luck.outage_start, luck.outage_end, never),
        (view.nodes, luck.slow_node, luck.slow_start, luck.slow_end, luck.slow_factor),
        (view.links, luck.degraded_link, luck.degraded_start, luck.degraded_end,
         luck.degraded_factor),
    ):  # fmt: skip
        for i, target in enumerate(index.tolist()):
            band = next((b for b in bands if b.index == target), None)
            begin, until = max(start[i], view.window[0]), min(end[i], view.window[1])
            if band is not None and begin < until:
                span = (begin / view.scale, until / view.scale)
                _hatch(axes, band, span, down=factor[i] == 0)


def _hatch(axes: Axes, band: Band, span: tuple[float, float], down: bool) -> None:
    """An outage fills the row behind the bars; a slow-down is a strip below them."""
    from matplotlib.patches import Rectangle

    high = band.height if down else 0.14
    look = {"facecolor": "#E2E2E2", "edgecolor": "#9A9A9A", "hatch": "/////"} if down else {
        "facecolor": style.SLOW}  # fmt: skip
    axes.add_patch(
        Rectangle(
            (span[0], band.top + band.height - high), span[1] - span[0], high,
            linewidth=0, zorder=2 if down else 5, **look,  # type: ignore[arg-type]
        )
    )  # fmt: skip


def paint_arrivals(axes: Axes, view: View) -> None:
    """A small triangle above the rows where a request arrives."""
    if view.single:
        return
    arrival = view.trace.log.arrival
    inside = arrival[(arrival >= view.window[0]) & (arrival <= view.window[1])]
    if len(inside) <= 200:
        axes.plot(inside / view.scale, np.full(len(inside), -GAP), "v", markersize=3.2,
                  markeredgewidth=0, color=style.INK, clip_on=False, zorder=6)  # fmt: skip
