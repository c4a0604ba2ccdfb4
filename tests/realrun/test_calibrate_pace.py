"""A machine that became slower since it was calibrated is noticed before anything is predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from realrun.calibrate.calibration import Calibration
from realrun.calibrate.pace import pace, remark
from realrun.devices import parse_workers


class Clocks:
    """Workers whose reference products take given seconds."""

    def __init__(self, seconds: Sequence[float]):
        self.specs = parse_workers(",".join(["cpu:1"] * len(seconds)))
        self.seconds = seconds

    def call_all(self, function: str, arguments: Sequence[Mapping[str, Any]]) -> list[Any]:
        assert function.endswith(":matmul") and len(arguments) == len(self.specs)
        return [{"seconds": s} for s in self.seconds]


def calibration(**seconds: float) -> Calibration:
    return Calibration(parse_workers("cpu:1,cpu:1"), (), facts={"reference_matmul_s": seconds})


def test_the_ratio_is_now_over_then() -> None:
    kept = calibration(**{"cpu-0": 0.001, "cpu-1": 0.002})
    found = pace(kept, Clocks([0.0011, 0.001]))  # type: ignore[arg-type]
    assert found == {"cpu-0": pytest.approx(1.1), "cpu-1": pytest.approx(0.5)}


def test_nothing_is_said_without_a_reference() -> None:
    bare = Calibration(parse_workers("cpu:1,cpu:1"), ())
    assert pace(bare, Clocks([1.0, 1.0])) == {}  # type: ignore[arg-type]
    assert remark({}) is None


@pytest.mark.parametrize(
    ("ratios", "words"),
    [
        ({"a": 1.2, "b": 0.9}, "a needs 20 % more time"),
        ({"a": 1.05, "b": 0.8}, "b needs 20 % less time"),
        ({"a": 1.039, "b": 0.961}, None),
    ],
)
def test_the_worker_that_changed_most_is_named(ratios: dict[str, float], words: str | None) -> None:
    found = remark(ratios)
    assert (found is None) if words is None else (found is not None and words in found)
