"""The format of scenario files. What each key means stands in docs/scenario-format.md."""

# mypy: disable-error-code="valid-type, misc"
from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from scenarios.cluster_schema import ClusterRef, Version
from scenarios.fields import (
    Bytes,
    BytesTable,
    FlopsTable,
    Name,
    Number,
    Rate,
    Share,
    Strict,
    Text,
    Time,
    TimeTable,
    either,
)

Count = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]


# ----- distributions -----------------------------------------------------------------------------
def _distributions(quantity: Any, word: str) -> tuple[Any, Any]:
    """A distribution whose values are of one quantity, and a field that also takes a value."""

    def shape(name: str, about: str, **fields: Any) -> Any:
        return create_model(f"{word}{name}", __base__=Strict, __doc__=about, **fields)

    needed, optional = (quantity, ...), (list[Number] | None, None)
    shapes = {
        "uniform": shape("Uniform", "Equally likely between two.", low=needed, high=needed),
        "exponential": shape("Exponential", "Memoryless, of given mean.", mean=needed),
        "lognormal": shape(
            "Lognormal",
            "Its logarithm is normal with standard deviation sigma.",
            median=needed,
            sigma=(Number, ...),
        ),
        "gamma": shape(
            "Gamma", "Of given mean and coefficient of variation.", mean=needed, cv=(Number, ...)
        ),
        "choice": shape(
            "Choice",
            "One of several values; equally likely unless weights are given.",
            values=(list[quantity], Field(min_length=1)),
            weights=optional,
        ),
    }
    fields = {name: (kind | None, None) for name, kind in shapes.items()}
    whole = shape("Distribution", "One of the distributions.", **fields)
    return whole, either(text=quantity, number=quantity, mapping=whole)


NumberDistribution, NumberOrDistribution = _distributions(Number, "Number")
TimeDistribution, TimeOrDistribution = _distributions(Time, "Time")


class SizeSpec(NumberDistribution):
    """A request size: how it is distributed, and the value at which costs were measured."""

    nominal: Number | None = Field(
        None, description="Size at which costs hold; default: that of the catalogue's models."
    )


# ----- arrivals ----------------------------------------------------------------------------------
class RateSpec(Strict):
    """A rate."""

    rate: Rate


RateOrSpec = either(text=Rate, number=Rate, mapping=RateSpec)


class ArrivalsSpec(Strict):
    """When requests come: at a constant rate, at random, by a trace, or from waiting clients."""

    constant: RateOrSpec | None = Field(None, description="Evenly spaced, such as 30 Hz.")
    poisson: RateOrSpec | None = Field(None, description="Independent, such as 20/s on average.")
    trace: either(text=Text, list=list[Time]) | None = Field(
        None, description="Times, or a file of times (one a line, or a CSV file)."
    )
    column: Text | None = Field(None, description="Column of a CSV trace that holds the times.")
    clients: Count | None = Field(None, description="Clients who wait for their answer.")
    think: TimeOrDistribution | None = Field(
        None, description="Time between an answer and the client's next request."
    )
    requests: Count | None = Field(
        None, description="How many; default 1 at once, all of a trace, else 1000."
    )
    duration: Time | None = Field(None, description="Instead of requests: for how long.")
    start: Time = Field(0.0, description="Time of the first request.")


# ----- models and tasks --------------------------------------------------------------------------
class WorkSpec(Strict):
    """What a model computes, whatever the device: durations follow by the roofline formula."""

    flops: either(text=FlopsTable, number=FlopsTable, mapping=dict[Name, FlopsTable]) = Field(
        description="FLOPs by operator class (matmul, conv, attention, other); plain: matmul."
    )
    bytes: BytesTable = Field(0.0, description="Bytes read and written by all operators.")
    operators: Number = Field(0.0, description="Launches.")
    dtype: Name = "fp32"


class ModelSpec(Strict):
    """A model written out, or one of the catalogue with something changed."""

    model: Name | None = Field(None, description="Model of the catalogue or of models: above.")
    dtype: Name | None = Field(None, description="Dtype of the catalogue's model.")
    duration: either(text=TimeTable, number=TimeTable, mapping=dict[Name, TimeTable]) | None = (
        Field(None, description="Time it takes: one, or by node, device or kind (or any).")
    )
    work: WorkSpec | None = Field(None, description="What it computes, instead of a duration.")
    weights: Bytes | None = Field(None, description="Bytes of its weights.")
    activation: BytesTable | None = Field(None, description="Working set of one execution.")
    output: BytesTable | None = Field(None, description="Bytes it hands on.")
    accuracy: Share | None = Field(None, description="Measured accuracy from 0 to 1.")
    sharing_group: Name | None = Field(None, description="Models of one group share weights.")
    module: Text | None = Field(None, description="Torch module that a real run builds.")


class JoinSpec(Strict):
    """How a task waits for its inputs."""

    need: Count | None = Field(None, description="Go ahead with the first k inputs.")
    deadline: Time | None = Field(None, description="Go ahead this long after the arrival.")
    late: Literal["keep", "cancel"] = Field("keep", description="What becomes of late inputs.")


