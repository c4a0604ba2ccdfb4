"""Calibrate two workers, predict an allocation, run it for real, and compare.

python examples/validate.py
"""

from __future__ import annotations

from scenarios import load
from scenarios.override import override
from schedulers import solve
from simulator import simulate


def main() -> None:
    from realrun.calibrate import calibrate
    from realrun.devices import parse_workers
    from realrun.execute import execute
    from realrun.pool import Workers

    scenario = load("translation")
    with Workers(parse_workers("cpu:1,cpu:1")) as workers:
        calibration = calibrate(workers, {scenario.name: scenario.streams})
        measured = override(scenario.calibrated(calibration), requests=20)
        problem = measured.problem(seed=0)
        for scheduler in ("heft", "round_robin"):
            outcome = solve(scheduler, problem, seed=0)
            predicted = simulate(problem, outcome.allocation, seed=0)
            real = execute(problem, outcome.allocation, workers, seed=0).trace
            off = predicted.makespan / real.makespan - 1
            print(
                f"{scheduler}: predicted {predicted.makespan:.3f} s, real {real.makespan:.3f} s, "
                f"off by {100 * off:+.1f} %"
            )


if __name__ == "__main__":
    main()
