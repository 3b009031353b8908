"""CaiT and Swin encode information alike over depth.

Printed in SpectralKD as a figure of layer-wise spectra, compared by eye.

Here: nothing to compute: which stage is matched with which layer, and how likeness is measured, was not released.
On networks it is asked by ``cait_swin_similarity``.

Cost: nothing.
Expect: unverifiable.
Command: ``python -m suite claims -k released_cait --profile released``.
"""

from __future__ import annotations

from claims._released_runs import ONLY_RELEASED
from claims.papers import SPECTRAL_KD
from suite.claim import Claim, Criterion, NeverReleased, Published, Quantity
from suite.judge import Region

CLAIM = Claim(
    key="released_cait_swin",
    sentence="The layer-wise spectra of Swin and CaiT are alike.",
    papers=(SPECTRAL_KD,),
    where="SpectralKD, layer-wise spectra of CaiT and Swin",
    finding="cait_swin",
    criteria=(
        Criterion(
            key="spectra",
            sentence="The layer-wise spectra of Swin and CaiT resemble one another at matched depth.",
            quantity=Quantity("likeness of spectra at matched depth", "", "more alike"),
            region=Region.at_least(0.5),
            because="half of the way from unlike to alike; the paper names no measure",
            evidence=NeverReleased(
                "no spectra, no matching of layers, no measure of likeness was released: a figure judged by eye"
            ),
            published=(Published(SPECTRAL_KD, "figure of layer-wise spectra of CaiT and Swin", text="alike, by eye"),),
            needs=ONLY_RELEASED,
        ),
    ),
)
