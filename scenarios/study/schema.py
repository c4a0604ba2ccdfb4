"""The format of study files. What each key means stands in docs/study-format.md."""

# mypy: disable-error-code="valid-type, misc"
from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from scenarios.fields import Name, Strict, Text, either
from scenarios.messages import show
from simulator.engines import ENGINES
from simulator.errors import nearest

VERSION = 1
HEADER = "alloclab-study"

Whole = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Points = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Values = Annotated[list[Any], Field(min_length=1)]


class Interval(Strict):
    """Numbers between two, both finite."""

    low: Number
    high: Number

    @model_validator(mode="after")
    def _ascending(self) -> Interval:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low:g} and {self.high:g}")
        return self


class LogInterval(Interval):
    """Positive numbers between two."""

    @model_validator(mode="after")
    def _positive(self) -> LogInterval:
        if self.low <= 0:
            raise ValueError(f"low must be above 0 on a logarithmic scale, got {self.low:g}")
        return self


class WholeInterval(Strict):
    """Whole numbers from low to high, both included."""

    low: Annotated[int, Field(strict=True)]
    high: Annotated[int, Field(strict=True)]

    @model_validator(mode="after")
    def _ascending(self) -> WholeInterval:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        return self


class RangeSpec(Strict):
    """What a sampled parameter may be."""

    uniform: Interval | None = Field(None, description="Equally likely between two.")
    log: LogInterval | None = Field(None, description="Its logarithm is equally likely.")
    whole: WholeInterval | None = Field(None, description="Whole numbers, both ends included.")

    @model_validator(mode="after")
    def _one(self) -> RangeSpec:
        given = [key for key in ("uniform", "log", "whole") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of uniform, log, whole, got {', '.join(given) or 'none'}")
        return self


RangeOrValues = either(list=Values, mapping=RangeSpec)


class SampledSpec(Strict):
    """Points drawn at random."""

    n: Points
    seed: Whole = 0
    over: dict[Name, RangeOrValues] = Field(min_length=1)


class ParametersSpec(Strict):
    """Blocks of parameters; every point of one meets every point of the others."""

    grid: dict[Name, Values] = Field({}, description="All combinations.")
    zip: dict[Name, Values] = Field({}, description="First with first, second with second, ...")
    random: SampledSpec | None = Field(None, description="Independent draws.")
    latin_hypercube: SampledSpec | None = Field(
        None, description="Every one of n slices of every parameter once."
    )


def _no_parameters() -> ParametersSpec:
    return ParametersSpec.model_validate({})


class BudgetSpec(Strict):
    """What each search may use."""

    evaluations: Annotated[int, Field(strict=True, ge=1)] | None = None
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one(self) -> BudgetSpec:
        if (self.evaluations is None) == (self.seconds is None):
            raise ValueError("give either evaluations or seconds")
        return self


class Generated(Strict):
    """Instances of a graph family."""

    generate: dict[str, Any] = Field(description="The family and what all its instances share.")
    label: Name | None = Field(None, description="Name in the rows; default that of the instance.")


class StudyFile(Strict):
    """Scenarios x parameters x schedulers x seeds."""

    version: Annotated[int, Field(strict=True, ge=VERSION, le=VERSION)] = Field(
        alias="alloclab-study"
    )
    name: Name
    description: Text = ""
    scenarios: list[either(text=Text, mapping=Generated)] = Field(min_length=1)
    parameters: ParametersSpec = Field(default_factory=_no_parameters)
    schedulers: list[Text] = Field(min_length=1)
    seeds: either(number=Points, list=Annotated[list[Whole], Field(min_length=1)]) = 1
    budget: BudgetSpec | None = None
    metrics: list[Text] = Field([])
    engine: str = "auto"

    @model_validator(mode="after")
    def _names_exist(self) -> StudyFile:
        from scenarios.rows import METRIC_COLUMNS

        for metric in self.metrics:
            if metric not in METRIC_COLUMNS:
                raise ValueError(
                    f"metrics: unknown metric {show(metric)}{nearest(metric, METRIC_COLUMNS)} "
                    f"(known: {', '.join(METRIC_COLUMNS)})"
                )
        if self.engine not in ENGINES:
            raise ValueError(
                f"engine: unknown engine {show(self.engine)}{nearest(self.engine, ENGINES)} "
                f"(known: {', '.join(ENGINES)})"
            )
        return self
