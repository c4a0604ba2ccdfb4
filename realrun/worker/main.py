"""A worker process: waits for commands, runs them, answers.

Started by `realrun.pool` as ``python -m realrun.worker.main FD``, where FD is its end of the
channel. It ends when the channel does, and at once when the controller is gone, even in the middle
of a task.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import math
import os
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from realrun import wire
from realrun.devices import WorkerSpec

PR_SET_TIMERSLACK = 29
FLUSH_S = 2.0
"""How long others may take to read what a worker still has to tell them at the end of a run."""
PRIORITY = -10
"""Niceness of workers where the system permits it: measurements go before other programs."""


def main(argv: list[str]) -> int:
    """Serve the channel whose descriptor is the only argument."""
    channel = socket.socket(fileno=_lowered(int(argv[0])))
    hello = wire.receive(channel)
    _die_with_controller(int(hello["life"]))
    if hello["cores"]:
        os.sched_setaffinity(0, hello["cores"])
    _take_precedence()
    for folder in reversed(hello["path"]):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # modules of the user's may lie there
    try:
        worker = Worker(channel, hello)
    except Exception as error:
        wire.send(channel, _failure(error))
        return 1
    wire.send(channel, {"ok": True, "pid": os.getpid()})
    while True:
        try:
            command = wire.receive(channel)
        except wire.Closed:
            break
        if command["verb"] == "stop":
            break
        try:
            answer = worker.obey(command)
        except wire.Closed:
            break
        except BaseException as error:
            worker.drop()
            answer = _failure(error)
        try:
            _reply(channel, answer)
        except wire.Closed:
            break
    worker.close()
    if hello["transport"] == "distributed":
        os._exit(0)  # threads that wait for a peer that died would hold up the interpreter's end
    return 0


def _lowered(fd: int) -> int:
    """The lowest free number for a descriptor: `select.select` takes none above 1023."""
    low = os.dup(fd)
    os.close(fd)
    return low


def _reply(channel: socket.socket, answer: dict[str, Any]) -> None:
    """Send an answer; one that cannot be sent is an error of whoever made it."""
    try:
        wire.send(channel, answer)
    except wire.BadMessage as error:  # found before the first byte is written
        wire.send(channel, _failure(error))


def _take_precedence() -> None:
    """Let other programs wait, where the system permits that, and wake when asked, not later."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    with contextlib.suppress(OSError):  # niceness counts within a session only, and this is its own
        Path("/proc/self/autogroup").write_text(str(PRIORITY), encoding="ascii")


def _die_with_controller(life: int) -> None:
    """End this process when the last writer of the pipe `life` is gone."""

    def watch() -> None:
        os.read(life, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="life").start()


def _failure(error: BaseException) -> dict[str, Any]:
    """What the controller is told of an error; users see the sentence of one that is theirs."""
    from simulator.errors import AlloclabError

    kind = "error" if isinstance(error, AlloclabError) else "bug"
    text = str(error)
    if isinstance(error, MemoryError):
        kind = "memory"
    if kind == "bug":
        text = f"{type(error).__name__}: {error}"
    return {"failed": kind, "text": text, "traceback": "".join(traceback.format_exception(error))}


class Worker:
    """State between commands.

    Parameters
    ----------
    channel : socket
    hello : mapping
        The controller's first message: who this is and which descriptors it has.
    """

    def __init__(self, channel: socket.socket, hello: dict[str, Any]):
        import gc

        from realrun.transport.shared import SharedTransport
        from realrun.worker.context import Context
        from realrun.worker.log import Log

        gc.disable()
        self.channel, self.hello = channel, hello
        spec = dict(hello["spec"])
        spec["memory_bytes"] = math.inf if spec["memory_bytes"] is None else spec["memory_bytes"]
        self.context = Context(WorkerSpec(**spec), int(hello["index"]))
        inbox = _lowered(hello["inbox"])
        ends = (hello["index"], hello["arenas"], inbox, hello["outboxes"])
        if hello["transport"] == "distributed":
            from realrun.transport.distributed import DistributedTransport

            self.transport: Any = DistributedTransport(*ends, **hello["distributed"])
        else:
            self.transport = SharedTransport(*ends)
        self.log = Log(int(hello["log"]))
        self.runner: Any = None

    def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do one command and return the answer."""
        return getattr(self, f"do_{command['verb']}")(**command.get("arguments", {}))

    def do_call(self, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call ``module:function`` with the context."""
        path, _, name = function.partition(":")
        return {"value": getattr(importlib.import_module(path), name)(self.context, **arguments)}

    def do_load(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Take a plan: build its modules, run each once, make room for the first messages."""
        from realrun.plan import RunPlan
        from realrun.worker.links import EmulatedLinks
        from realrun.worker.runner import Runner

        self.drop()
        self.transport.begin()
        self.log.clear()
        loaded = RunPlan.from_dict(plan)
        links = EmulatedLinks(loaded, os.dup(self.hello["links"])) if loaded.delay else None
        self.runner = Runner(self.context, loaded, self.transport, self.channel, self.log, links)
        self.runner.load()
        self.runner.warm()
        return {"ok": True, "room": self.runner.room.make()}

    def do_touch(self, room: list[list[int]]) -> dict[str, Any]:
        """Look at the room that others made."""
        self.runner.room.touch(room)
        return {"ok": True}

    def do_run(self, zero: float) -> dict[str, Any]:
        """Run the plan from the common start on; the answer comes when it is over."""
        self.runner.room.free()
        self.runner.schedule(zero)
        return self._go_on()

    def do_resume(self, **changes: Any) -> dict[str, Any]:
        """Go on with another plan after a worker failed."""
        from realrun.worker.takeover import adopt

        adopt(self.runner, **changes)
        return self._go_on()

    def _go_on(self) -> dict[str, Any]:
        command = self.runner.run()
        if command is not None and command["verb"] == "pause":
            from realrun.worker.takeover import absent, missing

            self.runner.hear()
            self.runner.catch_up()
            return {
                "paused": True, "missing": missing(self.runner), "absent": absent(self.runner),
            }  # fmt: skip
        answer: dict[str, Any] = {"ok": True, **self.runner.messages()}
        self.drop()
        return answer

    def do_clock(self) -> dict[str, Any]:
        """What the clock of this host shows."""
        return {"at": time.monotonic()}

    def do_shift(self, shift: list[float]) -> dict[str, Any]:
        """Take what must be added to the times that each member sends."""
        self.transport.shift = [float(s) for s in shift]
        return {"ok": True}

    def do_log(self) -> dict[str, Any]:
        """What was written down, for a controller that cannot look at it."""
        return {"rows": self.log.rows, "status": list(self.log.status)}

    def do_inspect(self) -> dict[str, Any]:
        """Bytes of all loaded weights, and which modules they belong to."""
        return {"value": self.context.weights()}

    def drop(self) -> None:
        """Forget the plan."""
        if self.runner is not None:
            self.runner.close()
            self.runner = None
            until = time.monotonic() + FLUSH_S
            while not self.transport.flush() and time.monotonic() < until:
                time.sleep(0.001)

    def close(self) -> None:
        """Give everything back."""
        self.drop()
        self.transport.close()
        self.log.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
