"""Charts: performance profile, critical differences, quality over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.statistics import Comparison, FloatArray, profile
from simulator.charts import style

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
DPI = 200
LEVEL = 0.05


def _look(i: int) -> dict[str, Any]:
    """Colour and dashes of the i-th line: both change, so it reads in print too."""
    palette = style.PALETTE
    colour = style.blend(palette[i % len(palette)], style.INK, 0.3)
    dashes = DASHES[(i // 2 + i // len(palette)) % len(DASHES)]
    return {"color": colour, "linestyle": dashes, "linewidth": 1.6}


def _figure(width: float, height: float) -> tuple[Any, Any]:
    figure = style.new_figure(width, height)
    return figure, figure.add_subplot()


def performance_profile(schedulers: Sequence[str], values: FloatArray, path: Path) -> None:
    """Share of instances on which each scheduler is within a factor of the best of these."""
    from matplotlib import rc_context

    with rc_context(style.RC):
        figure, axes = _figure(7.0, 4.0)
        ratio = values / values.min(axis=1, keepdims=True)
        most = max(1.02, float(np.quantile(ratio, 0.97)))
        taus = np.linspace(1.0, most, 400)
        shares = profile(values, taus)
        order = np.argsort(-shares.mean(axis=1), kind="stable")
        for i, s in enumerate(order):
            axes.step(taus, 100 * shares[s], where="post", label=schedulers[s], **_look(i))
        axes.set_xlim(1.0, most)
        axes.set_ylim(0, 102)
        axes.set_xlabel("makespan over the best of these on the same instance")
        axes.set_ylabel(f"% of {len(values)} instances")
        style.bare(axes, "both")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, handlelength=3)
        figure.savefig(path, dpi=DPI, bbox_inches="tight")


def critical_difference(comparison: Comparison, path: Path, level: float = LEVEL) -> None:
    """Average ranks on a line; a bar joins schedulers of which no pair differs significantly."""
    from matplotlib import rc_context

    count = len(comparison.schedulers)
    half = (count + 1) // 2
    cliques = comparison.cliques(level)
    below = 0.3 * (len(cliques) + 1)
    with rc_context(style.RC):
        figure, axes = _figure(7.0, 0.9 + 0.12 * len(cliques) + 0.2 * half)
        axes.set_xlim(0.5, count + 0.5)
        axes.set_ylim(below + 0.62 * half + 0.3, -1.6)
        axes.axis("off")
        axes.plot([1, count], [0, 0], color=style.INK, linewidth=1)
        for place in range(1, count + 1):
            axes.plot([place, place], [0, -0.2], color=style.INK, linewidth=0.8)
            axes.text(place, -0.35, str(place), ha="center", va="bottom")
        for i, (name, rank) in enumerate(
            zip(comparison.schedulers, comparison.average, strict=True)
        ):
            left = i < half
            row = i if left else count - 1 - i
            y = below + 0.62 * row + 0.3
            edge = 0.85 if left else count + 0.15
            axes.plot([rank, rank, edge], [0, y, y], color=style.MUTED, linewidth=0.8)
            axes.text(
                edge + (-0.05 if left else 0.05), y, f"{name}  {rank:.2f}",
                ha="right" if left else "left", va="center",
            )  # fmt: skip
        for i, (a, b) in enumerate(cliques):
            ends = (comparison.average[a] - 0.04, comparison.average[b] + 0.04)
            y = 0.3 * (i + 1)
            axes.plot(ends, (y, y), color=style.ACCENT, linewidth=3, solid_capstyle="butt")
        axes.text(
            (count + 1) / 2, -1.5,
            f"average rank on {comparison.instances} instances, 1 is best; "
            f"Friedman p = {comparison.friedman_p:.2g}; "
            f"bars: no significant difference (Wilcoxon, Holm, {level:g})",
            ha="center", va="top", color=style.MUTED,
        )  # fmt: skip
        figure.savefig(path, dpi=DPI, bbox_inches="tight")


def quality_over_budget(
    curves: Mapping[str, tuple[FloatArray, FloatArray]], unit: str, path: Path
) -> None:
    """Geometric mean of best so far over best known, against CPU seconds or evaluations.

    Parameters
    ----------
    curves : mapping of scheduler to (grid, ratio)
        As `Analysis.curves` returns them.
    unit : str
        What the horizontal axis counts.
    """
    from matplotlib import rc_context

    with rc_context(style.RC):
        figure, axes = _figure(7.0, 4.0)
        order = sorted(curves, key=lambda s: (curves[s][1][-1], s))
        for i, name in enumerate(order):
            grid, ratio = curves[name]
            axes.plot(grid, 100 * (ratio - 1), label=name, **_look(i))
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel(unit)
        axes.set_ylabel("% above the best known, geometric mean")
        style.bare(axes, "both")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, handlelength=3)
        figure.savefig(path, dpi=DPI, bbox_inches="tight")
