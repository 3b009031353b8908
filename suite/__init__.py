"""Checks what papers claim about distilling Vision Transformers."""

__version__ = "0.1.0"
