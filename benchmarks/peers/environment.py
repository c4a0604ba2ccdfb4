"""The other program's own virtual environment, and a process in it that answers requests."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from simulator.errors import AlloclabError

VERSION = "2.1.0"
REQUIREMENT = f"anrg-saga=={VERSION}"
FOLDER = Path(__file__).resolve().parents[2] / ".peers-venv"
PYTHONS = ("python3.13", "python3.12")
OLDEST = (3, 12)
START_S = 120.0


class NoPeer(AlloclabError):
    """The other program cannot be installed or started."""


def interpreter(given: str | None = None) -> str:
    """A Python that SAGA 2.1.0 runs on: the given one, this one, or one found on the path.

    Raises
    ------
    NoPeer
    """
    found = Path.home() / ".pyenv" / "versions"
    others = sorted(str(p) for p in found.glob("3.1[23].*/bin/python")) if found.is_dir() else []
    names = [given] if given else [sys.executable, *PYTHONS, *others]
    for name in names:
        path = shutil.which(str(name))
        if path is None:
            continue
        code = "import sys; print(*sys.version_info[:2])"
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0 and tuple(map(int, done.stdout.split())) >= OLDEST:
            return path
    raise NoPeer(
        f"{REQUIREMENT} needs Python 3.12 or later and none of {', '.join(map(str, names))} is; "
        "name one with --python (an older one would silently get SAGA 2.0.2)"
    )


def environment(folder: Path = FOLDER, python: str | None = None) -> Path:
    """Python of the environment with SAGA in it, made on first use.

    Raises
    ------
    NoPeer
    """
    inside = folder / "bin" / "python"
    code = "from importlib.metadata import version as v; print(v('anrg-saga'))"
    if inside.exists():
        done = subprocess.run([inside, "-c", code], capture_output=True, text=True, check=False)
        if done.stdout.strip() == VERSION:
            return inside
        shutil.rmtree(folder)
    for command in (
        [interpreter(python), "-m", "venv", str(folder)],
        [str(inside), "-m", "pip", "install", "-q", "--disable-pip-version-check", REQUIREMENT],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise NoPeer(f"cannot make {folder}: {' '.join(command[:4])} ...: {last}")
    return inside


class Peer:
    """A worker process; one that overruns its limit is ended and replaced at the next request."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()
        self.versions: dict[str, str] = {}

    def start(self) -> None:
        """Start the process; it says its versions first.

        Raises
        ------
        NoPeer
        """
        # Sets of names decide ties in SAGA, so the hash seed is fixed; one thread for numpy.
        env = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        worker = Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [str(self._python), str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()
        try:
            self.versions = json.loads(self._lines.get(timeout=START_S) or "{}")
        except queue.Empty:
            self.versions = {}
        if self.versions.get("saga") != VERSION:
            self.stop()
            raise NoPeer(f"the worker offers SAGA {self.versions.get('saga')}, wanted {VERSION}")

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put("")

    def ask(self, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """Answer to a request; ``{"error": ..., "timeout": True}`` if it takes too long."""
        if self._process is None:
            self.start()
        process = self._process
        assert process is not None and process.stdin is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        try:
            line = self._lines.get(timeout=limit_s)
        except queue.Empty:
            self.stop()
            return {"error": f"no answer within {limit_s:g} s", "timeout": True}
        if not line:
            self.stop()
            return {"error": "the worker ended"}
        reply: dict[str, Any] = json.loads(line)
        return reply

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
