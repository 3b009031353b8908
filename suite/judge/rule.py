"""The rule: from what was measured, what is claimed and what its controls show, to one word and why.

A crash or a NaN in the claim's evidence or in any control's is an error, whatever the other numbers say: broken
evidence is mended, not interpreted. (The *value* of a negative control plays no part where the claim fails.)
"""

from collections.abc import Mapping
from dataclasses import replace

from suite.judge.case import Case
from suite.judge.family import holm
from suite.judge.interval import check_level
from suite.judge.judgement import ControlJudgement, Judgement, Question
from suite.judge.observed import Observed
from suite.judge.reading import read
from suite.judge.reasons import reason, reason_in_family
from suite.judge.region import Region
from suite.judge.role import ControlKind, Role
from suite.judge.verdict import DECIDED, Verdict
from suite.judge.words import flips, flips_in_family


def judge(
    observed: Observed | None,
    region: Region,
    negative_controls: Mapping[str, Observed | None],
    positive_controls: Mapping[str, Observed | None],
    *,
    level: float = 0.95,
    control_free: str = "",
    unit: str = "",
    proxy: bool = False,
) -> Judgement:
    """Judges one criterion on its own.

    Args:
        observed: What was measured; None if nothing was.
        region: Where the claim says the quantity lies.
        negative_controls: The same quantity where the claim must fail, by name; None for a control not run yet.
        positive_controls: The same quantity where the claim holds by construction, likewise.
        level: Confidence of the intervals.
        control_free: EXACT only: why controls cannot exist.
        unit: Unit of the quantity, for the sentences.
        proxy: Whether the evidence is of another scale than the paper's.

    Returns:
        The judgement, for any evidence: what is missing or broken is a verdict, not an exception.

    Raises:
        ValueError: If `level` is not in (0, 1) or `control_free` is misused.
    """
    question = Question(observed, region, negative_controls, positive_controls, control_free, unit, proxy)
    return replace(judge_family({"": question}, level=level)[""], p_holm=None)


def judge_family(items: Mapping[str, Question], *, level: float = 0.95) -> dict[str, Judgement]:
    """Judges the criteria of a claim, holding the chance of any false decision among those of one role to 1 - level.

    Members judged by a sample enter Holm's adjustment, decided or not, and so does a single run whose stated error
    can decide; what is exact, missing, broken or any other single run does not. What a paper asserts and what we probe
    are two families. Decisions must survive the adjustment; the other words decide nothing about the claim and need
    not.

    Args:
        items: The questions by name.
        level: Confidence of the intervals, and of each family as a whole.

    Returns:
        The judgements by name, in the same order.

    Raises:
        ValueError: If `level` is not in (0, 1).
    """
    return {name: _conclude(*placed) for name, placed in _adjusted(items, level).items()}


def verdicts(items: Mapping[str, Question], *, level: float = 0.95) -> dict[str, Verdict]:
    """The words of `judge_family` alone, without reasons, numbers and outlooks: for simulations.

    Args:
        items: The questions by name.
        level: Confidence of the intervals, and of each family as a whole.

    Returns:
        The verdicts by name, in the same order.

    Raises:
        ValueError: If `level` is not in (0, 1).
    """
    return {
        name: Verdict.INCONCLUSIVE if _withheld(case, p_holm, members) else case.verdict
        for name, (case, p_holm, members) in _adjusted(items, level).items()
    }


def _adjusted(items: Mapping[str, Question], level: float) -> dict[str, tuple[Case, float | None, int]]:
    """Every question read, with its adjusted p-value and the number of members of its family."""
    check_level(level)
    cases = {name: Case.of(question, level) for name, question in items.items()}
    found: dict[str, tuple[Case, float | None, int]] = {}
    for role in Role:
        family = {name: case for name, case in cases.items() if case.question.role is role}
        p_values = {name: case.p for name, case in family.items() if case.p is not None}
        adjusted = holm(p_values)
        found |= {name: (case, adjusted.get(name), len(p_values)) for name, case in family.items()}
    return {name: found[name] for name in items}


def _withheld(case: Case, p_holm: float | None, members: int) -> bool:
    """Whether Holm's adjustment takes a decision back. A family of one adjusts nothing: the interval alone decides."""
    return case.verdict in DECIDED and members > 1 and p_holm is not None and p_holm > 1 - case.level


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
    alpha, region = 1 - case.level, case.question.region
    verdict, more, adjusted = case.verdict, None, None
    if _withheld(case, p_holm, members) and p_holm is not None:
        verdict, more = Verdict.INCONCLUSIVE, case.more(alpha / members)
        adjusted = read(case.question.observed, region, level=1 - alpha / members).interval
        why = reason_in_family(case, members, p_holm, adjusted, more)
        change = flips_in_family(p_holm, alpha)
    else:
        if verdict is Verdict.INCONCLUSIVE:
            more = case.more(alpha / max(members, 1))
        why, change = reason(case, verdict, more), flips(case)
    failed = verdict is Verdict.ERROR
    return Judgement(
        verdict=verdict,
        reason=why,
        interval=case.claim.interval,
        region=region,
        controls=_controls(case),
        p=None if failed else case.p,
        p_holm=None if failed else p_holm,
        adjusted=adjusted,
        more=more,
        flips="" if failed else change,
    )


def _controls(case: Case) -> tuple[ControlJudgement, ...]:
    return tuple(
        ControlJudgement(
            name,
            control.interval,
            control.position,
            kind,
            control.message,
            case.contrasts[name].interval(case.level)
            if kind is ControlKind.NEGATIVE and name in case.contrasts
            else None,
        )
        for kind, controls in ((ControlKind.NEGATIVE, case.negatives), (ControlKind.POSITIVE, case.positives))
        for name, control in controls.items()
    )
