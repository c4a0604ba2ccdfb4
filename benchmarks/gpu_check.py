"""What needs a GPU, in one command and under ten minutes: `make gpu-check`.

    python -m benchmarks.gpu_check [-o benchmarks/results/gpu] [--minutes 1]

1. outputs of the catalogue's models on the GPU against the CPU (fp32 and fp16)
2. calibration of one GPU and of CPU workers with different numbers of threads
3. validation of translation, driving and recommendation on them
4. the gradient scheduler on the GPU against the CPU

Results, with machine, versions and date, go into a few JSON files and pictures. Needs no network
and no reference data. Without a GPU nothing is measured, and the exit code is 2.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scenarios.results import manifest

CHECKS = {
    "one-slot": ("gpu=cuda:0,cpu4=cpu:4,cpu1=cpu:1", ("translation", "driving", "recommendation")),
    "three-slots": ("gpu=cuda:0x3,cpu4=cpu:4", ("driving",)),
}
"""Two workers never share the GPU: what one does to the other is not modelled."""
TOLERANCE = {"fp32": 2e-3, "fp16": 5e-2}
DISCRETE = ("target",)
"""Token ids: near ties may be decided differently, so that only their share is compared."""


def main() -> int:
    """Run all parts; a part that fails does not keep the others from being measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results/gpu"))
    parser.add_argument("--minutes", type=float, default=0.8, help="for the runs of each pipeline")
    args = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("there is no CUDA device here; nothing was checked", file=sys.stderr)
        return 2
    args.output.mkdir(parents=True, exist_ok=True)
    began, failed = time.monotonic(), []
    for name, part in (
        ("outputs", lambda: outputs(args.output)),
        ("validation", lambda: validation(args.output, args.minutes)),
        ("gradient", lambda: gradient(args.output)),
    ):
        try:
            part()
            print(f"{name}: done after {time.monotonic() - began:.0f} s", flush=True)
        except Exception as error:
            failed.append(name)
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return int(bool(failed))


def write(path: Path, **found: Any) -> None:
    """One result file."""
    import torch

    record = manifest("gpu-check", gpu=torch.cuda.get_device_name(0), **found)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def outputs(folder: Path) -> None:
    """Every model's output on the GPU, relative to the largest value on the CPU."""
    import torch

    from realrun import models

    rows = []
    for name in models.names():
        given = models.inputs(name)
        wanted = _run(models.build(name), given, "cpu", torch.float32)
        for dtype in ("fp32", "fp16"):
            kind = getattr(torch, models.DTYPES[dtype])
            got = _run(models.build(name, dtype, device="cuda:0"), given, "cuda:0", kind)
            for tensor, a, b in zip(models.get(name).outputs, wanted, got, strict=True):
                if a.is_floating_point():
                    error = float((a - b.float().cpu()).abs().max() / a.abs().max().clamp(min=1e-9))
                else:
                    error = float((a != b.cpu()).float().mean())
                close = error <= TOLERANCE[dtype] or tensor in DISCRETE
                rows.append({"model": name, "dtype": dtype, "tensor": tensor,
                             "error": error, "close": close})  # fmt: skip
    write(folder / "outputs.json", rows=rows)
    print(f"outputs: {sum(r['close'] for r in rows)} of {len(rows)} within tolerance")


def _run(module: Any, given: dict[str, Any], device: str, kind: Any) -> list[Any]:
    import torch

    ready = [t.to(device, kind) if t.dtype == torch.float32 else t.to(device)
             for t in given.values()]  # fmt: skip
    with torch.inference_mode():
        out = module(*ready)
    return list(out) if isinstance(out, tuple | list) else [out]


def validation(folder: Path, minutes: float) -> None:
    """Calibrate, predict, run; the report and its scatter plot."""
    from realrun.validate import charts
    from scenarios import load
    from scenarios.validation import Settings, validate

    for name, (workers, pipelines) in CHECKS.items():
        settings = Settings(workers=workers, minutes=minutes, allocations=12)
        report = validate([load(p) for p in pipelines], settings, None,
                          lambda text: print(f"  {text}", flush=True))  # fmt: skip
        write(folder / f"validation-{name}.json", **report.to_dict())
        charts.scatter(report.pipelines, folder / f"scatter-{name}.png")


def gradient(folder: Path) -> None:
    """Equal wall time on both devices; see `benchmarks.gradient_gpu`."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks.gradient_gpu", "--seconds", "3", "--seeds", "1",
         "--sizes", "100,1000,10000", "-o", str(folder / "gradient.json")],
        check=True, timeout=240,
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
