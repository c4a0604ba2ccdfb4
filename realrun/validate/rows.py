"""The file of a session: predictions first, then one line for each run, as they come."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from realrun.validate.loads import Case, measures
from simulator.errors import AlloclabError

PREDICTIONS, ROWS = "predictions.json", "runs.jsonl"
FORMAT = "alloclab-predictions/1"

Key = tuple[str, str, int]


def predictions(
    cases: Sequence[Case], others: Sequence[Mapping[str, Mapping[str, float]]], **facts: Any
) -> dict[str, Any]:
    """What is predicted, as plain data.

    Parameters
    ----------
    cases : sequence of Case
    others : for each case the measures by ablation
    **facts
        Whatever identifies the session: pipeline, calibration, seed.
    """
    return {
        "format": FORMAT,
        **facts,
        "cases": [
            {
                "load": case.load,
                "allocation": case.candidate.name,
                "made_by": list(case.candidate.made_by),
                "harvested": case.candidate.harvested,
                "requests": case.realisation.n_requests,
                **measures(case.predicted),
                "ablations": {name: dict(values) for name, values in other.items()},
                "placements": case.candidate.allocation.to_dict()["placements"],
            }
            for case, other in zip(cases, others, strict=True)
        ],
    }


class Store:
    """Keeps a session in a folder, or in memory only.

    Parameters
    ----------
    folder : Path or None
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.rows: list[dict[str, Any]] = []

    def begin(self, predicted: Mapping[str, Any]) -> None:
        """Write the predictions before anything runs, or go on with a session of equal ones.

        Raises
        ------
        AlloclabError
            The folder holds a session with other predictions.
        """
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / PREDICTIONS
        text = json.dumps(predicted, indent=1) + "\n"
        rows = self.folder / ROWS
        if rows.exists():
            try:
                before = path.read_text(encoding="utf-8")
            except OSError:
                before = ""
            if before != text:
                raise AlloclabError(
                    f"{self.folder}: holds runs of other predictions (other calibration, seed, "
                    "allocations or version); give another folder, or remove it to begin anew"
                )
            self.rows = _read(rows)
            return
        temporary = path.with_name(f".{path.name}.partial-{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)

    @property
    def done(self) -> set[Key]:
        """(load, allocation, round) of the runs that are there."""
        return {(row["load"], row["allocation"], row["round"]) for row in self.rows}

    def add(self, row: dict[str, Any]) -> None:
        """Append one run; whatever happens next, it is kept."""
        self.rows.append(row)
        if self.folder is not None:
            with (self.folder / ROWS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def _read(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a file; one that an interrupt cut off is taken away."""
    rows, whole = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
        whole.append(line)
    path.write_text("".join(line + "\n" for line in whole), encoding="utf-8")
    return rows
