"""List scheduling that knows of contention on links."""

from schedulers.contention.heft import ContentionHeft
from schedulers.contention.planner import Transfers, contention_plan

__all__ = ["ContentionHeft", "Transfers", "contention_plan"]
