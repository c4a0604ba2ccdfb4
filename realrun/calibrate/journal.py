"""What has been measured so far, line by line, so that nothing is measured twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Journal:
    """Results of steps by key, kept in a file while a calibration is under way.

    Parameters
    ----------
    path : Path or None
        None keeps them in memory only.
    settings : mapping
        A journal with other settings is begun anew.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]):
        self._path = path
        self._found: dict[str, Any] = {}
        self._settings = json.loads(json.dumps(settings))
        if path is not None and path.exists() and not self._read(path):
            path.unlink()

    def _read(self, path: Path) -> bool:
        """Whether the file is of the same settings; a torn last line is left out."""
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        try:
            if not lines or json.loads(lines[0]) != self._settings:
                return False
        except ValueError:
            return False
        for line in lines[1:]:
            try:
                row = json.loads(line)
                self._found[row["key"]] = row["value"]
            except (ValueError, KeyError, TypeError):
                break
        self._mend(path, len(lines) - 1)
        return True

    def _mend(self, path: Path, rows: int) -> None:
        """Take what is torn off the file, or the next line would be written onto it."""
        if rows == len(self._found) and path.read_bytes().endswith(b"\n"):
            return
        whole = [self._settings, *({"key": k, "value": v} for k, v in self._found.items())]
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text("".join(json.dumps(row) + "\n" for row in whole), encoding="utf-8")
        partial.replace(path)

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def step(self, key: str, measure: Callable[[], Any]) -> Any:
        """The result of a step; measured and written down if it is not there yet."""
        if key not in self._found:
            value = json.loads(json.dumps(measure()))
            self._write({"key": key, "value": value})
            self._found[key] = value
        return self._found[key]

    def _write(self, row: dict[str, Any]) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = not self._path.exists()
        with self._path.open("a", encoding="utf-8") as file:
            if new:
                file.write(json.dumps(self._settings) + "\n")
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def done(self) -> None:
        """Remove the file: everything is in the calibration now."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
