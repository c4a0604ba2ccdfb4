"""From models as scenarios name them to `simulator.Variant`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scenarios.messages import at
from simulator.costs import interpolate
from simulator.errors import InvalidScenario, unknown
from simulator.taskgraph import Curve, Variant, Work

if TYPE_CHECKING:
    from scenarios.models import ModelCost
    from scenarios.schema import ModelSpec, WorkSpec

ANY = "any"
"""Key of a duration that holds wherever no more telling one is given."""

Table = float | dict[int, float]


class Models:
    """The models that a scenario may name: its own, then those of the catalogue."""

    def __init__(self, own: Mapping[str, ModelSpec]):
        self.own = own

    def named(self, reference: str, above: tuple[str, ...] = ()) -> Variant:
        """The variant that ``name`` or ``name@dtype`` means.

        Raises
        ------
        UnknownName, InvalidScenario
        """
        name, _, dtype = reference.partition("@")
        if name in self.own and name not in above:
            if dtype:
                raise InvalidScenario(f"{reference!r}: only models of the catalogue take a dtype")
            with at(f"models.{name}"):
                return self.written(name, self.own[name], (*above, name))
        known = catalogue()
        if name not in known:
            raise unknown("model", name, [*self.own, *known])
        return replace(from_cost(known[name], dtype or None), name=reference)

    def written(self, name: str, spec: ModelSpec, above: tuple[str, ...] = ()) -> Variant:
        """The variant that a mapping describes.

        Raises
        ------
        UnknownName, InvalidScenario
        """
        base = None
        if spec.model is not None:
            reference = f"{spec.model}@{spec.dtype}" if spec.dtype else spec.model
            base = self.named(reference, above)
        elif spec.dtype is not None:
            raise InvalidScenario("dtype goes with model; the dtype of own work is work.dtype")
        if spec.duration is not None and spec.work is not None:
            raise InvalidScenario("give either duration or work, not both")
        if base is None and spec.duration is None and spec.work is None:
            raise InvalidScenario("give one of variants, model, duration and work")
        return _compose(name, spec, base)

    def nominal(self, reference: str) -> Mapping[str, float]:
        """Request sizes at which a named model's costs were counted; own models have none."""
        name = reference.partition("@")[0]
        spec = self.own.get(name)
        if spec is not None:
            return self.nominal(spec.model) if spec.model and spec.model != name else {}
        model = catalogue().get(name)
        return {} if model is None else {k: float(v) for k, v in model.sizes.items()}


def catalogue() -> Mapping[str, ModelCost]:
    """Costs of the catalogue's models by name."""
    from scenarios.models import load_models

    return load_models()


def from_cost(cost: ModelCost, dtype: str | None = None) -> Variant:
    """A model of the catalogue as a variant; durations follow by the roofline formula."""
    if dtype is not None:
        cost = cost.at(dtype)
    output = tuple(float(sum(sizes)) for sizes in zip(*cost.output_bytes.values(), strict=True))
    return Variant(
        name=cost.name,
        work=Work(
            flops={kind: _floats(values) for kind, values in cost.flops.items()},
            bytes_touched=_floats(cost.bytes_touched),
            operators=float(cost.operators),
            dtype=cost.dtype,
        ),
        batch=cost.batch,
        weights_bytes=float(cost.weights_bytes),
        activation_bytes=_floats(cost.activation_bytes),
        output_bytes=output,
        module=cost.name if dtype is None else f"{cost.name}@{dtype}",
    )


def _floats(values: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _compose(name: str, spec: ModelSpec, base: Variant | None) -> Variant:
    """Fields of the mapping over those of the model it starts from, on one batch axis."""
    fields: dict[str, Any] = {} if base is None else dict(base.__dict__)
    fields["name"] = name
    new: dict[str, Any] = {}
    if spec.duration is not None:
        new["seconds"] = _by_place(spec.duration)
        fields["work"] = None
    if spec.work is not None:
        new["work"] = spec.work
        fields["seconds"] = None
    for key, field in (("activation", "activation_bytes"), ("output", "output_bytes")):
        if getattr(spec, key) is not None:
            new[field] = getattr(spec, key)
    for key, field in (("weights", "weights_bytes"), ("accuracy", "accuracy"),
                       ("sharing_group", "sharing_group"), ("module", "module")):  # fmt: skip
        if getattr(spec, key) is not None:
            fields[field] = getattr(spec, key)
    points = _breakpoints(new, None if base is None else base.batch)
    fields["batch"] = points
    _resample(fields, None if base is None else base.batch, points)
    for field, value in new.items():
        if field == "seconds":
            seconds = {k: curve(v, points) for k, v in value.items()}
            fields[field] = {("*" if k == ANY else k): v for k, v in seconds.items()}
        elif field == "work":
            fields[field] = _work(value, points)
        else:
            fields[field] = curve(value, points)
    return Variant(**fields)


def _by_place(given: Any) -> dict[str, Table]:
    """Durations by node, device or kind; a plain one holds anywhere."""
    if not isinstance(given, dict):
        return {ANY: given}
    if given and all(key.isdigit() for key in given):
        first = next(iter(given))
        raise InvalidScenario(
            f"duration: {first!r} is no place; batch sizes stand inside one: any: {{{first}: ...}}"
        )
    return dict(given)


def _tables(value: Any) -> list[dict[int, float]]:
    """All batch tables inside a value."""
    if isinstance(value, dict):
        if value and all(isinstance(k, int) for k in value):
            return [value]
        return [t for entry in value.values() for t in _tables(entry)]
    if hasattr(value, "flops"):
        return [*_tables(value.flops), *_tables(value.bytes)]
    return []


def _breakpoints(new: Mapping[str, Any], base: tuple[int, ...] | None) -> tuple[int, ...]:
    """Batch sizes at which any of the tables has a value."""
    found = {size for value in new.values() for table in _tables(value) for size in table}
    return tuple(sorted(found | set(base or ()))) or (1,)


def _resample(fields: dict[str, Any], old: tuple[int, ...] | None, points: tuple[int, ...]) -> None:
    """Bring the curves of the model one starts from onto the new batch axis."""
    if old is None or old == points:
        return

    def move(value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        return tuple(interpolate(old, value, x) for x in points)

    for field in ("activation_bytes", "output_bytes"):
        fields[field] = move(fields[field])
    if fields["seconds"] is not None:
        fields["seconds"] = {k: move(v) for k, v in fields["seconds"].items()}
    work = fields["work"]
    if work is not None:
        flops = {kind: move(v) for kind, v in work.flops.items()}
        fields["work"] = replace(work, flops=flops, bytes_touched=move(work.bytes_touched))


def curve(value: Table, points: tuple[int, ...]) -> Curve:
    """A plain number as it is; a batch table interpolated at the breakpoints."""
    if not isinstance(value, dict):
        return value
    sizes, values = tuple(value), tuple(value.values())
    return tuple(interpolate(sizes, values, x) for x in points)


def _work(spec: WorkSpec, points: tuple[int, ...]) -> Work:
    flops = spec.flops if isinstance(spec.flops, dict) else {"matmul": spec.flops}
    return Work(
        flops={kind: curve(value, points) for kind, value in flops.items()},
        bytes_touched=curve(spec.bytes, points),
        operators=spec.operators,
        dtype=spec.dtype,
    )
