"""What the page says of its own words."""

from __future__ import annotations

from suite.judge import Verdict

TITLE = "What holds of the findings on distilling Vision Transformers"

RULE = (
    "Every criterion names, before anything is run, the region in which the paper's statement says a quantity lies, "
    "and controls: the same quantity where the statement must fail. The verdict follows from the 95 % intervals alone, "
    "adjusted (Holm) over the criteria of a claim."
)

MEANING: dict[Verdict, str] = {
    Verdict.REPRODUCED: "the interval lies inside the claimed region, and every control's outside it",
    Verdict.CONSISTENT: "a single run, inside the region: one run never reproduces a claim",
    Verdict.CONTRADICTED: "the interval and the claimed region do not meet",
    Verdict.INCONCLUSIVE: "the evidence decides neither way yet, or lacks the control that would make it count",
    Verdict.UNINFORMATIVE: "it holds, and so does a control: the measurement could not have failed",
    Verdict.UNVERIFIABLE: "nothing was released from which anyone could check it",
    Verdict.NOT_RUN: "evidence is missing; the card names the command that computes it",
    Verdict.ERROR: "a crash or a broken number: never counted as a result",
    Verdict.SMOKE: "tiny networks that prove the code path and say nothing of the claim",
}

SCOPES = {
    "published": "evidence of the models, data and length of training that the papers speak of",
    "proxy": "evidence at a smaller scale, with its differences listed; it bears on the statement, not on the number",
    "smoke": "proves that the code runs and says nothing of any claim",
}

SIGNS = (
    "In the small pictures: shaded the claimed region; blue the measurement with its interval; "
    "grey, below, the controls; the diamond is the printed value."
)
