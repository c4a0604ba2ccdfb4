"""The predictor finds planted coefficients, never gives less than nothing, and counts rightly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from realrun.calibrate.counting import count, of_basis
from realrun.calibrate.predict import FEATURES, fit, row

TRUTH = {"matmul_flops": 1e-11, "vector_bytes": 1e-10, "others": 1e-5, "dense_conv_flops": 2e-11}


def planted(n: int, seed: int, noise: float = 0.0) -> list[tuple[dict[str, float], float]]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        work = {k: float(10 ** rng.uniform(-4, -2)) / c for k, c in TRUTH.items()}
        seconds = 1e-4 + sum(TRUTH[k] * v for k, v in work.items())
        found.append((work, seconds * float(np.exp(noise * rng.standard_normal()))))
    return found


def test_planted_coefficients_are_found() -> None:
    got = fit(planted(40, 1))
    for name, true in TRUTH.items():
        assert got.coefficients[FEATURES.index(name)] == pytest.approx(true, rel=1e-4)
    assert got.coefficients[-1] == pytest.approx(1e-4, rel=1e-3)
    assert got.error < 1e-5


@pytest.mark.parametrize("seed", range(5))
def test_noise_never_makes_anything_negative(seed: int) -> None:
    got = fit(planted(12, seed, noise=0.5))
    assert (got.coefficients >= 0).all()
    assert all(got.seconds(work) > 0 for work, _ in planted(20, seed + 100))


def test_one_odd_model_moves_nothing() -> None:
    seen = planted(40, 2)
    seen[0] = (seen[0][0], seen[0][1] * 30)
    work, seconds = planted(1, 9)[0]
    assert fit(seen).seconds(work) == pytest.approx(seconds, rel=0.03)


def test_support_is_scaled_to_the_known_models() -> None:
    """Support that runs 20 % faster than models do tells shares, not the level."""
    support = [(w, s / 1.2) for w, s in planted(40, 3)]
    work, seconds = planted(1, 8)[0]
    assert fit(planted(6, 4), support).seconds(work) == pytest.approx(seconds, rel=0.05)
    assert fit([], support).seconds(work) == pytest.approx(seconds / 1.2, rel=0.01)


def meta(module: nn.Module, **shapes: tuple[int, ...]) -> dict[str, float]:
    return count(module.to("meta"), {k: torch.empty(s, device="meta") for k, s in shapes.items()})


def test_products_of_few_rows_count_as_reading_weights() -> None:
    few, many = meta(nn.Linear(32, 64), input=(1, 32)), meta(nn.Linear(32, 64), input=(100, 32))
    assert few["vector_bytes"] == 4 * 32 * 64 and few["matmul_flops"] == 0
    assert many["matmul_flops"] == 2 * 100 * 32 * 64 and many["vector_bytes"] == 0
    assert few["products"] == many["products"] == 1


@pytest.mark.parametrize(
    ("convolution", "kind"),
    [
        (nn.Conv2d(3, 16, 3), "thin"),
        (nn.Conv2d(32, 32, 3, groups=32), "thin"),
        (nn.Conv2d(32, 16, 3), "dense"),
        (nn.Conv2d(32, 16, 1), "pointwise"),
    ],
)
def test_convolutions_count_by_what_each_filter_sees(convolution: nn.Conv2d, kind: str) -> None:
    got = meta(convolution, input=(1, convolution.in_channels, 8, 8))
    side = 8 - convolution.kernel_size[0] + 1
    per_output = 2 * convolution.weight[0].numel()
    flops = per_output * side * side * convolution.out_channels
    assert got[f"{kind}_conv_flops"] == flops
    assert sum(k.endswith("_conv_flops") for k in got) == 1


def test_the_basis_supports_every_feature() -> None:
    table = np.array([row(work) for work in of_basis().values()])
    assert (table.max(axis=0) > 0).all()
