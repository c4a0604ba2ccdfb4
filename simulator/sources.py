"""Digest of the sources that a compiled function is made from, for caches on disk.

numba's own check looks at the file of the compiled function only, and would go on using old machine
code after a change of a helper in another file. Entry points are therefore cached under names that
carry this digest of their module and of all project modules that it imports, directly or not.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("simulator", "schedulers")

# Imports of the module level only: an import inside a function or under TYPE_CHECKING is indented,
# and what it brings is not compiled into anything.
_IMPORT = re.compile(
    rf"^(?:from|import) +((?:{'|'.join(PACKAGES)})(?:\.\w+)*)(?: +import +(\([^)]*\)|[^\n]*))?",
    re.MULTILINE,
)


@cache
def sources_digest(module: str) -> str:
    """Short digest of a module and of the project modules that it imports at its top level.

    Parameters
    ----------
    module : str
        Dotted name, such as ``"schedulers.listing"``. Of a module outside the project, such as one
        run as a script, the digest is that of no sources: numba's own check has to do.
    """
    found: dict[str, bytes] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        path = _path(name)
        if name in found or path is None:
            continue
        found[name] = path.read_bytes()
        todo += _imports(found[name].decode("utf-8"))
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(name.encode())
        digest.update(found[name])
    return digest.hexdigest()[:12]


def _path(name: str) -> Path | None:
    """File of a module or package of the project; None for anything else."""
    if name.partition(".")[0] not in PACKAGES:
        return None
    base = ROOT.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(source: str) -> list[str]:
    """Project modules that a source text imports at its top level."""
    out: list[str] = []
    for package, names in _IMPORT.findall(source):
        out.append(package)
        for name in re.split(r"[\s,()]+", names):
            out.append(f"{package}.{name}")  # a module of the package, or no file at all
    return out
