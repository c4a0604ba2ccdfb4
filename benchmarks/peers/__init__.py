"""The same instances through SAGA in the same run: quality and CPU time, scheduler by scheduler."""
