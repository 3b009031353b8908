"""The tables of ranks and of spectral energy patterns that Encoding Mismatch prints and releases."""

from __future__ import annotations

from claims.published import PATTERN_TABLE, RANK_TABLE

PERCENTS = (80, 90, 95, 99)
IMAGES = 1000  # the first validation image of each class

# Patch tokens of an image: 14 x 14 unless the network divides 224 pixels otherwise.
_TOKENS = {
    "Swin-Small": 49,
    "ViT-Huge": 256,
    "ViT-Huge (MAE)": 256,
    "ViT-Base (DINOv2)": 256,
    "ViT-Large (DINOv2)": 256,
    "ViT-Large (CLIP, OpenAI)": 256,
}


def tokens_of(model: str) -> int:
    """Patch tokens that an image of 224 x 224 pixels has in a network of the tables."""
    return _TOKENS.get(model, 14 * 14)


RANKS = RANK_TABLE.embedded()
PATTERNS = PATTERN_TABLE.embedded()
