"""What the two commands ``python -m tests.conformance`` and ``python -m tests.simgrid`` share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from simulator.errors import AlloclabError
from tests.engines import MODULES, Engine, chosen

Case = TypeVar("Case")


class BadCase(AlloclabError, ValueError):
    """A case file, or the folder, is not what it should be."""


def case_files(folder: Path) -> list[Path]:
    """All case files of a folder, sorted by name."""
    if not folder.is_dir():
        raise BadCase(f"{folder}: no such folder")
    if not (files := sorted(folder.glob("*.json"))):
        raise BadCase(f"{folder}: holds no .json file")
    return files


def read_case(path: Path, parse: Callable[[dict[str, Any]], Case]) -> Case:
    """Read one case file; whatever is wrong with it becomes one sentence."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(raw, dict):
            raise BadCase(f"{path}: an object was expected, not {type(raw).__name__}")
        return parse(raw)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadCase(f"{path}: cannot be read as JSON: {error}") from error
    except KeyError as error:
        raise BadCase(f"{path}: the field {error} is missing") from error
    except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise BadCase(f"{path}: not a case of this kind: {error}") from error


def main(
    about: str,
    check: Callable[[Path, Engine], str | None],
    arguments: Sequence[str] | None,
    summary: Callable[[], str] = str,
) -> int:
    """Run every case of a folder on every chosen engine.

    Parameters
    ----------
    about : str
        What ``--help`` says.
    check : callable
        Runs one case on one engine and returns the first difference, or None.
    arguments : sequence of str or None
        Instead of those of the process.
    summary : callable
        More words for the line that closes the cases of an engine.

    Returns
    -------
    int
        0 when all agree, 1 when one differs, 2 when the input is unusable.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", choices=[*MODULES, "both"], default="both")
    options = parser.parse_args(arguments)
    failures = 0
    try:
        files = case_files(options.folder)
        for engine in chosen(options.engine):
            failed = 0
            for path in files:
                if difference := check(path, engine):
                    failed += 1
                    print(f"{path.name} [{engine.name}] {difference}")
            print(f"{engine.name}: {len(files) - failed} of {len(files)} cases agree{summary()}")
            failures += failed
    except (AlloclabError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 1 if failures else 0
