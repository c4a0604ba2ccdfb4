"""More list schedulers: each an order, a choice of place, and a compiled loop."""
