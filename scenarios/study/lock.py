"""One sweep a folder: a lock that its holder's death releases, however it died."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulator.errors import AlloclabError

NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder.

    The operating system ties the lock to the process: nothing has to be cleaned up after a kill.

    Raises
    ------
    AlloclabError
        Another sweep holds it; says which process.
    """
    handle = _open(folder)  # closing it releases the lock
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlloclabError(f"{folder}: {described(_said(folder))} is writing there") from None
        except OSError as error:
            raise AlloclabError(f"cannot lock {folder}: {error.strerror or error}") from None
        me = {
            "process": os.getpid(),
            "host": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(me).encode(), 0)
        yield
    finally:
        os.close(handle)


def holder(folder: Path) -> dict[str, Any] | None:
    """Who sweeps in a folder at this moment (process, host, since), or None."""
    try:
        handle = os.open(folder / NAME, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _said(folder)
    except OSError:
        return None
    finally:
        os.close(handle)
    return None


def described(who: dict[str, Any]) -> str:
    """A holder in words."""
    if "process" not in who:
        return "another run"
    return f"another run (process {who['process']} on {who.get('host')}, since {who.get('since')})"


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise AlloclabError(f"cannot write to {folder}: {error.strerror or error}") from None


def _said(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
