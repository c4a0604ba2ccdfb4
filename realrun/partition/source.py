"""Gets a user's module as a graph: a file of torch.export, or the export of what a factory makes.

The graph is functional (nothing is written in place), of fixed shapes, and of ATen operators as
eager torch calls them (none taken apart), so that running it gives the bits of the module itself.

A factory is a function without parameters in a Python file; it returns the module and its example
inputs: a tensor, a tuple of tensors, or a mapping of argument names to tensors. The file is
executed, so it must be one that you trust. A ``.pt2`` file executes nothing of the user's: pickled
objects in it are refused. Nevertheless torch itself says not to load files from untrusted sources.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import logging
import os
import sys
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from realrun.partition.reference import split_factory
from realrun.programs import BadModule
from simulator.errors import unknown

_LOCK = threading.RLock()
_DATA_DEPENDENT = ("data-dependent", "Dynamic control flow", "DYNAMIC_CONTROL_FLOW")
_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


@dataclass(frozen=True, eq=False)
class Source:
    """A module as a graph.

    Parameters
    ----------
    origin : str
    program : ExportedProgram
        Functional, of fixed shapes, on the CPU.
    digest : str
        Over graph and weights; the same in every process.
    eager : nn.Module or None
        What the factory made; None for a file.
    """

    origin: str
    program: ExportedProgram
    digest: str
    eager: nn.Module | None = None

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the graph's inputs, in the order of the flattened call."""
        specs = self.program.graph_signature.input_specs
        return tuple(s.arg.name for s in specs if s.kind is InputKind.USER_INPUT)

    @cached_property
    def example_leaves(self) -> dict[str, Any]:
        """Example inputs by name; empty where a file holds none."""
        if self.program.example_inputs is None:
            return {}
        leaves = pytree.tree_leaves(self.program.example_inputs)
        return dict(zip(self.input_names, leaves, strict=True))

    @property
    def in_spec(self) -> Any:
        """How (positional, named) arguments are flattened."""
        return self.program.call_spec.in_spec


