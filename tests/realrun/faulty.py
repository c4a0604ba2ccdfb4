"""Functions that tests call inside of workers."""

from __future__ import annotations

import os
from typing import Any


def forget_hunger(context: Any) -> None:
    os.environ.pop("alloclab-hungry", None)


def no_plain_value(context: Any) -> Any:
    return context.spec
