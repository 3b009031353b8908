"""Final features of a ViT are of low rank per image, while the data set spans nearly all channels.

Printed in Encoding Mismatch (rank tables of fourteen networks, spectral energy pattern of the same). Version 1
called the features globally low-rank; version 2 says: per image, each image in a subspace of its own.

Cost: shares its cells with ``u_shape``.
Expect: low per-image rank is inherited from images and capped by the number of tokens; part of the gap to the
shared basis needs no rotation at all; the spectral energy pattern comes out at p for noise, too.
Command: ``nox -s claims -- -k low_rank``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from claims.papers import ENCODING_MISMATCH
from suite.claim import Claim, Control, Criterion, Deviation, PerSeed, Published, Quantity
from suite.judge import Region
from suite.measure.energy_pattern import PERCENTS, energy_pattern
from suite.measure.nulls import MatchedGaussian, one_hot, white
from suite.measure.rank import SHARES, per_image_dims
from suite.measure.shared_basis import shared_basis, shared_dims
from suite.measure.subspace import image_overlaps
from suite.studies.cells import representation

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.evidence.cell import Result

PROBES = ("ranks", "shared_ranks", "null_ranks", "angles", "energy_pattern")
CAIT, CAIT_UNTRAINED = (representation("cait", trained=trained, probes=PROBES) for trained in (True, False))
NINETY, NINETY_FIVE = SHARES.index(0.90), SHARES.index(0.95)
NULL_IMAGES = 128


def _last(name: str, result: Result) -> np.ndarray:
    return np.asarray(result.arrays[f"{name}.{len(result.arrays['channels']) - 1:02d}"])


def _published_percentile(dims: np.ndarray) -> float:
    """The papers' summary over images: the 99th percentile."""
    return float(np.percentile(dims, 99))


def _cap(result: Result) -> int:
    return int(min(result.arrays["tokens"][-1], result.arrays["channels"][-1]))


def _per_image(result: Result) -> float:
    return _published_percentile(_last("svd_dims", result)[:, NINETY_FIVE]) / _cap(result)


def _per_image_null(result: Result) -> float:
    """White Gaussian tokens of the same number and width."""
    tokens, channels = int(result.arrays["tokens"][-1]), int(result.arrays["channels"][-1])
    noise = white(NULL_IMAGES, tokens, channels, generator=torch.Generator().manual_seed(0))
    return _published_percentile(per_image_dims(noise)[:, NINETY_FIVE].numpy()) / _cap(result)


def _shared(result: Result) -> float:
    return _published_percentile(_last("shared_dims", result)[:, NINETY_FIVE]) / int(result.arrays["channels"][-1])


def _gap(shared: np.ndarray, own: np.ndarray) -> float:
    return float(np.log2(shared[:, NINETY_FIVE].mean() / own[:, NINETY_FIVE].mean()))


def _gap_above_null(result: Result) -> float:
    observed = _gap(_last("shared_dims", result), _last("svd_dims", result))
    return observed - _gap(_last("null_shared_dims", result), _last("null_svd_dims", result))


def _gap_of_null_halves(result: Result) -> float:
    """The same quantity on features without rotation: one half of the null's images against the other."""
    shared, own = _last("null_shared_dims", result), _last("null_svd_dims", result)
    half = len(own) // 2
    return _gap(shared[:half], own[:half]) - _gap(shared[half:], own[half:])


