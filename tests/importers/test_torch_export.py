"""Own torch modules as scenarios: what is read, how cuts are changed, what is said of bad ones."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest
import torch

from scenarios import load, load_cluster
from scenarios.importers.torch_export import module_graph, with_cuts
from scenarios.loader import parse_scenario
from scenarios.override import override
from scenarios.study.content import digest, scenario_content
from schedulers import solve
from simulator import simulate
from simulator.errors import AlloclabError, InvalidScenario, UnknownName

FACTORIES = Path(__file__).with_name("factories.py")
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_torch_module.py"


def scenario(module: dict, **stream: object) -> dict:
    return {"alloclab": 1, "cluster": "cpu-pair", "streams": {"s": {"module": module, **stream}}}


def exported(folder: Path) -> Path:
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    program = torch.export.export(module.eval(), (torch.randn(3, 4),), strict=False)
    torch.export.save(program, folder / "small.pt2")
    return folder / "small.pt2"


# ----- what is read ------------------------------------------------------------------------------
def test_a_module_is_named_like_a_scenario() -> None:
    found = load(f"{FACTORIES}:mlp", cuts=2)
    graph = found.streams[0].graph
    assert found.name == "mlp" and found.cluster.name == "edge-cloud"
    assert [t.name for t in graph.tasks] == ["inputs", "stage1", "stage2", "stage3"]
    assert [(e.src, e.dst, e.bytes) for e in graph.edges] == [
        ("inputs", "stage1", 48.0), ("stage1", "stage2", 96.0), ("stage2", "stage3", 96.0)
    ]  # fmt: skip
    assert graph.tasks[0].pinned == "entry" and graph.tasks[0].variants[0].output_bytes == 48.0
    work = graph.tasks[2].variants[0].work
    assert work is not None and work.flops == {"matmul": 384.0}
    assert work.dtype == "fp32" and graph.tasks[2].variants[0].weights_bytes == 4 * 72


def test_it_is_scheduled_and_simulated_on_any_cluster() -> None:
    problem = load(f"{EXAMPLE}:transformer").on(load_cluster("hetero-lab")).problem()
    trace = simulate(problem, solve("heft", problem).allocation)
    assert 0 < trace.metrics()["makespan"] < 1


def test_file_names_start_from_the_scenarios_folder(tmp_path: Path) -> None:
    path = exported(tmp_path)
    (tmp_path / "base.yaml").write_text(
        "alloclab: 1\ncluster: cpu-pair\nstreams:\n  s:\n    module: {exported: small.pt2}\n"
    )
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "mine.yaml").write_text(
        "alloclab: 1\nextends: ../base.yaml\nstreams: {s: {module: {cuts: 1, near: server}}}\n"
    )
    graph = load(tmp_path / "deeper" / "mine.yaml").streams[0].graph
    assert len(graph.tasks) == 3 and graph.tasks[0].pinned == "server"
    assert str(path.resolve()) in str(graph.tasks[1].variants[0].module)


def test_a_layer_may_take_another_module_or_tasks(tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / "a.yaml").write_text(
        "alloclab: 1\ncluster: cpu-pair\n"
        f"streams: {{s: {{module: {{factory: '{FACTORIES}:mlp'}}}}}}\n"
    )
    (tmp_path / "b.yaml").write_text(
        "alloclab: 1\nextends: a.yaml\nstreams: {s: {module: {exported: small.pt2, cuts: 0}}}\n"
    )
    (tmp_path / "c.yaml").write_text(
        "alloclab: 1\nextends: a.yaml\nstreams: {s: {tasks: {t: {duration: 1 ms}}}}\n"
    )
    assert len(load(tmp_path / "b.yaml").streams[0].graph.tasks) == 2
    assert [t.name for t in load(tmp_path / "c.yaml").streams[0].graph.tasks] == ["t"]


def test_what_is_written_out_reads_back_the_same(tmp_path: Path) -> None:
    from scenarios import export

    whole = load(f"{FACTORIES}:skip", cuts=2)
    (tmp_path / "skip.yaml").write_text(export.render(whole, ".yaml"))
    again = load(tmp_path / "skip.yaml")
    assert again.streams[0].graph == whole.streams[0].graph


# ----- cuts --------------------------------------------------------------------------------------
def test_cuts_are_changed_without_the_file() -> None:
    data = scenario({"factory": f"{FACTORIES}:mlp", "cuts": 1, "near": "server"}, deadline="1 s")
    before = parse_scenario(data)
    after = override(before, cuts=3)
    assert len(before.streams[0].graph.tasks) == 3 and len(after.streams[0].graph.tasks) == 5
    assert after.streams[0].graph.tasks[0].pinned == "server"
    assert after.streams[0].deadline_s == 1.0
    assert with_cuts(after, 1).streams == before.streams


@pytest.mark.parametrize("cuts", [-1, 5, 99])
def test_cuts_out_of_range(cuts: int) -> None:
    with pytest.raises(InvalidScenario, match=r"cuts must be from 0 to 4 .* got"):
        with_cuts(load(f"{FACTORIES}:mlp"), cuts)


def test_cuts_of_what_has_no_module() -> None:
    with pytest.raises(InvalidScenario, match="has no module"):
        override(load("translation"), cuts=2)
    with pytest.raises(InvalidScenario, match="whole number"):
        override(load(f"{FACTORIES}:mlp"), cuts=2.5)  # type: ignore[arg-type]


def test_cuts_are_a_parameter_of_studies(tmp_path: Path) -> None:
    from scenarios.study.loading import parse
    from scenarios.study.resolve import Resolver

    text = (
        "alloclab-study: 1\nname: s\nscenarios: ['" + f"{FACTORIES}:mlp" + "']\n"
        "parameters: {grid: {cuts: [0, 2]}}\nschedulers: [heft]\nseeds: 1\n"
    )
    study = parse(text, "study", tmp_path)
    resolver = Resolver(study)
    sizes = [len(resolver.scenario(0, p).streams[0].graph.tasks) for p in study.points]
    assert sizes == [2, 4]


def test_where_the_file_lies_does_not_change_what_is_studied(tmp_path: Path) -> None:
    copy = tmp_path / "copy.py"
    copy.write_text(FACTORIES.read_text())
    contents = {digest(scenario_content(load(f"{file}:mlp", cuts=1))) for file in (FACTORIES, copy)}
    assert len(contents) == 1
    assert digest(scenario_content(load(f"{copy}:mlp", cuts=2))) not in contents


# ----- bad ones ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        ("gate", "depends on the values in its tensors"),
        ("picked", "depends on the values in its tensors"),
        ("conditional", "'cond' is controlled by data"),
        ("counting", "writes to 'calls'"),
        ("five", "puts out no tensor"),
        ("double", "computes in float64; supported are fp32, fp16, bf16"),
        ("misfit", "raised RuntimeError on its example inputs"),
        ("raises", "the factory raised ValueError: the disk is full"),
        ("leaves", "the factory raised SystemExit"),
        ("number", "must return .* got int"),
        ("no_inputs", "must return .* got Linear"),
        ("text_inputs", "example inputs must be a tensor, .* got str"),
        ("NOT_A_FUNCTION", "raised TypeError"),
    ],
)
def test_a_bad_factory_is_one_sentence(factory: str, expected: str) -> None:
    with pytest.raises(InvalidScenario, match=expected) as caught:
        load(f"{FACTORIES}:{factory}")
    text = str(caught.value)
    assert text.startswith(f"{FACTORIES}:{factory}") and "\n" not in text and len(text) <= 300


def test_a_factory_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown factory 'mpl'; did you mean 'mlp'") as caught:
        load(f"{FACTORIES}:mpl")
    assert "Linear" not in str(caught.value) and "Mlp" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import torch\nimport no_such_package\n", "raised ModuleNotFoundError"),
        ("def f(:\n", "raised SyntaxError"),
        ("raise KeyError('x')\n", "raised KeyError"),
    ],
)
def test_a_bad_file_is_one_sentence(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(InvalidScenario, match=expected):
        load(f"{tmp_path / 'mine.py'}:f")


def test_a_file_that_is_not_there() -> None:
    for name in ("no.pt2", "no.py:f"):
        with pytest.raises(InvalidScenario, match="the file cannot be read: No such file"):
            load(name)


@pytest.mark.parametrize(
    ("module", "stream", "expected"),
    [
        ({}, {}, "module: give either factory or exported"),
        ({"factory": "a.py:f", "exported": "a.pt2"}, {}, "give either factory or exported"),
        ({"factory": "a.py"}, {}, "factory: expected FILE.py:FUNCTION"),
        ({"factory": "torchvision.models:resnet18"}, {}, "factory: expected FILE.py:FUNCTION"),
        ({"exported": "a.onnx"}, {}, "exported: expected a file FILE.pt2"),
        ({"exported": "a.pt2", "cuts": "two"}, {}, "module.cuts: expected a whole number"),
        ({"exported": "a.pt2", "cuts": -1}, {}, "module.cuts: expected a value of at least 0"),
        ({"exported": "a.pt2", "cut": 1}, {}, "did you mean 'cuts'"),
        ({"exported": "a.pt2"}, {"tasks": {"t": {"duration": 1}}}, "give either tasks or module"),
        ({"exported": "a.pt2"}, {"generate": {"family": "chain"}}, "generate or module"),
        ({"exported": "a.pt2"}, {"batch": 2}, "shapes of its example inputs"),
        ("a.pt2", {}, "module: expected a mapping"),
    ],
)
def test_a_bad_key_is_one_sentence(module, stream, expected: str) -> None:
    with pytest.raises(InvalidScenario, match=r"streams\.s") as caught:
        parse_scenario(scenario(module, **stream))
    assert expected in str(caught.value)


def test_files_that_are_none_of_torch_export(tmp_path: Path) -> None:
    for content in (b"", b"hello", b"\x80\x02}q\x00."):
        (tmp_path / "bad.pt2").write_bytes(content)
        with pytest.raises(InvalidScenario, match="no archive"):
            load(tmp_path / "bad.pt2")
    with zipfile.ZipFile(tmp_path / "bad.pt2", "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(InvalidScenario, match=r"torch .* cannot load this file"):
        load(tmp_path / "bad.pt2")
    torch.save({"weight": torch.ones(3)}, tmp_path / "state.pt2")
    with pytest.raises(InvalidScenario, match=r"torch .* cannot load this file"):
        load(tmp_path / "state.pt2")


def damaged(whole: bytes, seed: int) -> bytes:
    """Cut off, or with some bytes changed."""
    rng = random.Random(seed)
    if seed % 3 == 0:
        return whole[: rng.randrange(len(whole))]
    out = bytearray(whole)
    for _ in range(rng.choice((1, 8, 64))):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


@pytest.mark.parametrize(
    "seeds", [range(20), pytest.param(range(20, 220), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_damaged_files_are_refused_or_whole(tmp_path: Path, seeds: range) -> None:
    whole, refused = exported(tmp_path).read_bytes(), 0
    for seed in seeds:
        path = tmp_path / f"damaged{seed}.pt2"
        path.write_bytes(damaged(whole, seed))
        try:
            assert len(module_graph(str(path), 1).tasks) == 3  # what was hit is not read
        except AlloclabError as error:
            refused += 1
            assert "\n" not in str(error) and str(path) in str(error)
    assert refused >= len(seeds) // 3


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.write_text, (self.path, "executed")


def test_pickled_objects_are_not_executed(tmp_path: Path) -> None:
    import io

    path, trace = exported(tmp_path), tmp_path / "executed.txt"
    payload = io.BytesIO()
    torch.save(Evil(trace), payload)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    hit = [name for name in entries if name.endswith(".pt") or "sample_inputs" in name]
    assert hit
    for evil in (False, True):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for name, content in entries.items():
                archive.writestr(name, payload.getvalue() if evil and name in hit else content)
        if not evil:
            assert len(load(path).streams[0].graph.tasks) == 4  # inputs and three operators
    with pytest.raises(InvalidScenario, match="cannot load this file"):
        load(path)
    assert not trace.exists()
