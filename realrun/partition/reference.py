"""Names of stages: what a variant's ``module`` says of a piece of a user's module.

``stage:2/4:9f3ac01b77de:/home/me/models.py:resnet`` is the second of four stages of what the
factory ``resnet`` in that file returns; stage 0 are its inputs. The digest in the middle is of the
exported graph and its weights, so that nobody runs another module than was planned with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulator.errors import InvalidScenario

PREFIX = "stage:"
_SHAPE = re.compile(r"stage:(\d{1,6})/(\d{1,6}):([0-9a-f]{12}):(.+)", re.DOTALL)
_FACTORY = re.compile(r"(.+\.py):([A-Za-z_]\w*)", re.DOTALL)


@dataclass(frozen=True)
class StageReference:
    """One stage of one module.

    Parameters
    ----------
    index : int
        1 to `stages`; 0 are the module's inputs.
    stages : int
    digest : str
        12 hexadecimal digits; see `realrun.partition.source`.
    origin : str
        ``FILE.pt2`` or ``FILE.py:FACTORY``.
    """

    index: int
    stages: int
    digest: str
    origin: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.index}/{self.stages}:{self.digest}:{self.origin}"


def is_stage(reference: str | None) -> bool:
    """Whether a module's name means a stage of a user's module."""
    return reference is not None and reference.startswith(PREFIX)


def parse_stage(reference: str) -> StageReference:
    """Read a name back.

    Raises
    ------
    InvalidScenario
    """
    hit = _SHAPE.fullmatch(reference)
    if hit is None or int(hit[1]) > int(hit[2]) or int(hit[2]) < 1:
        raise InvalidScenario(
            f"module: expected stage:INDEX/STAGES:DIGEST:FILE, got {reference[:80]!r}"
        )
    return StageReference(int(hit[1]), int(hit[2]), hit[3], hit[4])


def without_origin(text: str) -> str:
    """A stage's name without the file it comes from, which its digest stands for; others as is."""
    hit = _SHAPE.fullmatch(text) if text.startswith(PREFIX) else None
    return text if hit is None else f"{PREFIX}{hit[1]}/{hit[2]}:{hit[3]}"


def split_factory(origin: str) -> tuple[str, str] | None:
    """(file, factory) of ``FILE.py:FACTORY``, or None where it is not of that form."""
    hit = _FACTORY.fullmatch(origin)
    return None if hit is None else (hit[1], hit[2])


def is_origin(text: str) -> bool:
    """Whether a text is of the form ``FILE.pt2`` or ``FILE.py:FACTORY``."""
    return text.lower().endswith(".pt2") or split_factory(text) is not None
