"""Measurements of real runs on the machine at hand."""
