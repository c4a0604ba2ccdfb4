"""Schedulers by name, and spec strings like ``heft[insertion=false]``.

One line for each scheduler, loaded when it is asked for. Packages from outside join through the
entry-point group ``alloclab.schedulers`` (name -> ``module:Class``); a name of this table wins over
one from outside.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module, metadata
from typing import Any, Literal, Union, get_args, get_origin

from schedulers.base import Scheduler
from simulator.errors import AlloclabError, unknown

SCHEDULERS: Mapping[str, str] = {
    "random": "schedulers.baselines:Random",
    "round_robin": "schedulers.baselines:RoundRobin",
    "single_node": "schedulers.baselines:SingleNode",
    "olb": "schedulers.immediate:Olb",
    "met": "schedulers.immediate:Met",
    "mct": "schedulers.immediate:Mct",
    "min_min": "schedulers.batch:MinMin",
    "max_min": "schedulers.batch:MaxMin",
    "duplex": "schedulers.batch:Duplex",
    "sufferage": "schedulers.batch:Sufferage",
    "heft": "schedulers.heft:Heft",
    "cpop": "schedulers.cpop:Cpop",
    "peft": "schedulers.peft:Peft",
    "etf": "schedulers.etf:Etf",
    "dls": "schedulers.dls:Dls",
    "lookahead": "schedulers.lists.lookahead:Lookahead",
    "hbmct": "schedulers.lists.hbmct:Hbmct",
    "bil": "schedulers.lists.bil:Bil",
    "dps": "schedulers.lists.dps:Dps",
    "fcp": "schedulers.lists.fcp:Fcp",
    "flb": "schedulers.lists.flb:Flb",
    "mst": "schedulers.lists.mst:Mst",
    "msbc": "schedulers.lists.msbc:Msbc",
    "sdbats": "schedulers.lists.sdbats:Sdbats",
    "wba": "schedulers.lists.wba:Wba",
    "hybrid": "schedulers.lists.hybrid:Hybrid",
    "parametric": "schedulers.lists.parametric:Parametric",
    "contention_heft": "schedulers.contention.heft:ContentionHeft",
    "m_topo": "schedulers.devices.m_topo:MTopo",
    "m_etf": "schedulers.devices.m_etf:MEtf",
    "m_sct": "schedulers.devices.m_sct:MSct",
    "chain_partition": "schedulers.devices.chains:ChainPartition",
    "portfolio": "schedulers.portfolio:Portfolio",
    "annealing": "schedulers.local.annealing:Annealing",
    "gradient": "schedulers.gradient.search:Gradient",
    "genetic": "schedulers.genetic.genetic:Genetic",
    "memetic": "schedulers.genetic.memetic:Memetic",
    "random_search": "schedulers.random_search:RandomSearch",
    "stream_search": "schedulers.streams.search:StreamSearch",
    "nsga2": "schedulers.pareto.nsga2:Nsga2",
    "exact": "schedulers.exact:Exact",
    "brute_force": "schedulers.exact.brute_force:BruteForce",
}
"""Name -> "module:Class"."""

GROUP = "alloclab.schedulers"


class InvalidSpec(AlloclabError, ValueError):
    """A spec string that does not parse, or a value that a scheduler does not take."""


@cache
def _outside() -> dict[str, metadata.EntryPoint]:
    """Entry points of installed packages, those whose name is taken left out."""
    found = metadata.entry_points(group=GROUP)
    return {p.name: p for p in sorted(found, key=lambda p: p.value) if p.name not in SCHEDULERS}


def names() -> tuple[str, ...]:
    """Names of all schedulers: those of this package in the order of the table, then the others.

    Examples
    --------
    >>> names()[:3]
    ('random', 'round_robin', 'single_node')
    """
    return (*SCHEDULERS, *sorted(_outside()))


def scheduler_class(name: str) -> type[Any]:
    """The class behind a name.

    Raises
    ------
    UnknownName
    """
    if name in SCHEDULERS:
        module, _, attribute = SCHEDULERS[name].partition(":")
        found: type[Any] = getattr(import_module(module), attribute)
        return found
    if name in _outside():
        loaded: type[Any] = _outside()[name].load()
        return loaded
    raise unknown("scheduler", name, names())


def make(spec: str) -> Scheduler:
    """Build a scheduler from its name and, in brackets, its parameters.

    Parameters
    ----------
    spec : str
        ``name`` or ``name[key=value,...]``. Values are read by the type of the field: true or
        false, numbers, words; brackets nest where a value is itself a spec.

    Raises
    ------
    UnknownName
        No such scheduler or parameter; suggests the nearest one.
    InvalidSpec
        Anything else that does not parse; says what would.

    Examples
    --------
    >>> make("heft[insertion=false]")
    Heft(insertion=False, lookahead='none')
    """
    name, values = parse(spec)
    cls = scheduler_class(name)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    hints = typing.get_type_hints(cls)
    arguments: dict[str, Any] = {}
    for key, text in values.items():
        if key not in fields:
            if not fields:
                raise InvalidSpec(f"scheduler {name!r} has no parameters, got {key!r}")
            raise unknown(f"parameter of {name}", key, fields)
        arguments[key] = _read(text, hints[key], f"{name}: {key}")
    try:
        made: Scheduler = cls(**arguments)
    except AlloclabError:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidSpec(f"scheduler spec {spec[:120]!r}: {error}") from None
    return made


def parse(spec: str) -> tuple[str, dict[str, str]]:
    """Split a spec string into its name and the texts of its parameters.

    Raises
    ------
    InvalidSpec

    Examples
    --------
    >>> parse("genetic[start=heft[insertion=false],population=64]")
    ('genetic', {'start': 'heft[insertion=false]', 'population': '64'})
    """
    if not isinstance(spec, str):
        raise InvalidSpec(f"a scheduler spec must be a text, got {type(spec).__name__}")
    text = spec.strip()
    shown = text if len(text) <= 120 else text[:117] + "..."
    name, bracket, rest = text.partition("[")
    if bracket and not rest.endswith("]"):
        raise InvalidSpec(f"scheduler spec {shown!r}: the bracket is not closed at the end")
    values: dict[str, str] = {}
    for item in _split(rest[:-1], shown) if bracket else ():
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not key or not value:
            raise InvalidSpec(f"scheduler spec {shown!r}: expected key=value, got {item.strip()!r}")
        if key in values:
            raise InvalidSpec(f"scheduler spec {shown!r}: {key!r} is given twice")
        values[key] = value
    return name.strip(), values


def _split(text: str, shown: str) -> Iterator[str]:
    """Split at commas outside brackets; an empty text has no parts."""
    if not text.strip():
        return
    depth, start = 0, 0
    for i, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if depth < 0:
            break
        if character == "," and depth == 0:
            yield text[start:i]
            start = i + 1
    if depth != 0:
        raise InvalidSpec(f"scheduler spec {shown!r}: the brackets do not match")
    yield text[start:]


def _read(text: str, kind: Any, where: str) -> Any:
    """Read a value by the type of its field."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = [k for k in get_args(kind) if k is not type(None)]
        if len(inner) < len(get_args(kind)) and text == "none":
            return None
        kind, origin = inner[0], get_origin(inner[0])
    if origin is Literal:
        words = [str(word) for word in get_args(kind)]
        if text not in words:
            near = difflib.get_close_matches(text, words, 1, 0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InvalidSpec(f"{where} must be one of {', '.join(words)}, got {text!r}{hint}")
        return get_args(kind)[words.index(text)]
    if kind is bool:
        if text not in ("true", "false"):
            raise InvalidSpec(f"{where} must be true or false, got {text!r}")
        return text == "true"
    if kind in (int, float):
        what = "an integer" if kind is int else "a number"
        try:
            value = kind(text)
        except ValueError:
            raise InvalidSpec(f"{where} must be {what}, got {text!r}") from None
        if value != value or "_" in text:
            raise InvalidSpec(f"{where} must be {what}, got {text!r}")
        return value
    if kind is str:
        return text
    raise InvalidSpec(f"{where} cannot be given in a spec (its type is {kind})")


def name_of(scheduler: object) -> str:
    """Registered name of a scheduler; the name of its class if it is not registered."""
    cls = type(scheduler)
    for name, target in SCHEDULERS.items():
        if target == f"{cls.__module__}:{cls.__qualname__}":
            return name
    for name, point in _outside().items():
        if point.value == f"{cls.__module__}:{cls.__qualname__}":
            return name
    return cls.__name__


def spec_of(scheduler: Scheduler) -> str:
    """Spec string of a scheduler, its parameters that differ from their defaults included.

    ``make(spec_of(s)) == s`` for every registered scheduler.

    Examples
    --------
    >>> spec_of(make("heft[ lookahead = oct, insertion = true ]"))
    'heft[lookahead=oct]'
    """
    parts: list[str] = []
    parameters: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(scheduler)  # type: ignore[arg-type]
    for f in parameters:
        value, default = getattr(scheduler, f.name), f.default
        if f.default_factory is not dataclasses.MISSING:
            default = f.default_factory()
        if f.init and value != default:
            parts.append(f"{f.name}={_write(value)}")
    return name_of(scheduler) + (f"[{','.join(parts)}]" if parts else "")


def _write(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else str(value)
