"""Why a verdict was reached, in one sentence with its numbers."""

import math
from collections.abc import Callable, Mapping

from scipy import special

from suite.judge._text import number
from suite.judge.case import Case
from suite.judge.interval import Interval
from suite.judge.power import Outlook
from suite.judge.reading import Position, Reading
from suite.judge.verdict import Verdict
from suite.judge.words import named, outlook, sentence, subject, what_is_open


def reason(case: Case, verdict: Verdict, more: Outlook | None) -> str:
    """Explains a verdict.

    Args:
        case: The evidence.
        verdict: The verdict the intervals give.
        more: Further units that would settle an open question.

    Returns:
        One sentence.
    """
    return sentence(_REASONS[verdict](case, more))


def reason_in_family(case: Case, members: int, p_holm: float, adjusted: Interval | None, more: Outlook | None) -> str:
    """Explains why a decision did not survive Holm's adjustment.

    Args:
        case: The evidence, which decides on its own.
        members: Number of questions in the family.
        p_holm: The adjusted p-value, above 1 - level.
        adjusted: The claim's interval at the level of the family.
        more: Further units that would settle it within the family.

    Returns:
        One sentence.
    """
    side = "lies inside" if case.held else "does not meet"
    weakest = max(case.parts, key=case.parts.__getitem__)
    unit = case.question.unit
    wider = f" (at the family's level {adjusted.describe(unit)})" if adjusted is not None and not weakest else ""
    owner = f"{weakest}, its weakest part, has a p-value of" if weakest else "its p-value"
    return sentence(
        f"{_who(case)} {side} {_where(case)} on its own, but among {members} {case.question.role} questions {owner} "
        f"{number(case.p or 0.0)}{', which' if weakest else ''} becomes {number(p_holm)}, above "
        f"{number(1 - case.level)}{wider}{outlook(more, case.claim.unit)}"
    )


def _who(case: Case) -> str:
    return subject(case.claim, case.question.unit, case.level)


def _where(case: Case) -> str:
    return f"the claimed region {case.question.region.describe(case.question.unit)}"


def _side(case: Case) -> str:
    if case.held:
        return f"{_who(case)} lies inside {_where(case)}"
    if case.claim.position is Position.OUTSIDE:
        return f"{_who(case)} does not meet {_where(case)}"
    return f"{_who(case)} is not decided against {_where(case)}"


def _list(case: Case, kind: str, controls: Mapping[str, Reading]) -> str:
    return " and ".join(named(f"{kind} '{name}'", control, case.question.unit) for name, control in controls.items())


def _error(case: Case, _more: Outlook | None) -> str:
    if case.claim.position is Position.ERROR:
        return f"broken evidence: {case.claim.message}"
    faults = [
        f"{kind} control '{name}': {control.message}"
        for kind, controls in (("negative", case.negatives), ("positive", case.positives))
        for name, control in controls.items()
        if control.position is Position.ERROR
    ]
    return f"broken evidence of {' and '.join(faults)}"


def _not_run(case: Case, _more: Outlook | None) -> str:
    return f"no evidence yet: {case.claim.message}" if case.claim.message else "no evidence yet"


def _excuse(case: Case) -> str:
    return f"; it needs no further control: {case.question.control_free}" if case.question.control_free else ""


def _fails(case: Case, _more: Outlook | None) -> str:
    if not case.positives:
        return f"{_side(case)}{_excuse(case)}"
    return f"{_side(case)}, which {_list(case, 'positive control', case.positives)} reaches: it could have been seen"


def _uninformative(case: Case, _more: Outlook | None) -> str:
    if case.missed:
        blind = _list(case, "positive control", case.missed)
        return (
            f"{_side(case)}, but outside it lies {blind}, where the claim holds by construction: the measurement could "
            "not have succeeded"
        )
    inside = _list(case, "negative control", case.satisfied)
    text = f"{_side(case)}, but so does {inside}: the measurement could not have failed"
    apart = [
        f"{pair.interval(case.level).describe(case.question.unit)} from '{name}'"
        for name, pair in case.contrasts.items()
        if name in case.satisfied and pair.p(0.0) <= 1 - case.level
    ]
    return f"{text} (though run by run it differs by {' and '.join(apart)})" if apart else text