def load(origin: str) -> Source:
    """The graph of ``FILE.pt2`` or ``FILE.py:FACTORY``; kept until the file changes.

    Raises
    ------
    BadModule, UnknownName
        One sentence that begins with the origin.
    """
    path = Path((split_factory(origin) or (origin,))[0])
    try:
        stamp = path.stat()
    except (OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or error
        raise BadModule(f"{origin}: the file cannot be read: {text}") from None
    with _LOCK:
        return _load(origin, str(path), stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=8)
def _load(origin: str, path: str, _modified: int, _size: int) -> Source:
    factory = split_factory(origin)
    with _quiet():
        if factory is None:
            program, eager = _read(origin, Path(path)), None
        else:
            eager, args, kwargs = _made(origin, Path(path), factory[1])
            program = _export(origin, eager, args, kwargs)
        program = _functional(origin, program)
    return Source(origin, program, _digest(program), eager)


# ----- files -------------------------------------------------------------------------------------
def _read(origin: str, path: Path) -> ExportedProgram:
    with _weights_only():
        try:
            if not zipfile.is_zipfile(path):
                raise BadModule(f"{origin}: this is no file of torch.export.save: it is no archive")
            program = torch.export.load(path)
        except BadModule:
            raise
        except Exception as error:
            raise BadModule(
                f"{origin}: torch {torch.__version__} cannot load this file: {_said(error)}"
            ) from None
    if not isinstance(program, ExportedProgram):
        raise BadModule(f"{origin}: the file holds a {type(program).__name__}, no exported program")
    return program


@contextlib.contextmanager
def _weights_only() -> Iterator[None]:
    """Have torch refuse pickled objects, which could execute anything."""
    before = os.environ.get(_WEIGHTS_ONLY)
    os.environ[_WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_WEIGHTS_ONLY]
        else:
            os.environ[_WEIGHTS_ONLY] = before


# ----- factories ---------------------------------------------------------------------------------
def _made(origin: str, path: Path, name: str) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    """(module in inference mode, positional, named example inputs) of a factory."""
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        code = _executed(origin, path)
        factory = getattr(code, name, None)
        if factory is None:
            made_here = {n: v for n, v in vars(code).items() if isinstance(v, FunctionType)}
            known = [n for n, v in made_here.items() if v.__module__ == code.__name__]
            raise unknown("factory", name, known, where=origin)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(0)
                made = factory()
        except (Exception, SystemExit) as error:
            raise BadModule(
                f"{origin}: the factory raised {type(error).__name__}: {_said(error)}"
            ) from None
    finally:
        sys.path.remove(str(path.parent.resolve()))
    return _checked(origin, made)


def _executed(origin: str, path: Path) -> ModuleType:
    """The file as a module of a name that no other file has."""
    label = f"alloclab_user_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(label, path)
    assert spec is not None and spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    sys.modules[label] = code  # dataclasses look their module up
    try:
        spec.loader.exec_module(code)
    except (Exception, SystemExit) as error:
        raise BadModule(
            f"{origin}: {path.name} raised {type(error).__name__}: {_said(error)}"
        ) from None
    return code


def _checked(origin: str, made: Any) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    if not (isinstance(made, tuple | list) and len(made) == 2 and isinstance(made[0], nn.Module)):
        got = type(made).__name__
        if isinstance(made, tuple | list):
            got += " of " + (", ".join(type(x).__name__ for x in made[:4]) or "nothing")
        raise BadModule(
            f"{origin}: the factory must return (torch.nn.Module, example inputs), got {got}"
        )
    module, given = made
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if isinstance(given, torch.Tensor):
        args = (given,)
    elif isinstance(given, Mapping):
        kwargs = {str(k): v for k, v in given.items()}
    elif isinstance(given, tuple | list):
        args = tuple(given)
    else:
        raise BadModule(
            f"{origin}: example inputs must be a tensor, a tuple or a mapping of tensors, "
            f"got {type(given).__name__}"
        )
    module.requires_grad_(False).eval()
    return module.cpu(), args, kwargs


def _export(
    origin: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ExportedProgram:
    try:
        with torch.no_grad():
            module(*args, **kwargs)  # what is wrong with the module itself is said by itself
    except Exception as error:
        raise BadModule(
            f"{origin}: the module raised {type(error).__name__} on its example inputs: "
            f"{_said(error)}"
        ) from None
    try:
        with torch.no_grad():
            return torch.export.export(module, args, kwargs, strict=False)
    except Exception as error:
        if any(word in str(error) or word in type(error).__name__ for word in _DATA_DEPENDENT):
            raise BadModule(
                f"{origin}: torch.export cannot draw a graph: what the module does depends on the "
                f"values in its tensors (an if, a loop or an index over them): {_said(error)}"
            ) from None
        raise BadModule(f"{origin}: torch.export cannot draw a graph: {_said(error)}") from None


# ----- both --------------------------------------------------------------------------------------
def _functional(origin: str, program: ExportedProgram) -> ExportedProgram:
    """The program without in-place writes, at the shapes of its example inputs."""
    try:
        with torch.no_grad():
            if _is_symbolic(program):
                if program.example_inputs is None:
                    raise BadModule(
                        f"{origin}: its shapes are open and it holds no example inputs that would "
                        "fix them; export it without dynamic_shapes"
                    )
                args, kwargs = program.example_inputs
                program = torch.export.export(program.module(), args, kwargs, strict=False)
            return program.run_decompositions({})
    except BadModule:
        raise
    except Exception as error:
        raise BadModule(
            f"{origin}: torch.export cannot rewrite the graph: {_said(error)}"
        ) from None


def _is_symbolic(program: ExportedProgram) -> bool:
    """Whether an input has a size that is not a number."""
    for node in program.graph.nodes:
        value = node.meta.get("val")
        is_input = node.op == "placeholder" and isinstance(value, torch.Tensor)
        if is_input and any(not isinstance(size, int) for size in value.shape):
            return True
    return False


def _digest(program: ExportedProgram) -> str:
    """12 hexadecimal digits over operators, weights and constants."""
    found = hashlib.blake2b(digest_size=6)
    found.update(str(program.graph).encode())
    tensors = {**program.constants, **program.state_dict}
    for name in sorted(tensors):
        tensor = tensors[name]
        if isinstance(tensor, torch.Tensor):
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            found.update(flat.view(torch.uint8).numpy().data)
    return found.hexdigest()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch remarks while it loads and exports from the screen; errors are raised."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _said(error: BaseException) -> str:
    """The first line of what an error says that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[0].partition(" (unhinted:")[0][:200]
