"""timm networks by name, their initialisation, and taps on their layers."""

from suite.models.build import build, choose_attention, initialiser
from suite.models.taps import layer_tokens

__all__ = ["build", "choose_attention", "initialiser", "layer_tokens"]
