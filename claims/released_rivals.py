"""SpectralKD is better than the methods it is compared with.

Printed in SpectralKD: state-of-the-art accuracy among methods of distillation, from single runs.

Here: nothing to compute: no log, weights or recipe of a compared method was released. Under one recipe at small scale
it is asked by ``baselines_compared``.

Cost: nothing.
Expect: unverifiable.
Command: ``python -m suite claims -k released_rivals --profile released``.
"""

from __future__ import annotations

from claims._released_runs import ONLY_RELEASED
from claims.papers import SPECTRAL_KD
from suite.claim import Claim, Criterion, NeverReleased, Published, Quantity
from suite.judge import Region

CLAIM = Claim(
    key="released_rivals",
    sentence="SpectralKD is better than the methods it is compared with.",
    papers=(SPECTRAL_KD,),
    where="SpectralKD, abstract",
    finding="baselines",
    criteria=(
        Criterion(
            key="same_recipe",
            sentence="Under one recipe, SpectralKD is better than every method it is compared with.",
            quantity=Quantity("accuracy less that of the best other method", "points", "better"),
            region=Region.at_least(0.1),
            because="choosing the best epoch alone is worth up to 0.1 points",
            evidence=NeverReleased("no log, weights or recipe of a compared method was released"),
            published=(Published(SPECTRAL_KD, "abstract", text="state of the art"),),
            needs=ONLY_RELEASED,
        ),
    ),
)
