"""Cells on disk: what was computed, from what, by which code, on which machine."""
