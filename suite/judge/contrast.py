"""The paired difference between a claim and one of its controls."""

import math

from suite.judge.interval import Estimate, NoSpread, StudentT
from suite.judge.observed import Observed, Sampling


def contrast(claim: Observed | None, control: Observed | None) -> Estimate | None:
    """The claim less its control, run by run, where both ran in the same blocks.

    Args:
        claim: What was measured.
        control: The same quantity where the claim must fail.

    Returns:
        The estimate of the mean difference; None unless both are runs with the same labels, at least two of them, and
        differ by more than a constant. Runs that only one side has (another diverged there) are left out.
    """
    if claim is None or control is None or claim.broken or control.broken:
        return None
    if claim.sampling is not Sampling.SEEDS or control.sampling is not Sampling.SEEDS:
        return None
    ours, theirs = (
        dict(zip(side.labels, side.values, strict=True)) if side.labels else {} for side in (claim, control)
    )
    if set(ours) | set(claim.diverged) != set(theirs) | set(control.diverged):  # another design
        return None
    differences = [ours[label] - theirs[label] for label in sorted(set(ours) & set(theirs))]
    if len(differences) < 2 or not all(map(math.isfinite, differences)):
        return None
    try:
        return StudentT.of(differences, resolution=math.hypot(claim.resolution, control.resolution))
    except NoSpread:
        return None
