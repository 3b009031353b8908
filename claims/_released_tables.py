"""The tables of ranks and of spectral energy patterns that Encoding Mismatch prints, and where their files lie."""

from __future__ import annotations

from suite.evidence.released import PatternRow, PatternTable, RankRow, RankTable, Source

RANK_FILE = "Raw data/comparison/svd_pca/svd_rank_table.md"
PATTERN_FILE = "Raw data/comparison/sep/sep_comparison_table.csv"
PERCENTS = (80, 90, 95, 99)
PATTERN_PERCENTS = (50, 60, 70, 80, 90)
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

# model, channels, dimensions in an image's own basis, in a shared one: 99th percentiles over images
_RANKS = (
    ("ViT-Tiny", 192, (1, 2, 7, 52), (1, 17, 71, 154)),
    ("CaiT-S24", 384, (14, 34, 61, 121), (167, 247, 302, 359)),
    ("DeiT-Small", 384, (30, 59, 89, 146), (205, 278, 324, 369)),
    ("Swin-Small", 768, (3, 7, 15, 33), (129, 336, 495, 691)),
    ("ViT-Large", 1024, (5, 16, 39, 115), (255, 498, 694, 933)),
    ("ViT-Huge (MAE)", 1280, (1, 15, 58, 164), (1, 83, 371, 977)),
    ("ViT-Base (DINOv2)", 768, (19, 39, 67, 146), (384, 519, 606, 704)),
    ("ViT-Large (DINOv2)", 1024, (30, 58, 93, 173), (525, 696, 813, 940)),
    ("ViT-Base (DINO)", 768, (39, 75, 109, 165), (382, 529, 624, 731)),
    ("ViT-Small (DINO)", 384, (41, 72, 101, 152), (232, 297, 336, 373)),
    ("ViT-Base (MAE)", 768, (1, 7, 34, 113), (1, 58, 235, 585)),
    ("ViT-Large (MAE)", 1024, (1, 9, 38, 120), (1, 49, 268, 765)),
    ("ViT-Base (CLIP, OpenAI)", 768, (6, 27, 60, 135), (129, 340, 502, 704)),
    ("ViT-Large (CLIP, OpenAI)", 1024, (15, 46, 89, 181), (230, 506, 713, 945)),
)

# model, channels, tokens averaged over, d/D at 50, 60, 70, 80, 90 %
_PATTERNS = (
    ("ViT-Tiny", 192, 196_000, (0.5052, 0.6042, 0.7031, 0.7969, 0.9010)),
    ("CaiT-S24", 384, 196_000, (0.5000, 0.5990, 0.7031, 0.8047, 0.9010)),
    ("DeiT-Small", 384, 196_000, (0.5026, 0.6016, 0.7005, 0.7969, 0.9010)),
    ("ViT-Large", 1024, 196_000, (0.5000, 0.5986, 0.7002, 0.8008, 0.8994)),
    ("ViT-Huge", 1280, 256_000, (0.4938, 0.5930, 0.6945, 0.8000, 0.9008)),
    ("Swin-Small", 768, 49_000, (0.5013, 0.5990, 0.7005, 0.7995, 0.9010)),
    ("ViT-Base (CLIP, OpenAI)", 768, 196_000, (0.5000, 0.5964, 0.6979, 0.8047, 0.9010)),
    ("ViT-Large (CLIP, OpenAI)", 1024, 256_000, (0.4990, 0.6016, 0.6963, 0.8018, 0.9004)),
    ("ViT-Base (DINOv2)", 768, 256_000, (0.5000, 0.6003, 0.7018, 0.8021, 0.8997)),
    ("ViT-Large (DINOv2)", 1024, 256_000, (0.4971, 0.5996, 0.6992, 0.7988, 0.8994)),
    ("ViT-Base (DINO)", 768, 196_000, (0.4961, 0.5977, 0.7005, 0.7982, 0.9010)),
    ("ViT-Small (DINO)", 384, 196_000, (0.4766, 0.5833, 0.6901, 0.7917, 0.8958)),
    ("ViT-Base (MAE)", 768, 196, (0.4935, 0.5885, 0.6849, 0.7891, 0.8958)),
    ("ViT-Large (MAE)", 1024, 196_000, (0.5000, 0.5967, 0.6973, 0.7979, 0.9004)),
)


def tokens_of(model: str) -> int:
    """Patch tokens that an image of 224 x 224 pixels has in a network of the tables."""
    return _TOKENS.get(model, 14 * 14)


def _printed(table: str, model: str) -> Source:
    return Source(f"{table} of arXiv 2511.15572, row {model}")


RANKS = RankTable(
    "rank table",
    {
        model: RankRow(
            model,
            channels,
            dict(zip(PERCENTS, own, strict=True)),
            dict(zip(PERCENTS, shared, strict=True)),
            _printed("rank table", model),
        )
        for model, channels, own, shared in _RANKS
    },
)

PATTERNS = PatternTable(
    "pattern table",
    {
        model: PatternRow(
            model,
            channels,
            tokens,
            dict(zip(PATTERN_PERCENTS, fractions, strict=True)),
            _printed("pattern table", model),
        )
        for model, channels, tokens, fractions in _PATTERNS
    },
)
