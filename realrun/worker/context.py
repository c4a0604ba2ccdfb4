"""What a worker has: its device, its threads, its modules."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from realrun.programs import build_module

if TYPE_CHECKING:
    from realrun.devices import WorkerSpec


class Context:
    """The place where a worker's programs run; also handed to functions called in it.

    Parameters
    ----------
    spec : WorkerSpec
    index : int
    """

    def __init__(self, spec: WorkerSpec, index: int):
        self.spec, self.index = spec, index
        self.device = torch.device(spec.device)
        self._is_cuda = self.device.type == "cuda"
        self.dtype = spec.dtype
        torch.set_num_threads(spec.threads)
        torch.backends.cudnn.benchmark = False
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        self._modules: dict[str, torch.nn.Module] = {}
        self._warm: set[Any] = set()

    def module(self, reference: str) -> torch.nn.Module:
        """The module of a reference; loaded once, however many tasks share it."""
        if reference not in self._modules:
            self._modules[reference] = build_module(reference, self.dtype, self.device)
        return self._modules[reference]

    @property
    def has_cpu_clock(self) -> bool:
        """Whether the CPU time of a slot's thread is the time of what it executes."""
        return not self._is_cuda and self.spec.threads == 1

    def is_warm(self, key: Any) -> bool:
        """Whether a module has run here before."""
        return key in self._warm

    def note_warm(self, key: Any) -> None:
        """Remember that a module has run here."""
        self._warm.add(key)

    def weights(self) -> dict[str, int]:
        """Bytes of parameters and buffers of every loaded module."""
        return {
            name: sum(t.numel() * t.element_size() for t in (*m.parameters(), *m.buffers()))
            for name, m in self._modules.items()
        }

    def settle(self) -> None:
        """Put all objects that live on out of the reach of the garbage collector."""
        gc.collect()
        gc.freeze()

    def synchronise(self) -> None:
        """Wait for the device, on the stream of this thread."""
        if self._is_cuda:
            torch.cuda.current_stream(self.device).synchronize()

    @contextlib.contextmanager
    def thread(self) -> Iterator[None]:
        """The state that a slot's own thread needs."""
        torch.set_num_threads(self.spec.threads)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
            with torch.cuda.stream(torch.cuda.Stream(self.device)):
                yield
        else:
            yield
