"""Names and spec strings: what parses, what does not, and what the error says."""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib import metadata
from typing import ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers import registry
from schedulers.heft import Heft
from schedulers.registry import InvalidSpec, make, name_of, names, parse, scheduler_class, spec_of
from simulator.errors import AlloclabError, UnknownName


@dataclass(frozen=True)
class Many:
    """A scheduler with a field of every kind."""

    version: ClassVar[int] = 3
    flag: bool = False
    count: int = 8
    rate: float = 0.5
    word: str = "heft"
    mode: Literal["fast", "slow"] = "fast"
    limit: int | None = None

    def schedule(self, problem, budget, rng):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count must be >= 1, got {self.count}")


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register `Many` as an outside package would."""
    point = metadata.EntryPoint("many", f"{__name__}:Many", registry.GROUP)
    taken = metadata.EntryPoint("heft", f"{__name__}:Many", registry.GROUP)
    found = metadata.EntryPoints([point, taken])
    monkeypatch.setattr(metadata, "entry_points", lambda group: found)
    registry._outside.cache_clear()
    yield
    registry._outside.cache_clear()


@pytest.mark.parametrize("name", names())
def test_every_entry_is_a_scheduler(name: str) -> None:
    cls = scheduler_class(name)
    assert cls.__dataclass_params__.frozen
    assert isinstance(cls.version, int)
    assert cls.__doc__
    assert name_of(make(name)) == name
    assert spec_of(make(name)) == name


def test_modules_open_with_paper_changes_cost_and_weakness() -> None:
    import importlib

    for target in registry.SCHEDULERS.values():
        text = importlib.import_module(target.partition(":")[0]).__doc__ or ""
        assert "aper" in text
        assert "Cost:" in text
        assert "badly" in text


@pytest.mark.parametrize(
    "spec",
    [
        "heft",
        "heft[insertion=false]",
        "heft[lookahead=oct]",
        "heft[insertion=false,lookahead=oct]",
        "peft[insertion=false]",
        "cpop[insertion=false]",
    ],
)
def test_specs_round_trip(spec: str) -> None:
    assert spec_of(make(spec)) == spec


def test_spaces_and_defaults_do_not_matter() -> None:
    assert make(" heft[ insertion = true , lookahead=none ] ") == Heft() == make("heft[]")


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("heff", UnknownName, "unknown scheduler 'heff'; did you mean 'heft'?"),
        ("", UnknownName, "unknown scheduler ''"),
        ("heft[insertio=false]", UnknownName, "unknown parameter of heft 'insertio'; did you mean"),
        ("olb[x=1]", InvalidSpec, "scheduler 'olb' has no parameters, got 'x'"),
        ("heft[insertion=False]", InvalidSpec, "insertion must be true or false, got 'False'"),
        ("heft[insertion=1]", InvalidSpec, "insertion must be true or false, got '1'"),
        ("heft[lookahead=oct2]", InvalidSpec, "one of none, oct, got 'oct2'; did you mean 'oct'?"),
        ("heft[insertion]", InvalidSpec, "expected key=value, got 'insertion'"),
        ("heft[insertion=]", InvalidSpec, "expected key=value"),
        ("heft[insertion=true", InvalidSpec, "the bracket is not closed"),
        ("heft[insertion=true]]", InvalidSpec, "brackets do not match"),
        ("heft[insertion=true]x", InvalidSpec, "the bracket is not closed"),
        ("heft[insertion=true,,]", InvalidSpec, "expected key=value"),
        ("heft[insertion=true,insertion=false]", InvalidSpec, "'insertion' is given twice"),
        (7, InvalidSpec, "must be a text, got int"),
    ],
)
def test_bad_specs_are_refused_in_one_sentence(spec, error, words: str) -> None:
    with pytest.raises(error) as caught:
        make(spec)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="heft[]=,insertionrue 01", max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        made = make(text)
    except AlloclabError:
        return
    assert make(spec_of(made)) == made


@pytest.mark.usefixtures("many")
def test_outside_packages_join_by_entry_point_but_take_no_name() -> None:
    assert names()[-1] == "many"
    assert make("many") == Many()
    assert name_of(Many()) == "many"
    assert isinstance(make("heft"), Heft)


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("spec", "made"),
    [
        ("many[flag=true,count=3]", Many(flag=True, count=3)),
        ("many[rate=1e-3]", Many(rate=1e-3)),
        ("many[word=heft[insertion=false,lookahead=oct]]",
         Many(word="heft[insertion=false,lookahead=oct]")),
        ("many[limit=4,mode=slow]", Many(limit=4, mode="slow")),
        ("many[limit=none]", Many()),
    ],
)  # fmt: skip
def test_values_are_read_by_type_and_written_back(spec: str, made: Many) -> None:
    assert make(spec) == made
    assert make(spec_of(made)) == made


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("many[count=2.5]", "many: count must be an integer, got '2.5'"),
        ("many[count=1_000]", "many: count must be an integer"),
        ("many[rate=fast]", "many: rate must be a number, got 'fast'"),
        ("many[rate=nan]", "many: rate must be a number, got 'nan'"),
        ("many[limit=few]", "many: limit must be an integer, got 'few'"),
        ("many[count=0]", "count must be >= 1, got 0"),
    ],
)
def test_ill_typed_values_are_refused(spec: str, words: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        make(spec)
    assert words in str(caught.value)


def test_unregistered_schedulers_have_a_spec_too() -> None:
    assert spec_of(Many(count=2)) == "Many[count=2]"


def test_parameters_have_defaults() -> None:
    """So that a bare name always builds a scheduler."""
    for name in names():
        for field in fields(scheduler_class(name)):
            assert getattr(make(name), field.name) is not None


def test_parse_keeps_nested_brackets_together() -> None:
    assert parse("a[b=c[d=1,e=2],f=3]") == ("a", {"b": "c[d=1,e=2]", "f": "3"})
