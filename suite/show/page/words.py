"""What the page says of its own words."""

from __future__ import annotations

TITLE = "What holds of the findings on distilling Vision Transformers"

RULE = (
    "Every criterion names the region in which the paper's statement says a quantity lies, and controls of two kinds: "
    "the same quantity where the statement must fail (negative), and where it holds by construction (positive). The "
    "verdict follows from the 95 % intervals alone, adjusted (Holm) over what a claim asserts and, apart, over our "
    "probes."
)

SCOPES = {
    "published": "evidence of the models, data and length of training that the papers speak of",
    "proxy": "evidence at a smaller scale, with its differences listed; it bears on the statement, not on the number",
    "smoke": "proves that the code runs and says nothing of any claim",
}

SIGNS = (
    "In the small pictures: shaded the claimed region; blue the measurement with its interval; "
    "grey, below, the controls (negative ones must lie outside, positive ones inside); the diamond is the printed "
    "value."
)
