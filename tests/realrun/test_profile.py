"""Costs counted by hand, and against torch's own counter."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from realrun import models
from realrun.models import BadModel
from realrun.profile import profile


class Calls(nn.Module):
    """A module that calls one function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, **given):
        return self.function(**given)


def count(module: nn.Module, outputs=("output",), **shapes):
    given = {
        name: torch.empty(shape, device="meta") if isinstance(shape, tuple) else shape
        for name, shape in shapes.items()
    }
    return profile(module.to("meta"), given, outputs)


def test_one_linear_layer_by_hand():
    got = count(nn.Linear(5, 7), input=(3, 5))
    assert got.flops == {"matmul": 2 * 3 * 5 * 7, "conv": 0, "attention": 0, "other": 0}
    assert got.operators == 1
    assert got.weights_bytes == 4 * (5 * 7 + 7)
    assert got.bytes_touched == 4 * (3 * 5 + 5 * 7 + 7 + 3 * 7)
    assert got.activation_bytes == 4 * (3 * 5 + 3 * 7)
    assert (got.input_bytes, got.output_bytes) == ({"input": 60}, {"output": 84})


def test_one_convolution_by_hand():
    # 8 x 8 pixels, stride 2, padding 1: 4 x 4 places of 3 x 3 x 3 products for 4 channels.
    got = count(nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), input=(2, 3, 8, 8))
    assert got.flops == {"matmul": 0, "conv": 2 * (2 * 4 * 4 * 4) * 27, "attention": 0, "other": 0}
    assert got.bytes_touched == 4 * (2 * 3 * 64 + 4 * 27 + 2 * 4 * 16)


def test_a_depthwise_convolution_costs_one_channel_a_place():
    got = count(nn.Conv1d(6, 6, 5, padding=2, groups=6, bias=False), input=(1, 6, 10))
    assert got.flops["conv"] == 2 * (6 * 10) * 5


def test_attention_is_one_operator_of_two_products():
    got = count(
        Calls(F.scaled_dot_product_attention),
        query=(1, 2, 3, 4),
        key=(1, 2, 5, 4),
        value=(1, 2, 5, 4),
    )
    # Two heads; 3 queries x 5 keys x width 4, once for the scores and once for the answer.
    assert got.flops == {"matmul": 0, "conv": 0, "attention": 2 * (2 * 2 * 3 * 5 * 4), "other": 0}
    assert got.operators == 1
    assert got.bytes_touched == 4 * (2 * 3 * 4 + 2 * 5 * 4 + 2 * 5 * 4 + 2 * 3 * 4)


def test_other_work_is_one_for_each_element_made_and_views_are_free():
    got = count(Calls(lambda x: F.layer_norm(x.transpose(1, 2).unsqueeze(0), (4,))), x=(2, 4, 3))
    assert (got.flops["other"], got.operators) == (24, 1)
    got = count(Calls(lambda x: torch.cat((x, x.clone()))), x=(2, 4))
    assert (got.flops["other"], got.operators) == (0, 2)


def test_of_a_table_only_the_picked_rows_are_read():
    ids = torch.empty(3, dtype=torch.int64, device="meta")
    got = count(nn.Embedding(1000, 8), input=ids)
    assert got.bytes_touched == 3 * 8 + 4 * (3 * 8) + 4 * (3 * 8)  # ids, rows read, rows written
    assert got.weights_bytes == 4 * 8000
    assert sum(got.flops.values()) == 0


def test_broadcast_elements_count_once_and_overwritten_ones_are_not_read():
    got = count(Calls(lambda x, y: x + y.expand(10, 4)), x=(10, 4), y=(1, 4))
    assert got.bytes_touched == 4 * (40 + 4 + 40)
    got = count(Calls(lambda x, y: x.copy_(y)), x=(6,), y=(6,))
    assert got.bytes_touched == 4 * (6 + 6)


def test_activations_are_the_most_that_is_alive_at_once():
    def chain(x):
        return x.relu().relu().relu()

    def shortcut(x):
        return x + x.relu().relu()

    assert count(Calls(chain), x=(100,)).activation_bytes == 2 * 400  # one made from another
    assert count(Calls(shortcut), x=(100,)).activation_bytes == 3 * 400  # x waits beside them

    def kept(x):
        y = x.relu()
        return y, y.relu().relu().relu()

    got = count(Calls(kept), ("first", "last"), x=(100,))
    assert got.activation_bytes == 3 * 400  # the first output waits to the end
    assert got.output_bytes == {"first": 400, "last": 400}

    # A view keeps the whole of what it looks at.
    assert count(Calls(lambda x: x.relu()[:1].relu()), x=(100,)).activation_bytes == 800


def test_an_encoder_layer_counts_though_the_cpus_fast_path_reports_nothing():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    got = count(layer, src=(1, 5, 16))
    projections = 2 * 5 * 16 * (3 * 16 + 16)
    assert got.flops["matmul"] == projections + 2 * 2 * 5 * 16 * 32
    assert got.flops["attention"] == 2 * (2 * 2 * 5 * 5 * 8)


PRODUCTS = """encoder-large features-small backbone-small head-large lanes-small lidar-small
fusion-small planner-large vision-small speech-small user-tower-small ranker-small"""


@pytest.mark.parametrize("name", PRODUCTS.split())
def test_products_agree_with_torchs_own_counter(name):
    module, given = models.build(name, device="meta"), models.inputs(name, 2, device="meta")
    flops = profile(module, given).flops
    theirs = FlopCounterMode(display=False)
    with theirs:
        module(**given)
    assert flops["matmul"] + flops["conv"] + flops["attention"] == theirs.get_total_flops()


def test_only_the_meta_device_is_counted_and_outputs_must_be_named():
    with pytest.raises(BadModel, match="not on cpu"):
        profile(nn.Linear(2, 2), {"input": torch.empty(1, 2)})
    with pytest.raises(BadModel, match="returned 1 tensors, named were 2"):
        count(nn.Linear(2, 2), ("one", "two"), input=(1, 2))
