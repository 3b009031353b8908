"""The rule: from what was measured, what is claimed and what its controls show, to one word and why."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from suite.judge.case import Case
from suite.judge.family import holm
from suite.judge.interval import check_level
from suite.judge.judgement import ControlJudgement, Judgement, Question
from suite.judge.observed import Observed
from suite.judge.reasons import reason, reason_in_family
from suite.judge.region import Region
from suite.judge.verdict import Verdict
from suite.judge.words import flips, flips_in_family


def judge(
    observed: Observed | None,
    region: Region,
    controls: Mapping[str, Observed | None],
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    control_free: str = "",
    unit: str = "",
) -> Judgement:
    """Judges one criterion on its own.

    Args:
        observed: What was measured; None if nothing was.
        region: Where the claim says the quantity lies.
        controls: The same quantity where the claim must fail, by name; None for a control not run yet.
        rng: Source of the bootstrap's draws; one draw is taken from it, whatever the evidence.
        level: Confidence of the intervals.
        control_free: EXACT only: why no control can exist.
        unit: Unit of the quantity, for the sentences.

    Returns:
        The judgement, for any evidence: what is missing or broken is a verdict, not an exception.

    Raises:
        ValueError: If `level` is not in (0, 1) or `control_free` is misused.
    """
    question = Question(observed, region, controls, control_free, unit)
    return replace(judge_family({"": question}, rng=rng, level=level)[""], p_holm=None)


def judge_family(
    items: Mapping[str, Question], *, rng: np.random.Generator, level: float = 0.95
) -> dict[str, Judgement]:
    """Judges several criteria, holding the chance of any false decision among them to 1 - level.

    Members judged by a sample enter Holm's adjustment, decided or not; what is exact, missing, broken or a
    single run does not. "Reproduced" and "contradicted" must survive it; the other words decide nothing
    about the claim and need not.

    Args:
        items: The questions by name.
        rng: Source of the bootstrap's draws; one draw is taken from it.
        level: Confidence of the intervals, and of the family as a whole.

    Returns:
        The judgements by name, in the same order.

    Raises:
        ValueError: If `level` is not in (0, 1).
    """
    check_level(level)
    fresh_rng = partial(np.random.default_rng, int(rng.integers(2**63)))
    cases = {name: Case.of(question, level, fresh_rng) for name, question in items.items()}
    p_values = {name: case.p for name, case in cases.items() if case.p is not None}
    adjusted = holm(p_values)
    return {name: _conclude(case, adjusted.get(name), len(p_values)) for name, case in cases.items()}


def relabel_smoke(judgement: Judgement) -> Judgement:
    """Turns a judgement of smoke-scale evidence into the only one it may carry.

    Args:
        judgement: A judgement of runs on tiny models.

    Returns:
        The verdict "smoke" without any statistics, or the judgement itself if nothing ran or something
        broke: those say something of the code path, which is all that smoke is for.
    """
    if judgement.verdict in (Verdict.ERROR, Verdict.NOT_RUN):
        return judgement
    return Judgement(
        verdict=Verdict.SMOKE,
        reason="Smoke scale: the code path ran from end to end, which says nothing about the claim.",
        interval=judgement.interval,
        region=judgement.region,
        controls=judgement.controls,
    )


def _conclude(case: Case, p_holm: float | None, members: int) -> Judgement:
    """Puts the verdict, its reason and its numbers together, within a family of so many members."""
    alpha, region, unit = 1 - case.level, case.question.region, case.question.unit
    verdict, more = case.verdict, None
    decided = verdict in (Verdict.REPRODUCED, Verdict.CONTRADICTED)
    # A family of one adjusts nothing: there the interval alone decides.
    if decided and members > 1 and p_holm is not None and p_holm > alpha:
        verdict, more = Verdict.INCONCLUSIVE, case.more(alpha / members)
        why, change = reason_in_family(case, members, p_holm, more), flips_in_family(p_holm, alpha)
    else:
        if verdict is Verdict.INCONCLUSIVE:
            more = case.more(alpha / max(members, 1))
        why, change = reason(case, verdict, more), flips(case.claim, region, case.controls, unit)
    failed = verdict is Verdict.ERROR
    return Judgement(
        verdict=verdict,
        reason=why,
        interval=case.claim.interval,
        region=region,
        controls=tuple(
            ControlJudgement(name, control.interval, control.position, control.message)
            for name, control in case.controls.items()
        ),
        p=None if failed else case.p,
        p_holm=None if failed else p_holm,
        more=more,
        flips="" if failed else change,
    )
