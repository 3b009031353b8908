"""CaiT and Swin encode alike although their architectures differ.

Printed in SpectralKD (the layer-wise channel spectra of Swin's stages resemble those of CaiT's layers);
judged there by eye, with no measure, no layer matching and no contrast.

Here: Swin's stage ends are matched to the CaiT layers at the same share of all blocks (in Swin-S: after 2, 4,
22 and 24 of 24 blocks), likeness is the correlation of log-spectra on a common frequency grid, and it must
exceed what random matchings give. The same by CKA on the same images, and a ResNet as a contrast. Two CaiTs that differ
by their seed alone must be alike by any measure that could tell what an architecture encodes: the positive control.

Cost: shares its cells with ``u_shape``.
Expect: spectra of any network correlate, so the contrast decides.
Command: ``nox -s claims -- -k cait_swin``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims.papers import SPECTRAL_KD
from suite.claim import Claim, Control, Criterion, Deviation, PerSeed, Published, Quantity, Role, Unavailable, block_rng
from suite.judge import Region
from suite.measure.similarity import debiased_cka, debiased_cka_table, spectrum_similarity
from suite.studies.cells import representation

if TYPE_CHECKING:
    from suite.evidence.cell import Cell, Result
    from suite.profile import Profile

PROBES = ("spectrum", "permuted_spectrum", "pooled")
CAIT, SWIN, RESNET = (representation(role, probes=PROBES) for role in ("cait", "swin", "resnet"))
CAIT_UNTRAINED = representation("cait", trained=False, probes=PROBES)
SWIN_UNTRAINED = representation("swin", trained=False, probes=PROBES)

# Blocks of Swin-S per stage (2, 2, 18, 2) of 24, as CaiT-S24 has: the published pair of networks.
STAGE_ENDS = np.cumsum([2, 2, 18, 2]) / 24


def _another_cait(profile: Profile, seed: int) -> Cell:
    """The CaiT of the next seed, the first one's after the last.

    Raises:
        Unavailable: there is one CaiT only.
    """
    seeds = list(profile.seeds)
    if len(seeds) == 1:
        raise Unavailable("one CaiT is there, and no second one of another seed to be alike")
    return CAIT(profile, seeds[(seeds.index(seed) + 1) % len(seeds)])


def _stages(other: Result) -> list[int]:
    """The other network's layers that are matched: its stages, or CaiT's layers at the same depths."""
    layers = len(other.arrays["channels"])
    return list(range(layers)) if layers == len(STAGE_ENDS) else _matched_layers(other)


def _matched_layers(cait: Result) -> list[int]:
    """CaiT's layers at the stages' shares of depth, 0-based."""
    depth = len(cait.arrays["channels"])
    return [max(1, round(share * depth)) - 1 for share in STAGE_ENDS]


def _likeness(cait: Result, row: int, other: Result, column: int, measure: str) -> float:
    """Likeness of one CaiT layer with one stage of the other network."""
    if measure == "cka":
        return debiased_cka(cait.arrays[f"pooled.{row:02d}"], other.arrays[f"pooled.{column:02d}"])
    return spectrum_similarity(cait.arrays[f"{measure}.{row:02d}"], other.arrays[f"{measure}.{column:02d}"])


def _pooled(result: Result) -> list[np.ndarray]:
    """Mean token of every image, layer by layer."""
    return [result.arrays[f"pooled.{layer:02d}"] for layer in range(len(result.arrays["channels"]))]


def _matched(cait: Result, other: Result, measure: str = "amplitude") -> float:
    """Mean likeness of the layers matched by depth."""
    pairs = zip(_matched_layers(cait), _stages(other), strict=True)
    return float(np.mean([_likeness(cait, row, other, column, measure) for row, column in pairs]))


def _above_random(cait: Result, other: Result, measure: str = "amplitude") -> float:
    """Mean likeness of the matched layers minus the 95th percentile over random matchings."""
    rows, matched = len(cait.arrays["channels"]), _stages(other)
    if measure == "cka":
        pooled = _pooled(other)
        table = debiased_cka_table(_pooled(cait), [pooled[column] for column in matched])
    else:
        table = np.array([[_likeness(cait, row, other, column, measure) for column in matched] for row in range(rows)])
    generator, stages = block_rng(cait, 0), np.arange(len(matched))
    random = [table[generator.integers(0, rows, len(matched)), stages].mean() for _ in range(2000)]
    return float(table[_matched_layers(cait), stages].mean() - np.quantile(random, 0.95))


def _cka_of_other_images(cait: Result, swin: Result) -> float:
    """CKA of the matched layers when Swin's images are put in another order."""
    order = block_rng(swin, 1).permutation(len(swin.arrays["pooled.00"]))
    pairs = [
        debiased_cka(cait.arrays[f"pooled.{row:02d}"], swin.arrays[f"pooled.{column:02d}"][order])
        for column, row in enumerate(_matched_layers(cait))
    ]
    return float(np.mean(pairs))


CORRELATION = Quantity("mean correlation of log-spectra, matched layers", "", "more alike")
EXCESS = Quantity("likeness of matched layers above the 95th percentile of random matchings", "", "more alike")
PRINTED = (Published(SPECTRAL_KD, "layer-wise spectra of CaiT and Swin", text="alike, by eye"),)
ANOTHER = "another CaiT, trained from another seed, in Swin's place"
PERMUTED = "the order of channels is arbitrary: shuffled once in both networks, nothing is left to be alike"

