"""Final features of a ViT are of low rank per image, while the data set spans nearly all channels.

Printed in Encoding Mismatch (rank tables of fourteen networks, spectral energy pattern of the same). Version 1
called the features globally low-rank; version 2 says: per image, each image in a subspace of its own.

Cost: shares its cells with ``u_shape``.
Expect: low per-image rank is inherited from images and capped by the number of tokens; part of the gap to the
shared basis needs no rotation at all; the spectral energy pattern comes out at p for noise, too. Rotation is read where
both comparisons are at the same token positions and what all images share there is taken out: halves of one image never
share a position while those of two images do, which hides rotation.
Command: ``nox -s claims -- -k low_rank``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims._released_tables import PERCENTS
from claims.papers import ENCODING_MISMATCH
from suite.claim import Claim, Constant, Control, Criterion, Deviation, PerSeed, Published, Quantity, Role
from suite.judge import Region
from suite.studies.cells import representation

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from suite.evidence.cell import Result

PROBES = ("ranks", "shared_ranks", "null_ranks", "centred_angles", "energy_pattern")
CAIT, CAIT_UNTRAINED = (representation("cait", trained=trained, probes=PROBES) for trained in (True, False))
NINETY, NINETY_FIVE = PERCENTS.index(90), PERCENTS.index(95)  # of the shares at which ranks are measured
NULL_IMAGES = 128
SPIKED_SHARE, SPIKED_DIMS = 0.5, 4  # of an image's energy, in directions that only it uses


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
    from suite.measure.nulls import generator_for, white
    from suite.measure.rank import per_image_dims

    tokens, channels = int(result.arrays["tokens"][-1]), int(result.arrays["channels"][-1])
    noise = white(NULL_IMAGES, tokens, channels, generator=generator_for(result.seed, "white images"))
    return _published_percentile(per_image_dims(noise)[:, NINETY_FIVE].numpy()) / _cap(result)


def _printed_network(result: Result) -> float:
    """The printed CaiT-S24 seen through as many tokens: images of its per-image spectrum, rotated at random."""
    from claims._released_nulls import drawn_from
    from suite.measure.nulls import generator_for
    from suite.measure.rank import per_image_dims

    tokens = int(result.arrays["tokens"][-1])
    images = drawn_from("CaiT-S24", NULL_IMAGES, tokens, generator_for(result.seed, "printed network"))
    return _published_percentile(per_image_dims(images)[:, NINETY_FIVE].numpy()) / min(tokens, images.shape[2])


def _shared_of_white(result: Result) -> float:
    """White tokens: every channel in equal use, in every image."""
    from suite.measure.nulls import generator_for, white
    from suite.measure.shared_basis import shared_basis, shared_dims

    tokens, channels = int(result.arrays["tokens"][-1]), int(result.arrays["channels"][-1])
    noise = white(NULL_IMAGES, tokens, channels, generator=generator_for(result.seed, "white basis"))
    return _published_percentile(shared_dims(noise, shared_basis(noise)).numpy()[:, NINETY_FIVE]) / channels


def _null_images(result: Result, topic: str, *, tokens: int = 0) -> torch.Tensor:
    """Gaussian images with the network's shared spectrum, drawn for the block: one covariance, no rotation."""
    import torch

    from suite.measure.nulls import MatchedGaussian, generator_for

    spectrum = torch.from_numpy(_last("shared_spectrum", result))
    count = tokens or int(result.arrays["tokens"][-1])
    generator = generator_for(result.seed, topic)
    return torch.cat(list(MatchedGaussian(spectrum, images=NULL_IMAGES, tokens=count, generator=generator)))


def _rotating_images(result: Result) -> torch.Tensor:
    """The same with half of each image's energy in four directions of its own: rotation by construction."""
    from suite.measure.nulls import generator_for
    from suite.measure.planted import spiked

    images = _null_images(result, "rotating")
    dims = min(SPIKED_DIMS, images.shape[2])
    return spiked(images, SPIKED_SHARE, dims=dims, generator=generator_for(result.seed, "spikes"))


def _shared(result: Result) -> float:
    return _published_percentile(_last("shared_dims", result)[:, NINETY_FIVE]) / int(result.arrays["channels"][-1])


def _gap(shared: np.ndarray, own: np.ndarray) -> float:
    return float(np.log2(shared[:, NINETY_FIVE].mean() / own[:, NINETY_FIVE].mean()))


def _gap_above_null(result: Result) -> float:
    observed = _gap(_last("shared_dims", result), _last("svd_dims", result))
    return observed - _gap(_last("null_shared_dims", result), _last("null_svd_dims", result))