def _gap_of_repeated_tokens(result: Result) -> float:
    """The same quantity on the null with every token repeated four times, as neighbouring patches nearly are.

    Repetition lowers the rank of an image and leaves the shared basis as it is: a gap without any rotation.
    """
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.from_numpy(_last("shared_spectrum", result))
    distinct = max(2, int(result.arrays["tokens"][-1]) // 4)
    images = torch.cat(list(MatchedGaussian(spectrum, images=NULL_IMAGES, tokens=distinct, generator=generator)))
    repeated = images.repeat_interleave(4, dim=1)
    shared = shared_dims(repeated, shared_basis(repeated)).numpy()
    observed = _gap(shared, per_image_dims(repeated).numpy())
    return observed - _gap(_last("null_shared_dims", result), _last("null_svd_dims", result))


def _rotation(result: Result) -> float:
    return float(np.mean(_last("angles_split", result) - _last("angles_cross", result)))


def _null_rotation(result: Result) -> float:
    """The same on Gaussian tokens with the network's shared spectrum: one covariance, no rotation."""
    tokens = int(result.arrays["tokens"][-1])
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.from_numpy(_last("shared_spectrum", result))
    images = torch.cat(list(MatchedGaussian(spectrum, images=NULL_IMAGES, tokens=tokens, generator=generator)))
    directions = int(np.ceil(np.median(_last("svd_dims", result)[:, NINETY])))
    across, within = image_overlaps(images, min(directions, tokens // 2), generator=generator)
    return float((within - across).mean())


def _off_diagonal(curve: np.ndarray) -> float:
    """Largest |d/D - p| of a cumulative energy curve, d between bins: one bin of 48 is nearly the whole region."""
    shares = np.array(PERCENTS) / 100
    steps = np.linspace(0.0, 1.0, len(curve) + 1)
    reached = np.interp(shares, np.concatenate([[0.0], curve]), steps)
    return float(np.abs(reached - shares).max())


def _pattern(name: str) -> Callable[[Result], float]:
    return lambda result: _off_diagonal(_last(name, result))


def _pattern_of(tokens: Callable[..., torch.Tensor]) -> Callable[[Result], float]:
    """The pattern of artificial tokens as wide as the network's."""

    def value(result: Result) -> float:
        channels = int(result.arrays["channels"][-1])
        made = tokens(NULL_IMAGES, 196, channels, generator=torch.Generator().manual_seed(0))
        return _off_diagonal(energy_pattern(made).curve.numpy())

    return value


RANK_TABLE = "rank table, row CaiT-S24"

CLAIM = Claim(
    key="low_rank_energy",
    finding="low_rank",
    sentence="A ViT's final features are low-rank in each image, in a subspace that rotates from image to image.",
    papers=(ENCODING_MISMATCH,),
    where="Encoding Mismatch, rank tables and spectral energy pattern",
    notes=(
        "An image's rank is capped by min(tokens, channels) and a shared basis can never do with fewer dimensions "
        "than an image's own; both hold for any features. Ranks are uncentred, as published."
    ),
    criteria=(
        Criterion(
            key="per_image_rank",
            sentence="Most of an image's final energy lies in few dimensions.",
            quantity=Quantity(
                "dimensions for 95 % of an image's energy, 99th percentile over images, per possible dimension",
                "",
                "higher rank",
            ),
            region=Region.at_most(0.5),
            because="low-rank should mean less than half of the min(tokens, channels) dimensions an image can have",
            evidence=PerSeed((CAIT,), _per_image),
            negative_controls=(
                Control("white_noise", "Gaussian tokens, as many and as wide", PerSeed((CAIT,), _per_image_null)),
                Control("untrained", "the same architecture before training", PerSeed((CAIT_UNTRAINED,), _per_image)),
            ),
            published=(Published(ENCODING_MISMATCH, RANK_TABLE, value=61 / 196, text="61 of 196"),),
            figure="ranks",
        ),
        Criterion(
            key="shared_basis_rank",
            sentence="One basis for all images needs most of the channels.",
            quantity=Quantity(
                "dimensions of a shared basis for 95 % of an image's energy, 99th percentile, per channel",
                "",
                "more dimensions",
            ),
            region=Region.at_least(0.5),
            because="no small shared subspace should mean at least half of the channels",
            evidence=PerSeed((CAIT,), _shared),
            negative_controls=(
                Control("untrained", "the same architecture before training", PerSeed((CAIT_UNTRAINED,), _shared)),
            ),
            published=(Published(ENCODING_MISMATCH, RANK_TABLE, value=302 / 384, text="302 of 384"),),
            figure="ranks",
        ),
        Criterion(
            key="gap_above_null",
            sentence="The gap between shared and per-image rank is larger than without any rotation.",
            quantity=Quantity(
                "log2 of (shared / per-image dimensions at 95 %), above a Gaussian null with the same shared spectrum",
                "log2 units",
                "more than the null explains",
            ),
            region=Region.at_least(float(np.log2(1.1))),
            because="a ratio ten per cent above the matched null is the smallest one would report",
            evidence=PerSeed((CAIT,), _gap_above_null),
            negative_controls=(
                Control(
                    "matched_null",
                    "Gaussian tokens with the same shared spectrum and one covariance for all images: no rotation",
                    PerSeed((CAIT,), _gap_of_null_halves),
                ),
                Control(
                    "repeated_tokens",
                    "the same null with each token four times, as neighbouring patches nearly are: no rotation either",
                    PerSeed((CAIT,), _gap_of_repeated_tokens),
                ),
                Control(
                    "untrained", "the same architecture before training", PerSeed((CAIT_UNTRAINED,), _gap_above_null)
                ),
            ),
            published=(
                Published(ENCODING_MISMATCH, RANK_TABLE, value=float(np.log2(302 / 61)), text="302 / 61, no null"),
            ),
            figure="ranks",
        ),
        Criterion(
            key="rotation",
            sentence="An image's subspace is nearer to itself than to another image's.",
            quantity=Quantity(
                "mean squared cosine of principal angles, halves of one image - two images", "", "more rotation"
            ),
            region=Region.at_least(0.05),
            because="a twentieth of the scale from 0 to 1 is the smallest rotation one would call one",
            evidence=PerSeed((CAIT,), _rotation),
            negative_controls=(
                Control(
                    "matched_null",
                    "Gaussian tokens with the same shared spectrum and one covariance for all images: no rotation",
                    PerSeed((CAIT,), _null_rotation),
                ),
                Control("untrained", "the same architecture before training", PerSeed((CAIT_UNTRAINED,), _rotation)),
            ),
            published=(Published(ENCODING_MISMATCH, "text", text="rotating subspaces, not measured directly"),),
        ),
        Criterion(
            key="spectral_energy_pattern",
            sentence="A share p of the spectral energy needs a share p of the frequencies: tokens use broad bandwidth.",
            quantity=Quantity("largest |d/D - p| over p = .5 ... .9", "", "further from the printed law"),
            region=Region.at_most(0.025),
            because="the printed table departs from p by at most 0.0234 (DINO-S at 50 %)",
            evidence=PerSeed((CAIT,), _pattern("sep_curve")),
            negative_controls=(
                Control("white_noise", "i.i.d. Gaussian tokens", PerSeed((CAIT,), _pattern_of(white))),
                Control("one_channel", "a single live channel per token", PerSeed((CAIT,), _pattern_of(one_hot))),
                Control(
                    "permuted_channels", "channels shuffled once", PerSeed((CAIT,), _pattern("sep_curve_permuted"))
                ),
            ),
            published=(Published(ENCODING_MISMATCH, "SEP table, 14 networks", value=0.0234, text="≤ .023"),),
            figure="pattern",
        ),
        Criterion(
            key="sorted_energy_pattern",
            sentence="With frequencies sorted by power, which channel order cannot fake, bandwidth is still broad.",
            quantity=Quantity("largest |d/D - p| over p = .5 ... .9, bins sorted by power", "", "more concentrated"),
            region=Region.at_most(0.025),
            because="the same bound as for the pattern in bin order",
            evidence=PerSeed((CAIT,), _pattern("sep_sorted")),
            negative_controls=(
                Control(
                    "untrained",
                    "the same architecture before training",
                    PerSeed((CAIT_UNTRAINED,), _pattern("sep_sorted")),
                ),
            ),
            published=(Published(ENCODING_MISMATCH, "SEP table", text="not examined"),),
            figure="pattern",
        ),
    ),
    deviations=(
        Deviation("bandwidth d", "whole bins of 192 to 1,280", "interpolated between bins, of which there are few"),
        Deviation("images", "1,000 ImageNet validation images, one per class", "the profile's held-out images"),
    ),
)
