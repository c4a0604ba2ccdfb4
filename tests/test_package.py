"""What a user gets: the wheel's contents and metadata, and constraints that cover them."""

from __future__ import annotations

import email.parser
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("simulator", "schedulers", "realrun", "scenarios")
JUNK = shutil.ignore_patterns("__pycache__", "data", ".*")


def shipped(folder: Path) -> set[str]:
    """Return the paths below the four packages that belong in a wheel, relative to `folder`."""
    return {
        path.relative_to(folder).as_posix()
        for package in PACKAGES
        for path in (folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project, tests included, so that the build leaves nothing in the working tree."""
    folder = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=JUNK)
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    expected = shipped(source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "-w", str(folder), str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (path,) = folder.glob("*.whl")
    assert shipped(source) == expected, "the build changed its own source"
    return zipfile.ZipFile(path)


def files(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {name.partition("/")[0] for name in files(wheel)} == set(PACKAGES)


def test_the_wheel_holds_every_module_and_data_file(wheel: zipfile.ZipFile, source: Path) -> None:
    assert files(wheel) == shipped(source)


def test_the_metadata_names_command_licence_and_pythons(wheel: zipfile.ZipFile) -> None:
    (info,) = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    metadata = email.parser.BytesParser().parsebytes(wheel.read(f"{info}/METADATA"))
    assert metadata["Name"] == "alloclab"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert b"Apache License" in wheel.read(f"{info}/licenses/LICENSE")
    assert b"alloclab = scenarios.cli:main" in wheel.read(f"{info}/entry_points.txt")


def test_constraints_pin_every_direct_dependency_within_its_bounds() -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            assert pin.operator == "==", line
            pins[canonicalize_name(requirement.name)] = pin.version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["dependencies"] + [
        line for extra in project["optional-dependencies"].values() for line in extra
    ]
    for requirement in map(Requirement, declared):
        name = canonicalize_name(requirement.name)
        if name != "alloclab":
            assert name in pins, f"constraints.txt does not pin {name}"
            assert pins[name] in requirement.specifier, f"{name} {pins[name]} is out of bounds"
