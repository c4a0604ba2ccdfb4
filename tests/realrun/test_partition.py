"""Own modules in pieces: where they are cut, what they cost, and that together they are whole."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realrun.partition.chain import EVENNESS, SLACK, cut_chain, most_stages
from realrun.partition.cost import operator_work, stage_profile
from realrun.partition.modules import InputModule, StageModule
from realrun.partition.reference import StageReference, is_stage, parse_stage
from realrun.partition.source import load
from realrun.partition.stages import Partition, partition
from realrun.partition.whole import call_whole
from realrun.profile import profile
from realrun.programs import BadModule, split_reference
from simulator.errors import InvalidScenario

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "own_torch_module.py"
FACTORIES = ROOT / "tests" / "importers" / "factories.py"


def cut(name: str, cuts: int) -> Partition:
    file = EXAMPLE if name in ("resnet", "transformer") else FACTORIES
    return partition(f"{file}:{name}", cuts + 1)


def most_cuts(name: str) -> int:
    return most_stages(cut(name, 0).flow.allowed) - 1


def composed(pieces: Partition, number: int) -> list[torch.Tensor]:
    """Outputs of all stages in turn; each gets the tensors of its edges and nothing else."""
    made = {0: InputModule(pieces)(number)}
    for stage in range(1, pieces.stages + 1):
        came = {
            t.name: made[a][t.name].clone()
            for (a, b), tensors in pieces.edges.items()
            if b == stage
            for t in tensors
        }
        with torch.inference_mode():
            made[stage] = StageModule(pieces, stage, torch.device("cpu"))(**came)
    return list(made[pieces.stages].values())


# ----- where to cut ------------------------------------------------------------------------------
def pieces_of(ends: tuple[int, ...]) -> list[slice]:
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_other_cut_is_better(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 8))
    number = st.integers(0, 20).map(float)
    work = np.array(data.draw(st.lists(number, min_size=n, max_size=n)))
    crossing = np.array(data.draw(st.lists(number, min_size=n - 1, max_size=n - 1)))
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=n - 1, max_size=n - 1)), bool)
    stages = data.draw(st.integers(1, most_stages(allowed)))
    positions = [i + 1 for i in range(n - 1) if allowed[i]]
    every = [(0, *c, n) for c in itertools.combinations(positions, stages - 1)]
    largest = {e: max(work[p].sum() for p in pieces_of(e)) for e in every}
    passing = {e: sum(crossing[i - 1] for i in e[1:-1]) for e in every}
    least = min(largest.values())
    ends = cut_chain(work, crossing, allowed, stages)
    assert ends in largest  # so many pieces, none empty, only where it is allowed
    within = [e for e in every if largest[e] <= least * (1 + SLACK) * (1 + 1e-9)]
    assert ends in within
    fewest = min(passing[e] for e in within)
    limit = least * (1 + SLACK)

    def price(e: tuple[int, ...]) -> float:
        squares = sum((work[p].sum() / limit) ** 2 for p in pieces_of(e)) if limit else 0.0
        return passing[e] + EVENNESS * fewest / max(stages - 1, 1) * squares

    assert price(ends) == pytest.approx(min(map(price, within)), abs=1e-9)
    assert passing[ends] <= fewest * (1 + EVENNESS * stages / max(stages - 1, 1)) + 1e-9


def test_balance_comes_first() -> None:
    work, crossing = np.array([1.0, 1.0, 1.0, 1.0]), np.array([0.0, 100.0, 0.0])
    assert cut_chain(work, crossing, np.ones(3, bool), 2) == (0, 2, 4)
    assert cut_chain(work, crossing, np.ones(3, bool), 2, slack=0.5) == (0, 1, 4)


def test_what_is_left_over_is_shared_evenly() -> None:
    # The last operator is the largest stage whatever is done; the bytes hardly differ.
    work, crossing = np.array([1.0, 1.0, 1.0, 1.0, 8.0]), np.array([99.9, 100.0, 100.0, 100.0])
    assert cut_chain(work, crossing, np.ones(4, bool), 3) == (0, 2, 4, 5)


# ----- together they are the module --------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "cuts"),
    [("mlp", 4), ("skip", 4), ("towers", 2), ("half", 3), ("resnet", 5), ("transformer", 6)],
)
def test_the_stages_give_the_bits_of_the_module(name: str, cuts: int) -> None:
    for number in (0, 1):
        pieces = cut(name, cuts)
        wanted = call_whole(pieces.flow.source, InputModule(pieces)(number))
        for mine, whole in zip(composed(pieces, number), wanted, strict=True):
            assert mine.dtype == whole.dtype and mine.is_contiguous()
            assert torch.equal(mine, whole)


def test_cut_behind_every_operator_layouts_and_tuples_survive() -> None:
    for cuts in range(most_cuts("turned") + 1):
        pieces = cut("turned", cuts)
        wanted = call_whole(pieces.flow.source, InputModule(pieces)(1))
        got = composed(pieces, 1)
        assert [tuple(t.shape) for t in got] == [tuple(t.shape) for t in wanted]
        assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True)), cuts
    assert cuts > 8


def test_requests_have_inputs_of_their_own_made_of_the_examples_elements() -> None:
    module = InputModule(cut("transformer", 0))
    first, again, other = module(0), module(0), module(5)
    assert torch.equal(first["ids"], again["ids"]) and not torch.equal(first["ids"], other["ids"])
    assert sorted(first["ids"].flatten().tolist()) == sorted(other["ids"].flatten().tolist())
    assert torch.equal(first["mask"], other["mask"])


# ----- what they cost and carry ------------------------------------------------------------------
def test_a_small_network_by_hand() -> None:
    pieces = cut("mlp", 2)
    # Bytes count ten times: 3040 and 1920 | 4800 | 1920 and 1920 is the best of all.
    assert [pieces.label(i) for i in (1, 2, 3)] == ["a..relu", "b", "relu_1..c"]
    costs = [stage_profile(pieces, i) for i in (1, 2, 3)]
    # 3 rows: two FLOPs for each of 4 x 8, 8 x 8 and 8 x 2 weights
    assert [c.flops["matmul"] for c in costs] == [3 * 64, 3 * 128, 3 * 32]
    assert [c.flops["other"] for c in costs] == [24, 0, 24]  # relu
    assert [c.weights_bytes for c in costs] == [4 * (32 + 8), 4 * (64 + 8), 4 * (16 + 2)]
    sizes = {key: sum(t.bytes for t in tensors) for key, tensors in pieces.edges.items()}
    assert sizes == {(0, 1): 4 * 12, (1, 2): 4 * 24, (2, 3): 4 * 24}


def test_skips_go_over_the_heads_of_stages() -> None:
    pieces = cut("skip", 2)  # a | b, times | c, plus
    carried = {key: [t.shape for t in tensors] for key, tensors in pieces.edges.items()}
    assert carried == {(0, 1): [(2, 8)], (0, 2): [(2, 8)], (1, 2): [(2, 8)], (1, 3): [(2, 8)],
                       (2, 3): [(2, 8)]}  # fmt: skip
    assert pieces.edges[1, 2] == pieces.edges[1, 3]  # one tensor, sent to both


def test_branches_do_not_wait_for_each_other() -> None:
    pieces = cut("towers", 1)
    assert set(pieces.edges) == {(0, 1), (0, 2), (1, 2)}
    assert [t.name for t in pieces.edges[0, 1]] == ["x"]
    assert [t.name for t in pieces.edges[0, 2]] == ["y"]


@pytest.mark.parametrize("name", ["resnet", "transformer"])
def test_costs_of_stages_add_up_to_those_of_the_module_itself(name: str) -> None:
    pieces = cut(name, 4)
    source = pieces.flow.source
    assert source.eager is not None
    costs = [stage_profile(pieces, i) for i in range(1, pieces.stages + 1)]
    module = load(source.origin).eager
    assert module is not None
    import copy

    class Tupled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = copy.deepcopy(module).to("meta")

        def forward(self, **tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
            out = self.inner(**tensors)
            return tuple(out.values()) if isinstance(out, dict) else (out,)

    given = {k: t.to("meta") for k, t in InputModule(pieces)(0).items()}
    whole = profile(Tupled(), given, [t.name for t in pieces.puts(pieces.stages)])
    for kind in ("matmul", "conv", "attention"):
        assert sum(c.flops[kind] for c in costs) == whole.flops[kind]
    # Off the CPU attention lays its result out otherwise, which costs the whole one a copy a layer.
    assert sum(c.operators for c in costs) == pytest.approx(whole.operators, rel=0.1)
    assert sum(c.bytes_touched for c in costs) == pytest.approx(whole.bytes_touched, rel=0.05)
    # The embedding is in two stages; normalisations do not use their counters in inference.
    apart = {"transformer": 8000 * 256 * 4, "resnet": -8 * 17}[name]
    assert sum(c.weights_bytes for c in costs) == whole.weights_bytes + apart


def test_stages_are_balanced() -> None:
    pieces = cut("resnet", 3)
    work = operator_work(pieces.flow)
    loads = [work[p].sum() for p in pieces_of(pieces.ends)]
    assert max(loads) < 1.25 * work.sum() / 4 + work.max()


# ----- names and files ---------------------------------------------------------------------------
def test_a_stage_has_a_name_that_can_be_read_back() -> None:
    reference = StageReference(2, 4, "9f3ac01b77de", "/home/me@work/my models.py:resnet")
    assert parse_stage(str(reference)) == reference and is_stage(str(reference))
    assert split_reference(str(reference)) == (str(reference), "fp32")
    for wrong in ("stage:5/4:9f3ac01b77de:x.pt2", "stage:1/0:9f3ac01b77de:x.pt2", "stage:x"):
        with pytest.raises(InvalidScenario, match="stage:INDEX/STAGES"):
            parse_stage(wrong)


def test_another_module_than_was_planned_with_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    text = "import torch\ndef f():\n    return torch.nn.Linear(4, {}), torch.randn(2, 4)\n"
    file.write_text(text.format(4))
    planned = load(f"{file}:f").digest
    assert partition(f"{file}:f", 1, planned).stages == 1
    file.write_text(text.format(40))
    with pytest.raises(BadModule, match="not the module that was planned with"):
        partition(f"{file}:f", 1, planned)


def test_a_file_gives_what_the_factory_gives(tmp_path: Path) -> None:
    source = load(f"{FACTORIES}:turned")
    assert source.eager is not None
    path = tmp_path / "turned.pt2"
    keys = source.program.example_inputs
    assert keys is not None
    torch.export.save(torch.export.export(source.eager, *keys, strict=False), path)
    mine, theirs = partition(str(path), 4), partition(f"{FACTORIES}:turned", 4)
    assert mine.ends == theirs.ends and mine.edges == theirs.edges
    for a, b in zip(composed(mine, 0), composed(theirs, 0), strict=True):
        assert torch.equal(a, b)


def test_open_shapes_are_those_of_the_examples(tmp_path: Path) -> None:
    batch = torch.export.Dim("batch", max=64)
    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU()).eval()
    program = torch.export.export(
        module, (torch.randn(3, 4),), dynamic_shapes=({0: batch},), strict=False
    )
    torch.export.save(program, tmp_path / "open.pt2")
    pieces = partition(str(tmp_path / "open.pt2"), 2)
    assert [t.shape for t in pieces.puts(2)] == [(3, 4)]
    given = InputModule(pieces)(0)
    assert torch.equal(composed(pieces, 0)[0], module(*given.values()))


@pytest.mark.slow
def test_other_processes_cut_alike() -> None:
    code = (
        "import sys\nfrom realrun.partition.stages import partition\n"
        "p = partition(sys.argv[1], 4)\nprint(p.flow.source.digest, p.ends, p.edges)"
    )
    seen = set()
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code, f"{EXAMPLE}:transformer"], cwd=ROOT, text=True,
            capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        seen.add(done.stdout)
    assert len(seen) == 1


def test_nothing_of_it_is_infinite() -> None:
    line = cut("turned", 0).flow
    assert all(math.isfinite(x) and x >= 0 for x in (*operator_work(line), *line.crossing))
