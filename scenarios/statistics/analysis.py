"""One call from the rows of a study to everything that can be said about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.statistics import compared
from scenarios.statistics.arranging import cases_of
from scenarios.statistics.baseline import choose
from scenarios.statistics.bootstrap import RESAMPLES
from scenarios.statistics.cases import Cases
from scenarios.statistics.profiles import Profiles, profiles
from scenarios.statistics.ranks import RankTest, rank_test
from scenarios.statistics.scales import TIE
from simulator.errors import InvalidScenario

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Settings:
    """How sure, and from which draws.

    Parameters
    ----------
    confidence : float, in (0, 1)
        Of intervals; tests are at level 1 - confidence.
    resamples : int
        Bootstrap samples.
    seed : int
        Of the bootstrap.
    """

    confidence: float = 0.95
    resamples: int = RESAMPLES
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise InvalidScenario(
                f"confidence: expected a share between 0 and 1, got {self.confidence:g}"
            )
        if self.resamples < 100:
            raise InvalidScenario(f"resamples: at least 100 are needed, got {self.resamples}")

    @property
    def alpha(self) -> float:
        """Level of tests."""
        return round(1 - self.confidence, 12)


@dataclass(frozen=True)
class Analysis:
    """Statistics of a study or a comparison.

    Parameters
    ----------
    metric : str
    unit : {"instance", "seed"}
    scale : {"ratio", "difference"}
        What effects are: above 1 or above 0 is worse than the baseline.
    baseline : str
    chosen : str
        How the baseline was chosen, if it was not named.
    settings : Settings
    size : mapping
        Numbers of units, instances, families, seeds, schedulers, cells.
    table : DataFrame
        Schedulers against the baseline, best first.
    pairs : DataFrame
        All pairs of schedulers.
    levels : DataFrame
        Effects within the levels of each factor; empty where there is none.
    cells : DataFrame
        Answered, failed and missing cells by scheduler.
    ranks : RankTest or None
        None with fewer than three schedulers or two common units.
    profiles : Profiles or None
        None where values have no ratios.
    errors : mapping of scheduler to its first error
    remarks : tuple of str
    """

    metric: str
    unit: str
    scale: str
    baseline: str
    chosen: str
    settings: Settings
    size: Mapping[str, int]
    table: pd.DataFrame = field(repr=False)
    pairs: pd.DataFrame = field(repr=False)
    levels: pd.DataFrame = field(repr=False)
    cells: pd.DataFrame = field(repr=False)
    ranks: RankTest | None = field(repr=False, default=None)
    profiles: Profiles | None = field(repr=False, default=None)
    errors: Mapping[str, str] = field(default_factory=dict, repr=False)
    remarks: tuple[str, ...] = field(default=(), repr=False)

    @property
    def drawn(self) -> str:
        """What the bootstrap draws for `low` and `high`: instance, or seed if there is one."""
        return "instance" if self.size["instances"] > 1 else "seed"

    @property
    def summary(self) -> list[str]:
        """The result in sentences."""
        from scenarios.statistics.words import summary

        return summary(self)

    @property
    def power(self) -> dict[str, Any]:
        """What so many pairs could have found: see `scenarios.statistics.power`."""
        from scenarios.statistics.words import power

        return power(self)

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain data."""
        from dataclasses import asdict

        return {
            "metric": self.metric,
            "unit": self.unit,
            "scale": self.scale,
            "baseline": {"scheduler": self.baseline, "chosen": self.chosen},
            "settings": asdict(self.settings),
            "size": dict(self.size),
            "summary": self.summary,
            "table": self.table.to_dict("records"),
            "ranks": self.ranks.to_dict() if self.ranks else None,
            "profiles": self.profiles.table().to_dict("records") if self.profiles else None,
            "pairs": self.pairs.to_dict("records"),
            "levels": self.levels.to_dict("records"),
            "cells": self.cells.to_dict("records"),
            "errors": dict(self.errors),
            "power": self.power,
            "remarks": list(self.remarks),
        }

    def write(self, folder: str | Path, **facts: Any) -> list[Path]:
        """Write ``statistics.json``, ``tables/`` (CSV, LaTeX) and ``figures/`` (PNG, SVG, PDF)."""
        from scenarios.statistics.output import write

        return write(self, Path(folder), facts)

    def __str__(self) -> str:
        return "\n".join(self.summary)

    def _repr_html_(self) -> str:
        import html

        from scenarios.statistics.output import readable

        said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.summary)
        return said + readable(self).to_html(index=False, border=0)


def analyse(
    frame: pd.DataFrame,
    *,
    metric: str = "objective",
    baseline: str | None = None,
    unit: str | None = None,
    scale: str | None = None,
    tie: float = TIE,
    settings: Settings | None = None,
) -> Analysis:
    """Compare all schedulers of a study.

    Parameters
    ----------
    frame : DataFrame
        Rows of `scenarios.study.read`, of a comparison, or of one's own making: see `cases_of`.
    metric : str
        The column to compare by.
    baseline : str or None
        A scheduler, "best-list" (also where None) or "virtual-best-list": see `choose`.
    unit : {"instance", "seed"} or None
    scale : {"ratio", "difference"} or None
    tie : float
        Relative difference up to which two values are equal, everywhere.
    settings : Settings

    Returns
    -------
    Analysis

    Raises
    ------
    UnknownName, InvalidScenario
    """
    import pandas as pd

    how = settings or Settings()
    cases = cases_of(frame, metric, unit=unit, scale=scale, tie=tie)
    name, scores, chosen = choose(cases, baseline)
    kept, joint, used = cases.joint()
    ranks, remarks = _ranked(cases, kept, joint, used, how)
    table = compared.against(cases, name, scores, how)
    if ranks:
        average = dict(zip(ranks.schedulers, ranks.average, strict=True))
        table["mean_rank"] = table["scheduler"].map(average)
    return Analysis(
        metric=metric,
        unit=cases.unit,
        scale=cases.scale.kind,
        baseline=name,
        chosen=chosen,
        settings=how,
        size=_size(cases),
        table=table,
        pairs=compared.in_pairs(cases),
        levels=compared.by_level(cases, scores, how),
        cells=pd.DataFrame(cases.counts),
        ranks=ranks,
        profiles=profiles(cases),
        errors=cases.errors,
        remarks=(*cases.remarks, *remarks),
    )


def _size(cases: Cases) -> dict[str, int]:
    _, units = cases.units()
    return {
        "units": len(units),
        "instances": int(cases.keys.groupby(["family", "instance"]).ngroups),
        "families": int(cases.keys["family"].nunique()),
        "seeds": int(cases.keys["seed"].nunique()),
        "schedulers": len(cases.schedulers),
        "cells": sum(c["cells"] for c in cases.counts),
    }


def _ranked(
    cases: Cases, kept: list[int], joint: Any, used: Any, how: Settings
) -> tuple[RankTest | None, list[str]]:
    """The test of average ranks where there can be one, and what was left out of it."""
    remarks = []
    away = [name for s, name in enumerate(cases.schedulers) if s not in kept]
    if away:
        remarks.append(
            f"left out of average ranks, with answers in less than half of the cases: "
            f"{', '.join(away)}"
        )
    lost = len(used) - int(used.sum())
    if lost:
        remarks.append(
            f"average ranks are over the {int(used.sum()):,} of {len(used):,} "
            f"{cases.unit}s on which all of {len(kept)} schedulers have an answer"
        )
    if len(kept) < 3 or len(joint) < 2:
        return None, remarks
    names = tuple(cases.schedulers[s] for s in kept)
    return rank_test(names, cases.scale.ranks(joint), how.alpha), remarks
