"""The catalogue's modules: they fit together, are what they say, and repeat to the bit."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from realrun import models
from realrun.models import MODELS, BadModel
from realrun.tensors import SIZES, TENSORS
from scenarios.models import load_models
from simulator.errors import AlloclabError, UnknownName

ROOT = Path(__file__).resolve().parents[2]
# Tasks in an order in which their inputs exist; (family, task) of each.
PIPELINES = {
    "translation": [("translation", t) for t in ("understand", "extract", "translate")],
    "detection": [("vision", t) for t in ("preprocess", "backbone", "head", "postprocess")],
    "driving": [
        ("vision", "preprocess"),
        *(("driving", t) for t in ("objects", "lanes", "lidar", "fusion", "planning", "control")),
    ],
    "robot": [("robot", t) for t in ("vision", "speech", "planning", "control")],
    "recommendation": [("recommendation", t) for t in ("user", "item", "rank")],
}
BATCH = 2  # a stored breakpoint


def variants(family: str, task: str) -> list[str]:
    return [s.name for s in MODELS.values() if (s.family, s.task) == (family, task)]


def run(name: str, given: dict[str, torch.Tensor], dtype: str = "fp32") -> torch.Tensor:
    with torch.inference_mode():
        return models.build(name, dtype)(**given)


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for each other on busy cores make small operators ten times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("pick", [0, -1], ids=["small", "large"])
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_pipeline_runs_and_its_tensors_are_as_declared_and_stored(pipeline, pick):
    costs = load_models()
    made: dict[str, torch.Tensor] = {}
    for family, task in PIPELINES[pipeline]:
        name = variants(family, task)[pick]
        spec, cost = models.get(name), costs[name]
        given = {**models.inputs(name, BATCH), **made}  # what was made before goes first
        given = {tensor: given[tensor] for tensor in spec.inputs}
        made[spec.outputs[0]] = out = run(name, given)
        assert {spec.outputs[0]: tuple(out.shape)} == models.output_shapes(name, BATCH)
        index = cost.batch.index(BATCH)
        for tensor, value in (*given.items(), (spec.outputs[0], out)):
            stored = {**cost.input_bytes, **cost.output_bytes}[tensor][index]
            assert value.numel() * value.element_size() == stored, (name, tensor)
        assert torch.isfinite(out.float()).all()
        assert out.float().std() > 1e-4, f"{name} answers the same whatever it is given"


def test_every_model_is_in_a_pipeline_and_small_is_smaller_than_large():
    tasks = set(itertools.chain.from_iterable(PIPELINES.values()))
    assert {(s.family, s.task) for s in MODELS.values()} == tasks
    costs = load_models()
    for family, task in tasks:
        names = variants(family, task)
        assert names, (family, task)
        work = [sum(sum(f) for f in costs[n].flops.values()) for n in names]
        assert work == sorted(set(work)), names


def test_the_variants_of_a_task_are_exchangeable():
    for spec in MODELS.values():
        first = MODELS[variants(spec.family, spec.task)[0]]
        assert (spec.inputs, spec.outputs) == (first.inputs, first.outputs)
        assert models.output_shapes(spec.name, 3) == models.output_shapes(first.name, 3)


@pytest.mark.parametrize("name", ["encoder-small", "postprocess", "fusion-small", "ranker-small"])
def test_half_width_models_give_half_width_tensors(name):
    spec = models.get(name)
    out = run(name, models.inputs(name, 1, "bf16"), "bf16")
    assert out.dtype == torch.bfloat16
    assert tuple(out.shape) == models.output_shapes(name)[spec.outputs[0]]


@pytest.mark.parametrize(
    ("name", "sizes", "shape"),
    [
        ("features-small", {"tokens": 10}, (1, 10, 512)),
        ("decoder-small", {"tokens": 3}, (1, 3)),
        ("speech-small", {"frames": 301}, (1, 76, 512)),
        ("action-planner-small", {"frames": 41}, (1, 16, 128)),
        ("ranker-small", {"candidates": 7}, (1, 7)),
        ("lidar-small", {"points": 100}, (1, 64, 64, 64)),
    ],
)
def test_request_sizes_change_the_shapes_as_declared(name, sizes, shape):
    assert [*models.output_shapes(name, 1, **sizes).values()] == [shape]
    assert tuple(run(name, models.inputs(name, 1, **sizes)).shape) == shape


def weights(name: str, seed: int = 0) -> str:
    digest = hashlib.sha256()
    for key, value in models.build(name, seed=seed).state_dict().items():
        digest.update(key.encode() + value.numpy().tobytes())
    for tensor, value in models.inputs(name, seed=seed).items():
        digest.update(tensor.encode() + value.numpy().tobytes())
    return digest.hexdigest()


def test_a_seed_gives_the_same_weights_and_inputs_in_another_process():
    names = ["encoder-small", "preprocess", "fusion-small", "user-tower-small"]
    script = f"from tests.realrun.test_models import weights; print(*map(weights, {names}))"
    env = {**os.environ, "PYTHONHASHSEED": "123", "OMP_NUM_THREADS": "1"}
    out = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert out.returncode == 0, out.stderr
    assert out.stdout.split() == [weights(name) for name in names]
    assert weights("encoder-small", seed=1) != weights("encoder-small", seed=0)


def test_building_leaves_torchs_own_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    models.build("control")
    models.inputs("control")
    assert torch.equal(torch.rand(3), expected)


def test_stored_weights_are_the_bytes_of_parameters_and_buffers():
    for name, cost in load_models().items():
        module = models.build(name, device="meta")
        count = sum(p.numel() for p in module.parameters())
        count += sum(b.numel() for b in module.buffers())
        assert cost.weights_bytes == 4 * count, name
    assert load_models()["preprocess"].weights_bytes == 4 * (3 + 3)  # two buffers of 3 channels


@pytest.mark.parametrize(
    "name", ["encoder-small", "head-small", "objects-small", "planner-small", "user-tower-small"]
)
def test_a_requests_answer_does_not_depend_on_its_neighbours_in_the_batch(name):
    given = models.inputs(name, 3)
    alone = {tensor: value[1:2] for tensor, value in given.items()}
    torch.testing.assert_close(run(name, given)[1:2], run(name, alone), rtol=1e-3, atol=1e-4)


def test_the_decoder_writes_what_a_pass_over_its_own_output_would_write():
    """The cache of keys and values changes nothing: one causal pass gives the same tokens."""
    decoder = models.build("decoder-small")
    z2 = models.inputs("decoder-small", 2, tokens=6)["z2"]
    with torch.inference_mode():
        target = decoder(z2)
        start = torch.ones(2, 1, dtype=torch.int64)
        x = decoder.embed(torch.cat((start, target[:, :-1]), 1)) + decoder.position[:6]
        memory = decoder.enter(z2)
        for layer in decoder.layers:
            attention, h = layer.self_attention, layer.norm_self(x)
            k, v = attention.remember(h)
            y = F.scaled_dot_product_attention(
                attention.split(attention.query(h)), k, v, is_causal=True
            )
            x = x + attention.out(y.transpose(1, 2).flatten(2))
            x = x + layer.cross_attention(layer.norm_cross(x), memory)
            x = x + layer.mlp(layer.norm_mlp(x))
        again = decoder.logits(decoder.norm(x)).argmax(-1)
    assert torch.equal(target, again)
    assert len(set(target.flatten().tolist())) > 1


def test_overlapping_boxes_lose_their_score_and_distant_ones_keep_it():
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 5, 10, 15], [90, 90, 99, 99]]])
    factors = models.build("postprocess").decay(boxes)
    # The third shares 50 of 150 with the first: 1 - 1/3; the second is worse than nothing to it.
    torch.testing.assert_close(factors, torch.tensor([[1.0, 0.0, 2 / 3, 1.0]]))


def test_the_order_of_lidar_points_does_not_matter():
    points = models.inputs("lidar-small", points=500)["points"]
    shuffled = points[:, torch.randperm(500, generator=torch.Generator().manual_seed(0))]
    assert torch.equal(
        run("lidar-small", {"points": points}), run("lidar-small", {"points": shuffled})
    )


def test_fusion_works_between_two_lidar_sweeps_and_sees_a_sweep():
    given = models.inputs("fusion-small", 2)
    whole = run("fusion-small", given)
    for missing in given:
        rest = {tensor: value for tensor, value in given.items() if tensor != missing}
        partial = run("fusion-small", rest)
        assert partial.shape == whole.shape
        assert not torch.allclose(partial, whole)


def test_importing_realrun_and_its_registry_does_not_import_torch():
    script = (
        "import sys, realrun, realrun.models as m; m.output_shapes('encoder-small');"
        "print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.strip() == "False", out.stderr


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: models.get("encoder-smal"), "did you mean 'encoder-small'"),
        (lambda: models.build("planer-large"), "did you mean 'planner-large'"),
        (lambda: models.build("control", dtype="fp31"), "did you mean 'fp32'"),
        (lambda: models.build("control", seed=-1), "seed"),
        (lambda: models.inputs("encoder-small", token=3), "did you mean 'tokens'"),
        (lambda: models.inputs("encoder-small", tokens=513), "from 1 to 512, not 513"),
        (lambda: models.inputs("encoder-small", tokens=0), "from 1 to 512, not 0"),
        (lambda: models.inputs("encoder-small", batch=0), "batch"),
        (lambda: models.output_shapes("control", 1, tokens=3), "unknown size 'tokens'"),
    ],
)
def test_wrong_names_and_sizes_are_one_clear_sentence(call, says):
    with pytest.raises(AlloclabError) as caught:
        call()
    assert says in str(caught.value)
    assert isinstance(caught.value, UnknownName | BadModel)


def test_declared_sizes_and_tensors_are_all_used():
    used = set(itertools.chain.from_iterable((*s.inputs, *s.outputs) for s in MODELS.values()))
    assert used == set(TENSORS)
    assert set().union(*(t.sizes for t in TENSORS.values())) == set(SIZES)


def test_modules_are_ready_for_inference():
    module = models.build("encoder-small")
    assert isinstance(module, nn.Module) and not module.training
    assert not any(p.requires_grad for p in module.parameters())
