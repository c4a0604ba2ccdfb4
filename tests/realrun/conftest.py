"""Workers are started once for all tests of a process: each costs an import of torch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from realrun.pool import Workers
from tests.realrun.worlds import THREE


@pytest.fixture(scope="session")
def _three() -> Iterator[Workers]:
    with Workers(THREE) as workers:
        yield workers


@pytest.fixture
def three(_three: Workers) -> Workers:
    """Three workers named a, b and c."""
    _three.ensure()
    return _three
