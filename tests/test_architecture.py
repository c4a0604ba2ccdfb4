"""The shape of the code: imports run downwards only; heavy libraries load where they are used."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "simulator": set(),
    "schedulers": {"simulator"},
    "realrun": {"simulator"},
    "scenarios": {"simulator", "schedulers", "realrun"},
}
HEAVY = ("torch", "matplotlib", "deap", "ortools")
# A registry names a class as "package.module:Name"; such a string is an import put off.
REFERENCE = re.compile(r"(\w+)(?:\.\w+)*:[A-Za-z_]\w*")


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, top-level name) of each absolute import, at any depth and put off or not."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            target = node.args[0]
            if name not in {"import_module", "__import__"} or not isinstance(target, ast.Constant):
                continue
            if isinstance(target.value, str) and not target.value.startswith("."):
                yield node.lineno, target.value.partition(".")[0]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = REFERENCE.fullmatch(node.value)
            if match and match[1] in MAY_IMPORT:
                yield node.lineno, match[1]


def modules(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, f"{package}/ holds no module"
    return found


def violations(package: str, forbidden: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(package)
        for line, name in imported(path.read_text(encoding="utf-8"))
        if name in forbidden
    ]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import torch.nn as nn", ["torch"]),
        ("def f():\n    from schedulers.base import Budget", ["schedulers"]),
        ("from . import units\nfrom .units import parse", []),
        ("import importlib\nm = importlib.import_module('torch.nn')", ["importlib", "torch"]),
        ("ENTRIES = {'heft': 'schedulers.greedy:Heft'}", ["schedulers"]),
        ("'a sentence about scenarios: not one import'", []),
    ],
)
def test_the_import_finder_sees_every_way_to_import(source: str, names: list[str]) -> None:
    assert [name for _, name in imported(source)] == names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_run_downwards_only(package: str) -> None:
    upwards = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    assert violations(package, upwards | {"tests", "benchmarks"}) == []


def test_the_simulator_never_imports_torch() -> None:
    assert violations("simulator", {"torch"}) == []


def heavy_after_importing(names: list[str]) -> list[str]:
    """Import the modules in a fresh interpreter; return the heavy libraries that came along."""
    script = (
        f"import importlib, json, sys; [importlib.import_module(name) for name in {names!r}]; "
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("package", ["simulator", "schedulers", "scenarios"])
def test_importing_a_package_leaves_heavy_libraries_alone(package: str) -> None:
    assert heavy_after_importing([package]) == []


# Single schedulers may need a heavy library as a whole; the registry loads them by name, on demand.
@pytest.mark.parametrize("package", ["simulator", "scenarios"])
def test_no_module_loads_a_heavy_library_when_imported(package: str) -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in modules(package)
        if path.stem != "__main__"
    ]
    assert heavy_after_importing(names) == []


def test_the_probe_notices_a_heavy_library() -> None:
    assert heavy_after_importing(["matplotlib"]) == ["matplotlib"]


USER_EXTRAS = ("dask", "gym")
"""What users may install beside; the code that needs it says so when it is missing."""


def test_every_third_party_import_is_a_declared_dependency() -> None:
    requirements = [Requirement(line) for line in importlib.metadata.requires("alloclab") or []]
    declared = {
        requirement.name.lower().replace("_", "-")
        for requirement in requirements
        if requirement.marker is None
        or "extra" not in str(requirement.marker)
        or any(f'extra == "{extra}"' in str(requirement.marker) for extra in USER_EXTRAS)
    }
    providers = importlib.metadata.packages_distributions()
    own = set(MAY_IMPORT) | set(sys.stdlib_module_names)
    undeclared = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for package in MAY_IMPORT
        for path in modules(package)
        for line, name in imported(path.read_text(encoding="utf-8"))
        if name not in own
        and not {dist.lower().replace("_", "-") for dist in providers.get(name, ())} & declared
    ]
    assert undeclared == []