class TaskSpec(ModelSpec):
    """A task: its variants, or the one model that does it written in place."""

    variants: either(list=list[Name], mapping=dict[Name, ModelSpec]) | None = Field(
        None, description="Models that can do it: names, or name: {...} written out."
    )
    near: Name | None = Field(None, description="Node or label it must run on.")
    allowed: list[Name] | None = Field(None, description="Nodes, devices, kinds or labels.")
    forbidden: list[Name] = Field([], description="Nodes, devices, kinds or labels.")
    join: JoinSpec | None = None
    fusion: Name | None = Field(None, description="How inputs are fused (mean, vote, ...).")
    scale_with: Name | None = Field(None, description="Request size that scales its work.")


class EdgeSpec(Strict):
    """A message from one task to another."""

    from_: Name = Field(alias="from")
    to: Name
    name: Name | None = Field(None, description="Only in a list; in a mapping it is the key.")
    bytes: Bytes | None = Field(None, description="Default: the output of the producer.")
    lag: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = Field(
        0, description="The message feeds the request that many later."
    )
    probability: Share | None = Field(None, description="Conditional: how often it is taken.")
    branch: Name | None = Field(None, description="Edges of one branch exclude each other.")
    scale_with: Name | None = Field(
        None, description="Request size that scales its bytes; default: as its producer."
    )


EdgeRef = either(text=Text, mapping=EdgeSpec)


# ----- streams -----------------------------------------------------------------------------------
class OwnModuleSpec(Strict):
    """A torch module of one's own, exported by torch.export and cut into stages."""

    factory: Text | None = Field(
        None, description="FILE.py:FUNCTION; it returns the module and its example inputs."
    )
    exported: Text | None = Field(None, description="FILE.pt2 that torch.export.save wrote.")
    cuts: Annotated[int, Field(strict=True, ge=0, le=10_000)] | None = Field(
        None, description="Cuts; one stage more than that. Default 3, or as many as there can be."
    )
    near: Name | None = Field("entry", description="Node or label where its inputs come in.")


class StreamSpec(Strict):
    """Requests for one graph of tasks."""

    arrivals: either(text=Text, mapping=ArrivalsSpec) = Field(
        "once", description="once, a constant rate such as 30 Hz, or written out."
    )
    sizes: dict[Name, either(text=Number, number=Number, mapping=SizeSpec)] = Field(
        {}, description="Request sizes, such as tokens."
    )
    noise: NumberOrDistribution | None = Field(
        None, description="Factor on every duration; 10 % is a coefficient of variation."
    )
    deadline: Time | None = Field(None, description="Latency worth having (SLO).")
    batch: Count = Field(1, description="Items in a request.")
    class_: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = Field(
        0, alias="class", description="Lower classes go first."
    )
    weight: Number = Field(1.0, description="Weight in objectives.")
    tasks: dict[Name, TaskSpec] = Field(default={}, description="Tasks by name.")
    edges: either(list=list[EdgeRef], mapping=dict[Name, EdgeRef]) = Field(
        [], description="Messages: name: a -> b, or a list of chains a -> b -> c."
    )
    generate: dict[str, Any] | None = Field(
        None, description="Instead of tasks and edges: a graph family and its parameters."
    )
    module: OwnModuleSpec | None = Field(
        None, description="Instead of tasks and edges: a torch module, cut into stages."
    )
    place_with: list[list[Name]] = Field([], description="Groups of tasks that share a node.")
    apart: list[list[Name]] = Field([], description="Groups of tasks on different nodes.")
    accuracy: Literal["product", "min", "mean"] | None = Field(
        None, description="How the accuracies of the tasks compose."
    )


# ----- the rest ----------------------------------------------------------------------------------
class _Interval(Strict):
    start: Time = Field(alias="from")
    end: Time | None = Field(None, alias="to", description="Default: for good.")


class OutageSpec(_Interval):
    """A node, or all of a failure domain, is down."""

    node: Name | None = None
    domain: Name | None = None


class SlowdownSpec(_Interval):
    """Everything on a node takes `factor` times as long."""

    node: Name
    factor: Number


class DegradationSpec(_Interval):
    """The bandwidth of a link is multiplied by `factor`; 0 is down."""

    link: Text
    factor: Number


class DynamicsSpec(Strict):
    """Planned misfortune."""

    outages: list[OutageSpec] = Field([])
    slowdowns: list[SlowdownSpec] = Field([])
    degradations: list[DegradationSpec] = Field([])


class ScenarioFile(Strict):
    """A scenario: models, machines, load and rules."""

    alloclab: Version
    extends: Text | None = Field(None, description="Scenario name or file to start from.")
    name: Name | None = Field(None, description="Default: the name of the file.")
    description: Text = ""
    cluster: ClusterRef | None = Field(None, description="Built-in name, file, or written out.")
    models: dict[Name, ModelSpec] = Field({}, description="Models of one's own, by name.")
    streams: dict[Name, StreamSpec] = Field(min_length=1, description="Streams by name.")
    network: Literal["ideal", "fifo", "fair"] = "ideal"
    dispatch: Literal["greedy", "strict"] | None = None
    discipline: Literal["fifo", "priority", "edf"] = "fifo"
    objective: either(text=Text, mapping=dict[Name, Number]) = Field(
        "makespan", description="A metric, or metrics with weights."
    )
    plan_draws: Annotated[int, Field(strict=True, ge=1, le=10_000)] = Field(
        1, description="Realisations that planning looks at."
    )
    plan_risk: either(text=Text, mapping=dict[Name, Share]) = Field(
        "mean", description="What planning minimises over them: mean, p95, {cvar: 0.9}."
    )
    dynamics: DynamicsSpec | None = None
    facts: dict[Name, Text] = Field({}, description="Remarks: origin, licence, published values.")