def _consistent(case: Case, _more: Outlook | None) -> str:
    text = f"{_side(case)}, but one run never reproduces a claim"
    interval = case.claim.interval
    if interval is None or interval.sd is None or not interval.sd > 0:
        return text
    region, error = case.question.region, interval.sd / math.sqrt(interval.n)
    for name, control in case.negatives.items():  # were the claim no better than this control
        if control.interval is None or control.leans_inside:
            continue
        truth = control.interval.estimate
        luck = float(special.ndtr((region.high - truth) / error) - special.ndtr((region.low - truth) / error))
        return (
            f"{text}; were its truth that of negative control '{name}', noise alone would put {luck:.0%} of runs there"
        )
    return text


def _holds(case: Case, _more: Outlook | None) -> str:
    parts = []
    if case.positives:
        parts.append(f"as does {_list(case, 'positive control', case.positives)}")
    if case.negatives:
        parts.append(f"and {_list(case, 'negative control', case.negatives)} lies outside it")
    return f"{_side(case)}{''.join(f', {part}' for part in parts)}{_excuse(case)}"


def _inconclusive(case: Case, more: Outlook | None) -> str:
    if not case.held and case.claim.position is not Position.OUTSIDE:
        return _open(case, more)
    unit = case.question.unit
    unseen = "nothing shows that it could be seen"
    obstacles = [
        what_is_open(f"positive control '{name}'", control, unit) + f": {unseen}"
        for name, control in case.open_positives.items()
    ]
    if case.lacks_positive and not case.claim.single:
        obstacles.append(f"no positive control is there: {unseen}")
    obstacles += [
        what_is_open(f"negative control '{name}'", control, unit, wanted="outside")
        for name, control in case.open_negatives.items()
    ]
    if case.held and case.lacks_negative and not case.claim.single:
        obstacles.append("no negative control is there: nothing shows that it could have failed")
    obstacles += [
        f"the paired difference to negative control '{name}', {pair.interval(case.level).describe(unit)}, reaches 0"
        for name, pair in case.open_contrasts.items()
    ]
    if not obstacles:  # a single run outside
        return _open(case, more)
    return f"{_side(case)}, but {' and '.join(obstacles)}" + (outlook(more, case.claim.unit) if more else "")


def _open(case: Case, more: Outlook | None) -> str:
    claim = case.claim
    if claim.single:
        return f"{_who(case)} lies outside {_where(case)}, but one run alone may be that far off"
    if claim.interval is None or not claim.interval.bounded:
        why = claim.interval.method.removeprefix("no interval: ") if claim.interval else ""
        return f"{_who(case)} has no interval to hold against {_where(case)}{f': {why}' if why else ''}"
    text = f"{_who(case)} reaches across a bound of {_where(case)}"
    if claim.statistical:
        text += outlook(more, claim.unit)
    if case.satisfied:
        text += f"; inside it lies {_list(case, 'negative control', case.satisfied)}, so nothing can be shown to hold"
    if case.lacks_positive:
        text += "; no positive control is there to show that it could be seen"
    return text


_REASONS: dict[Verdict, Callable[[Case, Outlook | None], str]] = {
    Verdict.ERROR: _error,
    Verdict.NOT_RUN: _not_run,
    Verdict.CONTRADICTED: _fails,
    Verdict.NOT_SEEN_HERE: _fails,
    Verdict.UNINFORMATIVE: _uninformative,
    Verdict.CONSISTENT: _consistent,
    Verdict.REPRODUCED: _holds,
    Verdict.SEEN_HERE: _holds,
    Verdict.INCONCLUSIVE: _inconclusive,
}
