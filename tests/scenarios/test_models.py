"""The stored costs are those of the modules; the devices are complete and readable."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scenarios import models as stored
from scenarios.models import DTYPE_BYTES, load_models, model_cost
from simulator.costs import roofline_seconds
from simulator.errors import UnknownName
from simulator.units import parse

ROOT = Path(__file__).resolve().parents[2]
FILE = yaml.safe_load(stored.PATH.read_text(encoding="utf-8"))
DEVICES = yaml.safe_load((ROOT / "scenarios/clusters/devices.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILE["models"])
def test_the_stored_costs_are_those_of_the_module(name):
    from realrun.profile import cost

    assert cost(name) == FILE["models"][name], "run python -m scenarios.models --update"


def test_the_file_lists_every_model_in_the_registrys_order():
    from realrun import models, profile

    assert list(FILE["models"]) == models.names()
    assert FILE["batch"] == list(profile.BATCHES)
    assert FILE["dtypes"] == list(models.DTYPES)
    assert set(DTYPE_BYTES) == set(models.DTYPES)


def test_the_file_is_written_as_it_stands():
    assert stored.render(FILE) == stored.PATH.read_text(encoding="utf-8")


def test_update_writes_the_file_and_a_stale_one_is_noticed(monkeypatch, tmp_path, capsys):
    path = tmp_path / "models.yaml"
    path.write_text("old\n", encoding="utf-8")
    monkeypatch.setattr(stored, "PATH", path)
    monkeypatch.setattr(stored, "count", lambda: FILE)
    assert stored.main([]) == 1
    assert "out of date" in capsys.readouterr().err
    assert stored.main(["--update"]) == 0
    assert stored.main([]) == 0
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == FILE


def test_loading_needs_no_torch():
    script = (
        "import sys, scenarios.models as m; print(len(m.load_models()), 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.split() == [str(len(FILE["models"])), "False"], out.stderr


@pytest.mark.parametrize("name", FILE["models"])
def test_costs_grow_with_the_batch_as_work_must(name):
    cost = load_models()[name]
    for values in (*cost.flops.values(), *cost.input_bytes.values(), *cost.output_bytes.values()):
        assert [v * cost.batch[-1] for v in values] == [values[-1] * b for b in cost.batch]
    # Bytes are weights read once, and activations in proportion: a straight line.
    step = cost.bytes_touched[1] - cost.bytes_touched[0]
    assert all(
        got == cost.bytes_touched[0] + step * (b - 1)
        for b, got in zip(cost.batch, cost.bytes_touched, strict=True)
    )
    assert list(cost.activation_bytes) == sorted(cost.activation_bytes)
    out = next(iter(cost.output_bytes.values()))
    assert all(a >= o for a, o in zip(cost.activation_bytes, out, strict=True))


def test_another_dtype_halves_floats_and_leaves_ids_and_sensor_data_alone():
    full = model_cost("encoder-small")
    half = full.at("bf16")
    assert half.dtype == "bf16"
    assert 2 * half.weights_bytes == full.weights_bytes
    assert [2 * b for b in half.bytes_touched] == list(full.bytes_touched)
    assert half.input_bytes == full.input_bytes  # token ids
    assert half.output_bytes["z1"][0] == 24 * 512 * 2
    assert (half.flops, half.operators) == (full.flops, full.operators)
    assert half.at("fp32") == full
    assert model_cost("preprocess").at("fp16").input_bytes["frame"][0] == 3 * 720 * 1280


def test_wrong_names_say_which_is_nearest():
    with pytest.raises(UnknownName, match=r"here: unknown model 'features'.*'features-small'"):
        model_cost("features", where="here")
    with pytest.raises(UnknownName, match="did you mean 'bf16'"):
        model_cost("control").at("bf15")


def test_the_readers_copy_is_its_own():
    load_models().clear()
    assert load_models()


QUANTITIES = {
    "memory": "bytes",
    "memory_bandwidth": "bandwidth",
    "load_bandwidth": "bandwidth",
    "launch_overhead_s": "time",
    "idle_watts": "power",
    "busy_watts": "power",
    "price_per_hour": "price",
}
OTHER_KEYS = {"title", "kind", "peak_flops", "efficiency", "assumed", "notes", "source"}


@pytest.mark.parametrize("name", DEVICES["devices"])
def test_a_device_is_complete_has_units_and_names_its_source(name):
    device = DEVICES["devices"][name]
    assert set(device) <= OTHER_KEYS | set(QUANTITIES)
    assert OTHER_KEYS | set(QUANTITIES) - {"price_per_hour"} <= set(device)
    for key, quantity in QUANTITIES.items():
        if key in device:
            assert isinstance(device[key], str)  # with its unit
            assert parse(device[key], quantity, f"{name}.{key}") > 0
    assert device["kind"] in {"cpu", "gpu"}
    assert parse(device["idle_watts"], "power") < parse(device["busy_watts"], "power")
    for dtype in DTYPE_BYTES:
        assert parse(device["peak_flops"][dtype], "flop_rate") > 0
        assert set(device["efficiency"][dtype]) == {"matmul", "conv", "attention", "other"}
        assert all(0 < share <= 1 for share in device["efficiency"][dtype].values())
    assert {"launch_overhead_s", "efficiency"} <= set(device["assumed"]) <= set(device)
    assert set(device["notes"]) <= set(device)
    assert device["source"] and all(re.match(r"[\w. -]+ 20\d\d, .+", s) for s in device["source"])


@pytest.mark.parametrize("name", [n for n, d in DEVICES["devices"].items() if d["kind"] == "cpu"])
def test_a_cpus_peak_is_cores_times_clock_times_width(name):
    device = DEVICES["devices"][name]
    groups = re.findall(
        r"(\d+) (?:[\w-]+ )?cores? x ([\d.]+) GHz x (\d+) FLOP", device["notes"]["peak_flops"]
    )
    peak = sum(int(cores) * float(clock) * 1e9 * int(width) for cores, clock, width in groups)
    assert groups
    assert parse(device["peak_flops"]["fp32"], "flop_rate") == pytest.approx(peak, rel=1e-9)


def seconds(model: str, device: str, dtype: str = "fp32", batch: int = 1) -> float:
    cost, node = model_cost(model).at(dtype), DEVICES["devices"][device]
    index = cost.batch.index(batch)
    return roofline_seconds(
        {kind: flops[index] for kind, flops in cost.flops.items()},
        cost.bytes_touched[index],
        cost.operators,
        peak_flops=parse(node["peak_flops"][dtype], "flop_rate"),
        efficiency=node["efficiency"][dtype],
        memory_bandwidth=parse(node["memory_bandwidth"], "bandwidth"),
        launch_overhead_s=parse(node["launch_overhead_s"], "time"),
    )


def test_durations_order_the_machines_as_experience_does():
    slower = ["raspberry-pi-5", "i7-1185g7", "xeon-8380-8c", "xeon-8380", "a100-80gb", "h100"]
    times = [seconds("backbone-large", device, batch=32) for device in slower]
    assert times == sorted(times, reverse=True)
    slower = ["jetson-orin-nano", "jetson-agx-orin", "t4", "l4", "a100-80gb", "h100"]
    halves = [seconds("backbone-large", device, "fp16", 32) for device in slower]
    assert halves == sorted(halves, reverse=True)
    # Tensor cores pay, conversion on CPUs does not, and a tiny model gains nothing from a GPU.
    assert halves[4] < times[4] / 3
    assert seconds("backbone-large", "xeon-8380", "fp16", 32) > times[3]
    assert seconds("control", "i7-1185g7") < seconds("control", "h100")


def test_devices_are_plain_data():
    assert DEVICES["format"] == 1
    json.dumps(DEVICES)
