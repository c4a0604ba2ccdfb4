"""Why an allocation is as good as it is: roles of tasks, single moves, where time goes."""

from scenarios.explain.constraints import Constraint
from scenarios.explain.explanation import Explanation, TaskFacts
from scenarios.explain.making import explain
from scenarios.explain.moves import Move
from scenarios.explain.pieces import PARTS
from scenarios.explain.resources import Resource
from scenarios.explain.samples import Sample

__all__ = [
    "PARTS",
    "Constraint",
    "Explanation",
    "Move",
    "Resource",
    "Sample",
    "TaskFacts",
    "explain",
]
