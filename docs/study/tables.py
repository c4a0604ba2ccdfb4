"""Tables of the study as Markdown: ``python docs/study/tables.py out/study``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scenarios import study
from scenarios.statistics import analyse
from scenarios.statistics.baseline import is_list

CCR, HETEROGENEITY, NETWORK = "param.ccr", "param.heterogeneity", "param.network"
FREE = ("random", "round_robin", "single_node")


def main(folder: Path) -> None:
    frame = study.read(folder)
    frame["regret"] = frame["objective"] / frame.groupby("instance")["objective"].transform("min")
    lists = frame[frame["scheduler"].map(is_list)]
    print("## Overall\n")
    markdown(overall(frame))
    for factors in ([NETWORK, CCR], [NETWORK, CCR, HETEROGENEITY], [NETWORK, "family"]):
        print(f"\n## By {', '.join(f.removeprefix('param.') for f in factors)}\n")
        markdown(best(frame, lists, factors))
    print("\n## Searches: share of instances on which each is the best of all schedulers\n")
    searches = frame[~frame["scheduler"].map(is_list) & ~frame["scheduler"].isin(FREE)]
    won = searches.assign(won=searches["regret"] <= 1 + 1e-9)
    table = won.pivot_table(index="scheduler", columns=[NETWORK, CCR], values="won", aggfunc="mean")
    markdown([
        {"scheduler": name, **{f"{n} {c:g}": f"{100 * v:.0f} %" for (n, c), v in row.items()}}
        for name, row in table.iterrows()
    ])  # fmt: skip


def mean_ratio(ratios: pd.Series) -> float:
    return float(np.exp(np.log(ratios).mean()))


def overall(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A row a scheduler: against the best list scheduler, against the best of all, and its cost."""
    found = analyse(frame)
    print(*found.summary, sep="\n", end="\n\n")
    groups = frame.groupby("scheduler")
    return [
        {
            "scheduler": f"`{row['scheduler']}`",
            f"ratio to {found.baseline}": f"{row['effect']:.3f}",
            "95 % by instance": f"{row['low']:.3f}-{row['high']:.3f}",
            "by family": f"{row['family_low']:.3f}-{row['family_high']:.3f}",
            "ratio to best": f"{mean_ratio(mine['regret']):.3f}",
            "within 5 %": f"{100 * (mine['regret'] <= 1.05).mean():.0f} %",
            "worst": f"{mine['regret'].max():.2f}",
            "mean rank": f"{row['mean_rank']:.1f}",
            "CPU": f"{1e3 * mine['cpu_seconds'].mean():.3g} ms",
        }
        for row in found.table.to_dict("records")
        for mine in [groups.get_group(row["scheduler"])]
    ]


def best(frame: pd.DataFrame, lists: pd.DataFrame, factors: list[str]) -> list[dict[str, Any]]:
    """A row for each combination of levels: best list schedulers, and what searches still gain."""
    rows = []
    for levels, part in frame.groupby(factors):
        mine = lists.loc[part.index.intersection(lists.index)]
        order = mine.groupby("scheduler")["regret"].apply(mean_ratio).sort_values()
        all_of_them = part.groupby("scheduler")["regret"].apply(mean_ratio).sort_values()
        row = {f.removeprefix("param."): v for f, v in zip(factors, levels, strict=True)}
        row["best list schedulers"] = ", ".join(f"{s} {v:.3f}" for s, v in order.head(3).items())
        row["heft"] = f"{order['heft']:.3f}"
        for name in ("single_node", "portfolio"):
            row[name] = f"{all_of_them[name]:.3f}"
        row["best of all"] = f"{all_of_them.index[0]} {all_of_them.iloc[0]:.3f}"
        rows.append(row)
    return rows


def markdown(rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    print("|", " | ".join(names), "|")
    print("|", " | ".join("---" for _ in names), "|")
    for row in rows:
        print("|", " | ".join(str(row[name]) for name in names), "|")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/study"))
