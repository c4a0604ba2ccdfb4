"""Memory, watts and the rules of concurrent messages, from recorded text and synthetic times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from realrun import host
from realrun.calibrate import energy, memory
from realrun.calibrate.energy import Draw
from realrun.calibrate.sharing import decide
from realrun.devices import parse_workers

SPECS = parse_workers("a=cpu:1,b=cpu:3,g=cuda:0,h=cuda:1,i=cuda:1")
SMI = """\
0, GPU-8f1c, 71.53
1, GPU-77aa, 118.20
2, GPU-0b2e, [N/A]
"""


# ----- memory ------------------------------------------------------------------------------------
def test_memory_is_divided_by_the_workers_that_share_it() -> None:
    answers: list[dict[str, Any]] = [{"host": "x", "host_bytes": 12e9} for _ in SPECS]
    for i, total in ((2, 80e9), (3, 40e9), (4, 40e9)):
        answers[i]["memory_bytes"] = total
    assert memory.capacity(SPECS, answers) == [6e9, 6e9, 80e9, 20e9, 20e9]
    answers[0] = {"host": "y", "host_bytes": 2e9}
    answers[2].pop("memory_bytes")
    assert memory.capacity(SPECS, answers) == [2e9, 12e9, None, 20e9, 20e9]


def test_what_a_device_holds_beside_torch_is_its_context() -> None:
    after = {
        "resident_bytes": 9, "memory_bytes": 100, "free_bytes": 60, "reserved_bytes": 30,
        "allocated_bytes": 25,
    }  # fmt: skip
    assert memory.used({"resident_bytes": 4}, after) == {
        "resident_before_bytes": 4, "resident_bytes": 9, "context_bytes": 10,
        "allocated_bytes": 25, "reserved_bytes": 30, "total_bytes": 100,
    }  # fmt: skip


# ----- watts -------------------------------------------------------------------------------------
def powercap(root: Path, **energies: tuple[str, int | None]) -> None:
    for folder, (name, now) in energies.items():
        here = root / energy.POWERCAP / folder.replace("_", ":").replace("rapl", "intel-rapl")
        here.mkdir(parents=True, exist_ok=True)
        (here / "name").write_text(name + "\n")
        (here / "max_energy_range_uj").write_text("1000000\n")
        if now is not None:
            (here / "energy_uj").write_text(f"{now}\n")


def test_only_whole_packages_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "SYSTEM", tmp_path)
    assert energy.packages() == {}
    powercap(tmp_path, rapl_0=("package-0", 900_000), rapl_0_0=("dram", 5), rapl_2=("psys", 7),
             rapl_1=("package-1", None))  # fmt: skip
    before = energy.packages()
    assert before == {"intel-rapl:0": (900_000, 1_000_000)}
    powercap(tmp_path, rapl_0=("package-0", 400_000))  # began anew: half a joule was spent
    assert energy.package_watts(before, energy.packages(), 0.25) == pytest.approx(2.0)


def test_counters_that_come_or_go_say_nothing() -> None:
    assert energy.package_watts({}, {}, 1.0) is None
    assert energy.package_watts({"p": (0, 9)}, {"q": (5, 9)}, 1.0) is None


def test_gpus_are_those_that_cuda_counts() -> None:
    assert energy.gpu_watts(SMI) == {0: 71.53, 1: 118.20}
    assert energy.gpu_watts(SMI, "1,0") == {0: 118.20, 1: 71.53}
    assert energy.gpu_watts(SMI, "2, GPU-77aa") == {1: 118.20}
    assert energy.gpu_watts(SMI, "") == {}
    assert energy.gpu_watts("NVIDIA-SMI has failed\n") == {}


def test_watts_are_shared_by_threads_and_by_workers_of_a_gpu() -> None:
    draw = Draw(100.0, {0: 300.0, 1: 80.0})
    assert energy.shares(SPECS, draw) == [25.0, 75.0, 300.0, 40.0, 40.0]
    assert energy.shares(SPECS, Draw(None, {1: 80.0})) == [None, None, None, 40.0, 40.0]


class Burning:
    """Workers that note what they are asked."""

    specs = SPECS[:2]

    def __init__(self) -> None:
        self.asked: list[str] = []

    def call_all(self, function: str, arguments: list[dict[str, float]]) -> list[int]:
        assert len(arguments) == len(self.specs)
        self.asked.append(function)
        return [1 for _ in arguments]


def test_busy_is_measured_while_workers_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Burning()
    monkeypatch.setattr(energy, "packages", lambda: {"p": (0, 9)})
    draws = iter([Draw(40.0), Draw(100.0)])
    monkeypatch.setattr(energy, "watch", lambda seconds, gpus: next(draws))
    found = energy.measure(workers)  # type: ignore[arg-type]
    assert found == {"idle": [10.0, 30.0], "busy": [25.0, 75.0]}
    assert set(workers.asked) == {"realrun.calibrate.probes:burn"}
    assert energy.missing(SPECS[:2], found) is None


def test_nothing_burns_where_nothing_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Burning()
    monkeypatch.setattr(energy, "packages", dict)
    found = energy.measure(workers)  # type: ignore[arg-type]
    assert found["busy"] == [None, None] and not workers.asked
    assert "watts of a, b" in str(energy.missing(SPECS[:2], found))


# ----- concurrent messages -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("together", "apart", "network", "shared"),
    [
        ((2.0, 4.0), None, "fifo", False),
        ((4.0, 4.0), None, "fair", False),
        ((2.1, 3.9), (2.0, 2.2), "fifo", False),
        ((3.8, 4.1), (2.0, 2.2), "fair", False),
        ((4.1, 3.8), (2.0, 2.2), "fair", False),
        ((2.9, 4.0), (2.0, 4.0), "fair", True),  # those apart have links of their own
        ((2.8, 4.0), (4.0, 4.0), "fifo", True),
    ],
)
def test_the_network_is_the_one_whose_rules_fit(
    together: tuple[float, float], apart: Any, network: str, shared: bool
) -> None:
    found = decide(2.0, together, apart)
    assert (found.network, found.sender_shared) == (network, shared)


def test_a_perfect_fit_has_no_misfit() -> None:
    assert decide(3.0, (3.0, 6.0)).misfit["fifo"] == pytest.approx(0.0)
    assert decide(3.0, (6.0, 6.0)).misfit["fair"] == pytest.approx(0.0)


def test_remarks_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What should make one doubt the file is on the screen, not only in it."""
    from realrun.calibrate.calibration import Calibration
    from scenarios import cli_calibrate

    found = Calibration(SPECS[:1], (), facts={"remarks": ["not quiet"]}, left_out=("gone",))
    cli_calibrate._print(found, tmp_path / "c.yaml")
    cli_calibrate._print(Calibration(SPECS[:1], ()), tmp_path / "old.yaml")
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("note: not quiet") == 1
