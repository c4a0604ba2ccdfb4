"""Where compiled code is kept between runs, on machines where the usual places are read-only.

numba keeps it beside the source or below the home folder, and gives up with an error where it may
write to neither, as in a container that runs under a foreign user.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def provide(source: Path, home: Path) -> str | None:
    """Name a folder for compiled code if there is no usual one; None where nothing has to be done.

    Parameters
    ----------
    source : Path
        Folder of the code.
    home : Path
        Home folder of the user.
    """
    if os.environ.get(VARIABLE) or _writable(source / "__pycache__") or _writable(home):
        return None
    folder = Path(tempfile.gettempdir()) / f"alloclab-compiled-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid() or folder.is_symlink():
            raise OSError  # code that another user could have put there is not run
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="alloclab-compiled-"))
    os.environ[VARIABLE] = str(folder)
    return str(folder)


def _writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the nearest one above that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
