"""Fixtures and options of the whole suite."""

from __future__ import annotations

import pytest

from tests.engines import MODULES, chosen


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        choices=[*MODULES, "both"],
        default="both",
        help="run the tests that an engine drives on this one only (default: both)",
    )


def pytest_report_header(config: pytest.Config) -> str:
    return "engines: " + ", ".join(engine.name for engine in chosen(config.getoption("--engine")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test with an argument `engine` one run for each chosen engine."""
    if "engine" in metafunc.fixturenames:
        engines = chosen(metafunc.config.getoption("--engine"))
        metafunc.parametrize("engine", engines, ids=[engine.name for engine in engines])