CLAIM = Claim(
    key="cait_swin_similarity",
    finding="cait_swin",
    sentence="CaiT and Swin encode alike layer by layer although their architectures differ.",
    papers=(SPECTRAL_KD,),
    where="SpectralKD, layer-wise spectral analysis of CaiT and Swin",
    notes="The paper names no measure, no matching of layers and no contrast; all three are ours.",
    deviations=(
        Deviation("measure of likeness", "none, judged by eye", "Pearson correlation of log-spectra, and CKA"),
        Deviation("matching of layers", "not stated", "equal share of all blocks: Swin-S's stage ends in CaiT-S24"),
    ),
    criteria=(
        Criterion(
            key="spectra",
            sentence="The channel spectra of CaiT's and Swin's layers at matched depths correlate.",
            quantity=CORRELATION,
            region=Region.at_least(np.sqrt(0.5)),
            because="alike should mean that at least half of the variance over frequencies is shared, r² ≥ 0.5",
            evidence=PerSeed((CAIT, SWIN), _matched),
            positive_controls=(Control("another_cait", ANOTHER, PerSeed((CAIT, _another_cait), _matched)),),
            negative_controls=(
                Control(
                    "permuted_channels",
                    PERMUTED,
                    PerSeed((CAIT, SWIN), lambda cait, swin: _matched(cait, swin, "amplitude_permuted")),
                ),
                Control(
                    "untrained",
                    "both architectures before training",
                    PerSeed((CAIT_UNTRAINED, SWIN_UNTRAINED), _matched),
                ),
            ),
            published=PRINTED,
            figure="matrix:amplitude",
        ),
        Criterion(
            key="spectra_by_depth",
            sentence="By their spectra, CaiT's and Swin's layers of equal depth are more alike than others.",
            quantity=EXCESS,
            region=Region.at_least(0.0),
            because="the 95th percentile of random matchings is itself the smallest excess chance does not give",
            evidence=PerSeed((CAIT, SWIN), _above_random),
            positive_controls=(Control("another_cait", ANOTHER, PerSeed((CAIT, _another_cait), _above_random)),),
            negative_controls=(
                Control(
                    "permuted_channels",
                    PERMUTED,
                    PerSeed((CAIT, SWIN), lambda cait, swin: _above_random(cait, swin, "amplitude_permuted")),
                ),
            ),
            published=PRINTED,
            figure="matrix:amplitude",
        ),
        Criterion(
            key="spectra_nearer_than_resnet",
            sentence="Swin's spectra are nearer to CaiT's than a ResNet's are.",
            quantity=Quantity("correlation CaiT-Swin minus correlation CaiT-ResNet, matched layers", "", "Swin nearer"),
            region=Region.at_least(0.1),
            because="a correlation apart by less than 0.1 cannot be told by eye, which is how it was judged",
            role=Role.PROBE,
            evidence=PerSeed((CAIT, SWIN, RESNET), lambda c, s, r: _matched(c, s) - _matched(c, r)),
            positive_controls=(
                Control(
                    "another_cait",
                    ANOTHER,
                    PerSeed((CAIT, _another_cait, RESNET), lambda c, s, r: _matched(c, s) - _matched(c, r)),
                ),
            ),
            negative_controls=(
                Control(
                    "permuted_channels",
                    PERMUTED,
                    PerSeed(
                        (CAIT, SWIN, RESNET),
                        lambda c, s, r: _matched(c, s, "amplitude_permuted") - _matched(c, r, "amplitude_permuted"),
                    ),
                ),
            ),
            published=PRINTED,
        ),
        Criterion(
            key="cka_by_depth",
            sentence="By CKA on the same images, CaiT's and Swin's layers of equal depth are more alike than others.",
            role=Role.PROBE,
            quantity=EXCESS,
            region=Region.at_least(0.0),
            because="the 95th percentile of random matchings is itself the smallest excess chance does not give",
            evidence=PerSeed((CAIT, SWIN), lambda cait, swin: _above_random(cait, swin, "cka")),
            positive_controls=(
                Control(
                    "another_cait",
                    ANOTHER,
                    PerSeed((CAIT, _another_cait), lambda cait, other: _above_random(cait, other, "cka")),
                ),
            ),
            negative_controls=(
                Control(
                    "untrained",
                    "both architectures before training",
                    PerSeed((CAIT_UNTRAINED, SWIN_UNTRAINED), lambda c, s: _above_random(c, s, "cka")),
                ),
            ),
            published=PRINTED,
            figure="matrix:cka",
        ),
        Criterion(
            key="cka",
            sentence="CaiT's and Swin's layers at matched depths arrange the same images alike.",
            role=Role.PROBE,
            quantity=Quantity("mean CKA of matched layers on the same images (unbiased)", "", "more alike"),
            region=Region.at_least(0.5),
            because="alike should mean that half of the geometry is shared",
            evidence=PerSeed((CAIT, SWIN), lambda cait, swin: _matched(cait, swin, "cka")),
            positive_controls=(
                Control(
                    "another_cait",
                    ANOTHER,
                    PerSeed((CAIT, _another_cait), lambda cait, other: _matched(cait, other, "cka")),
                ),
            ),
            negative_controls=(
                Control(
                    "other_images",
                    "Swin's images in another order: nothing is shared",
                    PerSeed((CAIT, SWIN), _cka_of_other_images),
                ),
                Control(
                    "resnet",
                    "a ResNet, which should be unlike",
                    PerSeed((CAIT, RESNET), lambda cait, resnet: _matched(cait, resnet, "cka")),
                ),
            ),
            published=PRINTED,
            figure="matrix:cka",
        ),
    ),
)
