"""Why a verdict was reached, in one sentence with its numbers."""

from collections.abc import Callable

from suite.judge._text import number
from suite.judge.case import Case
from suite.judge.reading import Position
from suite.judge.verdict import Verdict
from suite.judge.words import named, obstacle, outlook, sentence, subject


def reason(case: Case, verdict: Verdict, more: int | None) -> str:
    """Explains a verdict.

    Args:
        case: The evidence.
        verdict: The verdict the intervals give.
        more: Further units that would settle an open question.

    Returns:
        One sentence.
    """
    return sentence(_REASONS[verdict](case, more))


def reason_in_family(case: Case, members: int, p_holm: float, more: int | None) -> str:
    """Explains why a decision did not survive Holm's adjustment.

    Args:
        case: The evidence, which decides on its own.
        members: Number of questions in the family.
        p_holm: The adjusted p-value, above 1 - level.
        more: Further units that would settle it within the family.

    Returns:
        One sentence.
    """
    side = "lies inside" if case.held else "does not meet"
    return sentence(
        f"{_who(case)} {side} {_where(case)} on its own, but among {members} questions its p-value "
        f"{number(case.p or 0.0)} becomes {number(p_holm)}, above {number(1 - case.level)}"
        f"{outlook(more, case.claim.unit)}"
    )


def _who(case: Case) -> str:
    return subject(case.claim, case.question.unit, case.level)


def _where(case: Case) -> str:
    return f"the claimed region {case.question.region.describe(case.question.unit)}"


def _holds(case: Case) -> str:
    return f"{_who(case)} lies inside {_where(case)}"


def _list(case: Case, names: list[str]) -> str:
    return " and ".join(named(name, case.controls[name], case.question.unit) for name in names)


def _error(case: Case, _more: int | None) -> str:
    if case.claim.position is Position.ERROR:
        return f"broken evidence: {case.claim.message}"
    faults = [f"control '{n}': {c.message}" for n, c in case.controls.items() if c.position is Position.ERROR]
    return f"broken evidence of {' and '.join(faults)}"


def _not_run(case: Case, _more: int | None) -> str:
    return f"no evidence yet: {case.claim.message}" if case.claim.message else "no evidence yet"


def _contradicted(case: Case, _more: int | None) -> str:
    return f"{_who(case)} does not meet {_where(case)}"


def _uninformative(case: Case, _more: int | None) -> str:
    inside = _list(case, list(case.satisfied_controls))
    return f"{_holds(case)}, but so does {inside}: the measurement could not have failed"


def _consistent(case: Case, _more: int | None) -> str:
    return f"{_holds(case)}, but one run never reproduces a claim"


def _reproduced(case: Case, _more: int | None) -> str:
    if case.question.control_free:
        return f"{_holds(case)} and needs no control: {case.question.control_free}"
    return f"{_holds(case)}, and {_list(case, list(case.controls))} outside it"


def _inconclusive(case: Case, more: int | None) -> str:
    if not case.held:
        return _open(case, more)
    if case.lacks_control:
        return f"{_holds(case)}, but no control shows that it could have failed"
    obstacles = " and ".join(obstacle(n, c, case.question.unit) for n, c in case.obstacles.items())
    return f"{_holds(case)}, but {obstacles}" + (outlook(more, case.claim.unit) if more else "")


def _open(case: Case, more: int | None) -> str:
    claim = case.claim
    if claim.single:
        return f"{_who(case)} lies outside {_where(case)}, but one run alone may be that far off"
    if claim.interval is None or not claim.interval.bounded:
        return f"{_who(case)} has no interval to hold against {_where(case)}{outlook(more, claim.unit)}"
    text = f"{_who(case)} reaches across a bound of {_where(case)}"
    if claim.statistical:
        text += outlook(more, claim.unit)
    if case.satisfied_controls:
        text += f"; {_list(case, list(case.satisfied_controls))} lies inside it, so nothing can reproduce it"
    return text


_REASONS: dict[Verdict, Callable[[Case, int | None], str]] = {
    Verdict.ERROR: _error,
    Verdict.NOT_RUN: _not_run,
    Verdict.CONTRADICTED: _contradicted,
    Verdict.UNINFORMATIVE: _uninformative,
    Verdict.CONSISTENT: _consistent,
    Verdict.REPRODUCED: _reproduced,
    Verdict.INCONCLUSIVE: _inconclusive,
}
