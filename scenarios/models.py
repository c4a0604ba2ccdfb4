"""Stored costs of the catalogue's models, so that simulating needs no torch.

``catalog/models.yaml`` is made from the torch modules, never by hand::

    python -m scenarios.models             # compare the file with the modules
    python -m scenarios.models --update    # count again and write the file

How everything in it is counted stands in `realrun.profile`.

Examples
--------
>>> encoder = model_cost("encoder-small")
>>> encoder.task, encoder.sizes, encoder.output_bytes["z1"][0]
('understand', {'tokens': 24}, 49152)
>>> encoder.at("bf16").output_bytes["z1"][0]
24576
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from simulator.errors import unknown

PATH = Path(__file__).parent / "catalog" / "models.yaml"
FORMAT = 1
DTYPE_BYTES: Mapping[str, int] = {"fp32": 4, "fp16": 2, "bf16": 2}

_HEADER = """\
# Costs of the catalogue's models. Counted from the torch modules in realrun/modules on the meta
# device, never edited by hand:  python -m scenarios.models --update
#
# Lists run over the batch sizes in `batch`, at the request sizes in `sizes`. Bytes are of fp32;
# what is named in `fixed` (ids, raw sensor data) keeps its bytes in every dtype.
#   flops             by operator class; a multiply-add is two, `other` is one per output element
#   operators         launches of one execution
#   weights_bytes     parameters and buffers
#   bytes_touched     read and written by all operators, weights included
#   activation_bytes  most that inputs, intermediates and outputs occupy at once
#   input_bytes       of each input; output_bytes: of each output
# The docstring of realrun/profile.py says exactly how each is counted. Accuracy is measured, not
# counted, and therefore not here.
"""


@dataclass(frozen=True)
class ModelCost:
    """What one model costs; every tuple runs over `batch`.

    Attributes
    ----------
    name, family, task, description : str
    dtypes : tuple of str
        Dtypes in which the model runs; the figures here are those of `dtype`.
    dtype : str
    batch : tuple of int
        Breakpoints of the batch axis.
    sizes : mapping of request size to its nominal value, at which everything was counted
    flops : mapping of operator class to FLOPs
    operators : int, launches
    weights_bytes : int
    bytes_touched, activation_bytes : tuple of int
    input_bytes, output_bytes : mapping of tensor name to bytes
    fixed : tuple of str
        Inputs and outputs whose bytes are the same in every dtype.
    """

    name: str
    family: str
    task: str
    description: str
    dtypes: tuple[str, ...]
    dtype: str
    batch: tuple[int, ...]
    sizes: Mapping[str, int]
    flops: Mapping[str, tuple[int, ...]]
    operators: int
    weights_bytes: int
    bytes_touched: tuple[int, ...]
    activation_bytes: tuple[int, ...]
    input_bytes: Mapping[str, tuple[int, ...]]
    output_bytes: Mapping[str, tuple[int, ...]]
    fixed: tuple[str, ...]

    def at(self, dtype: str) -> ModelCost:
        """Return the same model in another dtype: bytes in proportion to the dtype's width.

        Ids and raw sensor data in `fixed` keep theirs; inside `bytes_touched` and
        `activation_bytes` everything is taken as floats. FLOPs and operators do not change.
        """
        if dtype not in self.dtypes:
            raise unknown("dtype", dtype, self.dtypes, where=self.name)

        def scaled(values: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(v * DTYPE_BYTES[dtype] // DTYPE_BYTES[self.dtype] for v in values)

        def tensors(sizes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
            return {k: v if k in self.fixed else scaled(v) for k, v in sizes.items()}

        return replace(
            self,
            dtype=dtype,
            weights_bytes=scaled((self.weights_bytes,))[0],
            bytes_touched=scaled(self.bytes_touched),
            activation_bytes=scaled(self.activation_bytes),
            input_bytes=tensors(self.input_bytes),
            output_bytes=tensors(self.output_bytes),
        )


def load_models() -> dict[str, ModelCost]:
    """Return the costs of all models by name, family by family in pipeline order."""
    return dict(_stored())


def model_cost(name: str, where: str = "") -> ModelCost:
    """Return one model's costs; an unknown name is an error that says which is nearest.

    Parameters
    ----------
    name : str
    where : str
        Names the file and field in the error.
    """
    models = _stored()
    if name not in models:
        raise unknown("model", name, models, where=where)
    return models[name]


@functools.cache
def _stored() -> Mapping[str, ModelCost]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where it is there
    data = yaml.load(PATH.read_text(encoding="utf-8"), Loader=loader)
    return {
        name: _model(name, entry, tuple(data["batch"]), tuple(data["dtypes"]))
        for name, entry in data["models"].items()
    }


def _model(
    name: str, entry: dict[str, Any], batch: tuple[int, ...], dtypes: tuple[str, ...]
) -> ModelCost:
    lists = {k: tuple(v) for k, v in entry.items() if isinstance(v, list)}
    tables = {
        k: {label: tuple(values) for label, values in entry[k].items()}
        for k in ("flops", "input_bytes", "output_bytes")
    }
    return ModelCost(
        **{
            **entry,
            **lists,
            **tables,
            "name": name,
            "batch": batch,
            "dtypes": dtypes,
            "dtype": "fp32",
        }
    )


def count() -> dict[str, Any]:
    """Count every model again, from its torch module, as the file stores it (seconds of work)."""
    from realrun import models, profile

    return {
        "format": FORMAT,
        "batch": list(profile.BATCHES),
        "dtypes": list(models.DTYPES),
        "models": {name: profile.cost(name) for name in models.names()},
    }


def render(counted: Mapping[str, Any]) -> str:
    """Return the text of the file: header, then one block for each model."""
    models = counted["models"]
    head = {key: value for key, value in counted.items() if key != "models"}
    blocks = [yaml.safe_dump(head, sort_keys=False, default_flow_style=None), "models:\n"]
    for name, entry in models.items():
        text = yaml.safe_dump({name: entry}, sort_keys=False, default_flow_style=None, width=200)
        blocks.append("".join(f"  {line}\n" for line in text.splitlines()))
    return _HEADER + "\n" + "\n".join(blocks)


def main(argv: list[str] | None = None) -> int:
    """Compare the stored file with the modules, or write it."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.models", description=main.__doc__)
    parser.add_argument("--update", action="store_true", help="write catalog/models.yaml")
    update = parser.parse_args(argv).update
    text = render(count())
    if update:
        PATH.write_text(text, encoding="utf-8")
        print(f"wrote {PATH}")
        return 0
    if PATH.read_text(encoding="utf-8") == text:
        print(f"{PATH} agrees with the modules")
        return 0
    print(f"{PATH} is out of date; run python -m scenarios.models --update", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
