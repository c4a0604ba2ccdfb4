"""The protocol against a machine of which the truth is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from realrun.validate import budget
from realrun.validate.ablation import NO_CONTENTION, NO_OVERHEADS, PEAK_ONLY, over_peak
from realrun.validate.choice import choose
from realrun.validate.judging import Rules
from realrun.validate.loads import (
    HEAVY,
    LIGHT,
    SPACING,
    bottleneck_s,
    cases,
    light_times,
    rates,
    turns,
    without_luck,
)
from realrun.validate.protocol import order
from realrun.validate.replay import cpu_work, fidelity, replayed, slack_s
from realrun.validate.rows import PREDICTIONS, ROWS, Store
from realrun.validate.summary import pooled, summarise
from realrun.validate.validation import Subject, validate
from simulator import Arrivals, Distribution, Size, Stream, Work, draw, simulate
from simulator.errors import AlloclabError
from tests.realrun.fake_runner import FakeMachine, measured, problem, still

UNLIKE = [[0], [1]]
RULES = Rules()


def subject(tasks=4, name="chain", most=6, **options):
    given = problem(tasks=tasks)
    return Subject(name, "cpu:1,cpu:1", given, choose(given, {}, identical=UNLIKE, most=most),
                   unlike=True, **options)  # fmt: skip


def outcome(machine, rounds=5, **options):
    found, session = validate(subject(**options), machine, still, rounds)
    return summarise(found, RULES), found, session


def light(summary, key="wall_clock"):
    return summary["loads"]["light"]["mean_latency"][key]


# ----- what comes out of it -------------------------------------------------------------------
def test_a_perfect_prediction_has_no_error():
    found, _, _ = outcome(FakeMachine())
    for load in ("light", "heavy"):
        for measure in ("makespan", "mean_latency"):
            for kind in ("wall_clock", "durations", "rules_alone", "noise_floor"):
                assert found["loads"][load][measure][kind]["max"] < 1e-9
    assert found["fidelity"]["violations"] == 0
    assert found["rejected_share"] == 0
    assert found["wall_clock_is_assessable"]


@pytest.mark.parametrize("bias", [0.9, 1.05])
def test_a_planted_bias_is_recovered(bias):
    found, _, _ = outcome(FakeMachine(bias=bias, noise=0.01))
    error = 1 / bias - 1
    for kind in ("wall_clock", "durations"):
        e = light(found, kind)
        assert e["bias"] == pytest.approx(error, abs=0.006)
        assert e["bias_low"] <= e["bias"] <= e["bias_high"]
        assert e["median"] == pytest.approx(abs(error), abs=0.006)
    assert light(found, "noise_floor")["median"] < 0.01
    # Fed with the true durations the simulator is right: nothing else is wrong on this machine.
    assert light(found, "rules_alone")["max"] < 1e-6


def test_a_machine_that_becomes_slower_shows_as_drift():
    machine = FakeMachine()

    def ages(case):
        machine.bias = 1.0 + 0.05 * (machine.runs // 12)  # 6 allocations under 2 loads a round
        return machine(case)

    drift = outcome(ages)[0]["loads"]["light"]["drift"]
    assert drift == pytest.approx([1 / (1 + 0.05 * r) - 1 for r in range(5)], abs=1e-3)


def test_stolen_time_is_in_the_wall_clock_and_not_in_the_durations():
    found, _, _ = outcome(FakeMachine(bias=1.25, stolen=0.2))
    assert light(found)["bias"] == pytest.approx(1 / 1.25 - 1, abs=0.01)
    assert light(found, "durations")["bias"] == pytest.approx(0.0, abs=1e-3)
    assert found["rejected"] == {"off CPU": found["runs"]}
    assert not found["wall_clock_is_assessable"]
    assert light(found, "wall_clock_survivors") is None


def test_a_wrong_order_is_detected():
    # The node that is predicted to be slow is in truth the quick one.
    found, _, _ = outcome(FakeMachine(bias={"n0": 4.0, "n1": 0.5}))
    ranking = found["loads"]["light"]["ranking"]
    assert ranking["pairs_right"] < 0.2 * ranking["pairs_apart"]
    assert ranking["tau_b"] < -0.5
    assert ranking["regret"] > 0.5


def test_the_right_order_is_found_right():
    ranking = outcome(FakeMachine(noise=0.005))[0]["loads"]["light"]["ranking"]
    assert ranking["pairs_right"] == ranking["pairs_apart"] > 10
    assert ranking["regret"] == pytest.approx(0.0, abs=0.01)


def test_late_starts_are_rejected():
    found, _, _ = outcome(FakeMachine(late_s=0.01))
    assert set(found["rejected"]) == {"late start"}


def test_a_slow_probe_rejects_its_run_only():
    calls = iter(range(10_000))

    def probe():
        return [1.5e-3 if next(calls) == 10 else 1e-3, 1e-3]

    found, _ = validate(subject(), FakeMachine(), probe, 5)
    assert [r["rejected"] for r in found.rows].count("slow probe") == 1
    assert found.rows[5]["rejected"] == "slow probe"


# ----- fidelity -------------------------------------------------------------------------------
def test_a_planted_violation_is_counted():
    given = problem(tasks=3)
    case = cases(given, choose(given, {}, identical=UNLIKE).candidates[:1], 2, 4)[0]
    trace = simulate(case.problem, case.candidate.allocation, realisation=case.realisation)
    good = measured(trace)
    assert fidelity(good, case.predicted, slack_s(given)).violations == {}
    log = good.log
    start = log.start.copy()
    start[0, 1] -= 0.004  # starts before its input is there, while its producer runs
    bad = replace(good, log=replace(log, start=start))
    found = fidelity(bad, case.predicted, slack_s(given))
    assert found.violations["start"] == 1
    assert found.share >= 1 / found.checked
    assert found.checked == 6


def test_message_times_are_compared_without_waking():
    given = problem(tasks=2)
    nodes = tuple(replace(n, wake_s=1e-3) for n in given.cluster.nodes)
    given = replace(given, cluster=replace(given.cluster, nodes=nodes))
    across = [c for c in choose(given, {}, identical=UNLIKE).candidates
              if len({p.node for p in c.allocation.placements}) == 2][:1]  # fmt: skip
    case = cases(given, across, 1, 2)[0]
    real = measured(case.predicted)  # as if 1 ms of waking had passed on the way
    error = fidelity(real, case.predicted, 1.0).message_error_s
    assert error == pytest.approx([1e-3])


def test_replay_feeds_the_simulator_with_measured_work():
    given = problem(tasks=3)
    case = cases(given, choose(given, {}, identical=UNLIKE).candidates[:1], 2, 4)[0]
    ran = FakeMachine(bias=1.5)(case)
    again = replayed(ran.trace, cpu_work(ran.trace))
    assert again.makespan == pytest.approx(ran.trace.makespan, rel=1e-9)
    assert again.makespan > case.predicted.makespan


# ----- loads ----------------------------------------------------------------------------------
def test_luck_is_switched_off():
    given = problem()
    noisy = replace(
        given.streams[0],
        noise=Distribution("gamma", {"mean": 1.0, "cv": 0.5}),
        arrivals=Arrivals("poisson", rate=3.0),
        requests=50,
        sizes={"tokens": Size(Distribution("exponential", {"mean": 9.0}), 8.0)},
    )
    calm = without_luck(replace(given, streams=(noisy,)))
    assert np.array_equal(calm.seconds, calm.arrays.seconds)
    for seed in (0, 1):
        assert draw(calm, seed).task_factor.size == 0
        assert draw(calm, seed).arrival.tolist() == [0.0]


def test_light_requests_never_meet():
    given = problem()
    for c in choose(given, {}, identical=UNLIKE).candidates:
        for case in cases(given, [c], 4, 8, loads=(LIGHT,)):
            log = case.predicted.log
            assert (log.arrival[1:] > log.completed[:-1]).all()


def test_light_load_is_spaced_by_the_predicted_latency():
    given = problem(tasks=2)
    allocation = choose(given, {}, identical=UNLIKE).candidates[0].allocation
    alone = simulate(without_luck(given), allocation).makespan
    times = light_times(given, allocation, [0, 0, 0])
    assert times[0] == pytest.approx([0.0, SPACING * alone, 2 * SPACING * alone])


def test_heavy_load_is_the_same_for_all_and_80_percent_of_the_best():
    given = problem()
    chosen = choose(given, {}, identical=UNLIKE).candidates
    found = [c for c in cases(given, chosen, 3, 400, seed=3) if c.load == HEAVY]
    assert len({tuple(c.realisation.arrival) for c in found}) == 1
    best = min(bottleneck_s(given, c.allocation) for c in chosen)
    gap = np.diff(found[0].realisation.arrival).mean()
    assert best / gap == pytest.approx(0.8, rel=0.15)


def test_the_bottleneck_by_hand():
    given = problem(tasks=2, slow=2.0)  # 10 and 20 ms on the first node, twice that on the second
    allocation = {
        tuple(c.allocation.arrays(given)[0].tolist()): c.allocation
        for c in choose(given, {}, identical=UNLIKE).candidates
    }
    assert bottleneck_s(given, allocation[0, 0]) == pytest.approx(0.03)
    assert bottleneck_s(given, allocation[0, 1]) == pytest.approx(0.04)
    assert bottleneck_s(given, allocation[1, 0]) == pytest.approx(0.02)


def test_streams_come_in_turn_by_their_rates():
    base = problem().streams[0]
    fast, slow = (Stream(n, base.graph, Arrivals("constant", rate=r)) for n, r in (("a", 30.0),
                  ("b", 10.0)))  # fmt: skip
    assert rates([fast, slow]).tolist() == [0.75, 0.25]
    assert turns(rates([fast, slow]), 8).count(1) == 2
    assert sorted(set(turns(np.array([0.99, 0.01]), 3))) == [0, 1]  # each comes at least once


def test_several_streams_are_validated_together():
    given = problem(tasks=2)
    base = given.streams[0]
    two = replace(given, streams=(replace(base, name="a"), replace(base, name="b")))
    chosen = choose(two, {}, identical=UNLIKE, most=4).candidates
    for case in cases(two, chosen, 4, 8):
        assert set(case.realisation.stream) == {0, 1}
        assert np.isfinite(case.predicted.makespan)


# ----- order, budget, files -------------------------------------------------------------------
def test_every_round_has_every_case_once_in_an_order_of_its_own():
    given = problem()
    made = cases(given, choose(given, {}, identical=UNLIKE).candidates, 3, 8)
    queue = order(made, 5, seed=1)
    rounds = [[c.name for r, c in queue if r == i] for i in range(5)]
    assert all(sorted(names) == sorted(c.name for c in made) for names in rounds)
    assert len({tuple(names) for names in rounds}) == 5
    assert [c.name for _, c in order(made, 5, seed=1)] == [c.name for _, c in queue]


def test_the_budget_takes_requests_then_allocations_but_never_rounds():
    given = problem()
    chosen = choose(given, {}, identical=UNLIKE).candidates

    def build(kept, light_requests, heavy_requests):
        return cases(given, kept, light_requests, heavy_requests)

    whole = budget.fit(build, chosen, 7, None)
    assert (whole.rounds, len(whole.cases), whole.remarks) == (7, 32, [])
    fewer = budget.fit(build, chosen, 5, 0.9 * budget.duration_s(build(chosen, 6, 20), 5))
    assert len(fewer.cases) == 32
    assert "requests" in fewer.remarks[0]
    least = budget.fit(build, chosen, 2, 1.0)
    assert least.rounds == 5
    assert len(least.cases) == 2 * budget.LEAST_CANDIDATES
    assert any("6 of 16 allocations" in r for r in least.remarks)
    assert any("longer than asked for" in r for r in least.remarks)
    assert any("2 rounds were asked for" in r for r in least.remarks)


def test_predictions_are_there_before_the_first_run(tmp_path):
    seen = []

    def machine(case):
        seen.append((tmp_path / PREDICTIONS).exists())
        return FakeMachine()(case)

    found, _ = validate(subject(), machine, still, 5, store=Store(tmp_path))
    assert seen and all(seen)
    written = json.loads((tmp_path / PREDICTIONS).read_text())
    assert written["cases"][0]["makespan"] == found.predicted["cases"][0]["makespan"]
    assert len((tmp_path / ROWS).read_text().splitlines()) == len(found.rows)


def test_an_interrupted_session_goes_on_where_it_was(tmp_path):
    machine = FakeMachine()

    def breaks(case):
        if machine.runs == 7:
            raise KeyboardInterrupt
        return machine(case)

    part, session = validate(subject(), breaks, still, 5, store=Store(tmp_path))
    assert session.interrupted
    assert len(part.rows) == 7
    assert any("interrupted after 7 runs" in r for r in part.remarks)
    with (tmp_path / ROWS).open("a") as file:
        file.write('{"load": "li')  # killed while it wrote
    rest = FakeMachine()
    whole, session = validate(subject(), rest, still, 5, store=Store(tmp_path))
    assert not session.interrupted
    assert len(whole.rows) == 5 * 12
    keys = {(r["load"], r["allocation"], r["round"]) for r in whole.rows}
    assert len(keys) == 5 * 12
    assert rest.runs == 5 * 12 - 7
    assert set(session.shown) == {"light", "heavy"}


def test_runs_of_other_predictions_are_not_mixed(tmp_path):
    validate(subject(), FakeMachine(), still, 5, store=Store(tmp_path))
    with pytest.raises(AlloclabError, match="holds runs of other predictions"):
        validate(subject(tasks=5), FakeMachine(), still, 5, store=Store(tmp_path))


# ----- pooling and ablation -------------------------------------------------------------------
def test_what_is_pooled():
    kinds = {"unlike": {}, "small": {}, "large": {"tasks": 6}, "emulated": {}}
    found = {}
    for name, options in kinds.items():
        made = replace(subject(name=name, **options), unlike=name == "unlike")
        machine = FakeMachine(emulated=name == "emulated")
        found[name], _ = validate(made, machine, still, 5)
    pool = pooled(list(found.values()), RULES)
    assert pool["pipelines"] == ["unlike on cpu:1,cpu:1", "large on cpu:1,cpu:1"]
    assert pool["loads"]["light"]["mean_latency"]["wall_clock"]["allocations"] == 12
    assert pooled([found["small"], found["emulated"]], RULES) is None


def test_errors_are_over_held_out_allocations():
    given = subject()
    harvested = tuple(replace(c, harvested=i < 3) for i, c in enumerate(given.choice.candidates))
    made = replace(given, choice=replace(given.choice, candidates=harvested))
    found, _ = validate(made, FakeMachine(), still, 5)
    assert light(summarise(found, RULES))["allocations"] == 3
    assert summarise(found, RULES)["loads"]["light"]["ranking"]["allocations"] == 6


def with_terms(given):
    """Overheads and co-running that take time, so that leaving them out shows."""
    nodes = tuple(
        replace(n, dispatch_s=4e-3, slots=2, corun=(1.0, 1.6)) for n in given.cluster.nodes
    )
    return replace(given, cluster=replace(given.cluster, nodes=nodes))


def test_leaving_out_a_term_makes_it_worse():
    given = with_terms(problem())
    made = Subject("chain", "w", given, choose(given, {}, identical=UNLIKE, most=6), True)
    found, _ = validate(made, FakeMachine(), still, 5)
    summary = summarise(found, RULES)
    lights, heavies = (summary["loads"][load]["ablation"] for load in ("light", "heavy"))
    assert lights["full"]["max"] < 1e-9
    assert lights[NO_OVERHEADS]["median"] > 0.02
    assert lights[NO_CONTENTION]["max"] < 0.01  # requests never meet; messages are short
    assert heavies[NO_CONTENTION]["max"] > 0.05


def test_durations_from_peak_alone_are_too_short():
    measured_streams = problem().streams
    base = measured_streams[0]
    counted = tuple(
        replace(t, variants=(replace(t.variants[0], seconds=None, work=Work({"matmul": flops})),))
        for t, flops in zip(base.graph.tasks, (1e9, 4e9, 9e9, 16e9), strict=True)
    )
    other = replace(base, graph=replace(base.graph, tasks=counted))
    (found,) = over_peak(measured_streams, (other,))
    # 1, 4, 9, 16 GFLOP in 10, 20, 30, 40 ms: the last reaches the peak of 400 GFLOP/s.
    seconds = [t.variants[0].seconds["n0"][0] for t in found.graph.tasks]
    assert seconds == pytest.approx([0.0025, 0.01, 0.0225, 0.04])
    made = subject(durations={PEAK_ONLY: (found,)})
    result, _ = validate(made, FakeMachine(), still, 5)
    ablation = summarise(result, RULES)["loads"]["light"]["ablation"]
    assert ablation[PEAK_ONLY]["bias"] < -0.1