def _gap_of_repeated_tokens(result: Result) -> float:
    """The same quantity on the null with every token repeated four times, as neighbouring patches nearly are.

    Repetition lowers the rank of an image and leaves the shared basis as it is: a gap without any rotation.
    """
    distinct = max(2, int(result.arrays["tokens"][-1]) // 4)
    return _gap_of_images(_null_images(result, "repeated", tokens=distinct).repeat_interleave(4, dim=1), result)


def _gap_of_images(images: torch.Tensor, result: Result) -> float:
    from suite.measure.rank import per_image_dims
    from suite.measure.shared_basis import shared_basis, shared_dims

    shared = shared_dims(images, shared_basis(images)).numpy()
    observed = _gap(shared, per_image_dims(images).numpy())
    return observed - _gap(_last("null_shared_dims", result), _last("null_svd_dims", result))


def _gap_of_rotation(result: Result) -> float:
    return _gap_of_images(_rotating_images(result), result)


def _rotation(result: Result) -> float:
    return float(np.mean(_last("centred_split", result) - _last("centred_cross", result)))


def _rotation_of(images: Callable[[Result], torch.Tensor]) -> Callable[[Result], float]:
    """The same of artificial images, in as many directions as the network's images need."""

    def value(result: Result) -> float:
        from suite.measure.nulls import generator_for
        from suite.measure.subspace import matched_image_overlaps

        made = images(result)
        directions = int(np.ceil(np.median(_last("svd_dims", result)[:, NINETY])))
        across, within = matched_image_overlaps(
            made,
            min(directions, made.shape[1] // 2),
            generator=generator_for(result.seed, "halves"),
            centred=True,
        )
        return float((within - across).mean())

    return value


def _off_diagonal(curve: np.ndarray) -> float:
    """Largest |d/D - p| of a cumulative energy curve, d between bins: one bin of 48 is nearly the whole region."""
    from suite.measure.energy_pattern import PERCENTS

    shares = np.array(PERCENTS) / 100
    steps = np.linspace(0.0, 1.0, len(curve) + 1)
    reached = np.interp(shares, np.concatenate([[0.0], curve]), steps)
    return float(np.abs(reached - shares).max())


def _pattern(name: str) -> Callable[[Result], float]:
    return lambda result: _off_diagonal(_last(name, result))


def _pattern_of(kind: str) -> Callable[[Result], float]:
    """The pattern of artificial tokens as wide as the network's: ``white`` or ``one_hot``."""

    def value(result: Result) -> float:
        from suite.measure import nulls
        from suite.measure.energy_pattern import energy_pattern

        tokens = {"white": nulls.white, "one_hot": nulls.one_hot}[kind]
        channels = int(result.arrays["channels"][-1])
        made = tokens(NULL_IMAGES, 196, channels, generator=nulls.generator_for(result.seed, "pattern", kind))
        return _off_diagonal(energy_pattern(made).curve.numpy())

    return value


def _breadth(curve: np.ndarray, result: Result) -> float:
    """Bins that the power needs, sorted, as a share of those that white noise needs: the least over p."""
    from suite.measure.energy_pattern import breadth, white_sorted_pattern
    from suite.measure.nulls import generator_for

    noise = white_sorted_pattern(len(curve), generator=generator_for(result.seed, "white pattern"))
    return float(breadth(curve, noise.curve.numpy()).min())


def _sorted_breadth(result: Result) -> float:
    return _breadth(_last("sep_sorted", result), result)


def _breadth_of_noise(correlation: float) -> Callable[[Result], float]:
    """The same of noise whose neighbouring channels correlate; of white noise at 0."""

    def value(result: Result) -> float:
        from suite.measure.energy_pattern import sorted_energy_pattern
        from suite.measure.nulls import generator_for, white
        from suite.measure.planted import autoregressive

        channels = int(result.arrays["channels"][-1])
        made = white(NULL_IMAGES, 64, channels, generator=generator_for(result.seed, "breadth"))
        curve = sorted_energy_pattern(autoregressive(made, correlation)).curve.numpy()
        return _breadth(curve, result)

    return value


def _one_dimension(result: Result) -> float:
    """The step of a rank per possible dimension."""
    return 1 / _cap(result)


def _one_channel(result: Result) -> float:
    """The step of a rank per channel."""
    return 1 / int(result.arrays["channels"][-1])


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
            evidence=PerSeed((CAIT,), _per_image, resolution=_one_dimension),
            positive_controls=(
                Control(
                    "printed_network",
                    "images of CaiT-S24's printed per-image spectrum, seen through as many tokens as here",
                    PerSeed((CAIT,), _printed_network, resolution=_one_dimension),
                ),
            ),
            negative_controls=(
                Control(
                    "white_noise",
                    "Gaussian tokens, as many and as wide",
                    PerSeed((CAIT,), _per_image_null, resolution=_one_dimension),
                ),
                Control(
                    "untrained",
                    "the same architecture before training",
                    PerSeed((CAIT_UNTRAINED,), _per_image, resolution=_one_dimension),
                ),
            ),
            published=(Published(ENCODING_MISMATCH, RANK_TABLE, value=61 / 196, text="61 of 196"),),
            figure="ranks",
        ),
        Criterion(
            key="shared_basis_rank",
            sentence="One basis for the final features of all images needs most of the channels.",
            quantity=Quantity(
                "dimensions of a shared basis for 95 % of an image's energy, 99th percentile, per channel",
                "",
                "more dimensions",
            ),
            region=Region.at_least(0.5),
            because="no small shared subspace should mean at least half of the channels",
            evidence=PerSeed((CAIT,), _shared, resolution=_one_channel),
            positive_controls=(
                Control(
                    "white_noise",
                    "Gaussian tokens, as many and as wide: every channel in equal use",
                    PerSeed((CAIT,), _shared_of_white, resolution=_one_channel),
                ),
            ),
            negative_controls=(
                Control(
                    "untrained",
                    "the same architecture before training",
                    PerSeed((CAIT_UNTRAINED,), _shared, resolution=_one_channel),
                ),
            ),
            published=(Published(ENCODING_MISMATCH, RANK_TABLE, value=302 / 384, text="302 of 384"),),
            figure="ranks",
        ),
        Criterion(
            key="gap_above_null",
            sentence="The gap between shared and per-image rank is larger than without any rotation of subspaces.",
            role=Role.PROBE,
            quantity=Quantity(
                "log2 of (shared / per-image dimensions at 95 %), above a Gaussian null with the same shared spectrum",
                "log2 units",
                "more than the null explains",
            ),
            region=Region.at_least(float(np.log2(1.1))),
            because="a ratio ten per cent above the matched null is the smallest one would report",
            evidence=PerSeed((CAIT,), _gap_above_null),
            positive_controls=(
                Control(
                    "planted_rotation",
                    "the null with half of each image's energy in four directions of its own",
                    PerSeed((CAIT,), _gap_of_rotation),
                ),
            ),
            negative_controls=(
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
            sentence="The subspace of an image's final features is nearer to itself than to another image's.",
            quantity=Quantity(
                "mean squared cosine of principal angles, halves of one image - two images, at the same positions and "
                "without position means",
                "",
                "more rotation",
            ),
            region=Region.at_least(0.05),
            because="a twentieth of the scale from 0 to 1 is the smallest rotation one would call one",
            evidence=PerSeed((CAIT,), _rotation),
            positive_controls=(
                Control(
                    "planted_rotation",
                    "the null with half of each image's energy in four directions of its own",
                    PerSeed((CAIT,), _rotation_of(_rotating_images)),
                ),
            ),
            negative_controls=(
                Control(
                    "matched_null",
                    "Gaussian tokens with the same shared spectrum and one covariance for all images: no rotation",
                    PerSeed((CAIT,), _rotation_of(lambda result: _null_images(result, "no rotation"))),
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
            positive_controls=(
                Control(
                    "even_spectrum",
                    "a spectrum with the same power in every bin, of which the law is true exactly",
                    Constant(lambda: _off_diagonal(np.arange(1, 49) / 48)),
                ),
            ),
            negative_controls=(
                Control("white_noise", "i.i.d. Gaussian tokens", PerSeed((CAIT,), _pattern_of("white"))),
                Control("one_channel", "a single live channel per token", PerSeed((CAIT,), _pattern_of("one_hot"))),
                Control(
                    "permuted_channels", "channels shuffled once", PerSeed((CAIT,), _pattern("sep_curve_permuted"))
                ),
            ),
            published=(Published(ENCODING_MISMATCH, "SEP table, 14 networks", value=0.0234, text="≤ .023"),),
            figure="pattern",
        ),
        Criterion(
            key="sorted_energy_pattern",
            sentence="Sorted by power, the frequencies carry it about as evenly as those of white noise do.",
            role=Role.PROBE,
            quantity=Quantity(
                "bins needed for p of the power, sorted, per bin that white noise of the same width needs; least over "
                "p = .5 ... .9",
                "",
                "broader use of frequencies",
            ),
            region=Region.at_least(0.9),
            because="white noise is the broadest there is; a tenth less is the smallest loss one would call narrower",
            evidence=PerSeed((CAIT,), _sorted_breadth),
            positive_controls=(
                Control(
                    "white_noise", "i.i.d. Gaussian tokens of the same width", PerSeed((CAIT,), _breadth_of_noise(0.0))
                ),
            ),
            negative_controls=(
                Control(
                    "smooth_noise",
                    "noise whose neighbouring channels correlate at 0.8: few low frequencies hold the power",
                    PerSeed((CAIT,), _breadth_of_noise(0.8)),
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
