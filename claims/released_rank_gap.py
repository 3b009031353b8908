"""Each image lies in a small subspace that rotates from image to image, while its energy spreads over frequencies.

Printed in Encoding Mismatch, version 3: a table of ranks (dimensions for a share of the energy, per image and in a
basis shared by all images) and a table of spectral energy patterns, both of fourteen networks.

Here: arithmetic on those tables, beside what features without any rotation, and what noise, give in their place.

Cost: 28 small nulls, about five seconds.
Expect: the gap exceeds the null in every network, but tokens that repeat their neighbours do the same without any
rotation; one shared dimension holds 80 % of the energy in four networks; the spectral pattern is what noise gives.
Command: ``python -m suite claims -k released_rank --profile released``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims._released_checks import exact
from claims._released_nulls import PERCENT, Shape, flat, null_gap, one_direction, rotating_gap, steps
from claims._released_runs import ONLY_RELEASED
from claims._released_tables import IMAGES, PATTERNS, RANKS, tokens_of
from claims.papers import ENCODING_MISMATCH
from claims.published import PATTERN_TABLE, RANK_TABLE
from suite.claim import Claim, Constant, Control, Criterion, Deviation, Published, Quantity, Released, Role
from suite.errors import SuiteError
from suite.judge import Observed, Region, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.evidence.released import PatternTable, RankRow, RankTable

CAIT, NEAREST_THE_NULL = "CaiT-S24", "ViT-Small (DINO)"


def _whole(table: RankTable | PatternTable, printed: RankTable | PatternTable) -> None:
    missing = sorted(printed.rows.keys() - table.rows.keys())
    if missing:
        raise SuiteError(f"{table.file}: rows are missing, {', '.join(missing)}; is the file truncated?")


def _ranks(value: Callable[[RankTable], Observed]) -> Released:
    return Released((RANK_TABLE,), value)


def _patterns(value: Callable[[PatternTable], Observed]) -> Released:
    return Released((PATTERN_TABLE,), value)


def _excess(row: RankRow, shape: Shape) -> tuple[float, float, str]:
    """Printed gap less the null's; its error, from printed digits and chance in the null; both in words."""
    own, shared = row.own[PERCENT], row.shared[PERCENT]
    printed, null = float(np.log2(shared / own)), null_gap(row, shape)
    error = 0.5 * (1 / own + 1 / shared) / float(np.log(2)) + abs(null_gap(row, shape, seed=1) - null)
    return printed - null, error, f"log2({shared} / {own}) = {printed:.2f}, null {null:.2f} ({row.source})"


def _cait_excess(table: RankTable) -> Observed:
    value, error, words = _excess(table.row(CAIT), steps)
    return Observed((value,), Sampling.EXACT, numerical_error=error, note=words)


def _smallest_excess(table: RankTable) -> Observed:
    _whole(table, RANKS)
    found = [_excess(row, shape) for row in table.rows.values() for shape in (steps, one_direction)]
    value, error, words = min(found)
    return Observed((value,), Sampling.EXACT, numerical_error=error, note=f"smallest of {len(found)}: {words}")


def _without_rotation(model: str, shape: Shape) -> Control:
    """What a network's gap exceeds its null by if nothing rotates, but tokens repeat their neighbours."""

    def value(table: RankTable) -> Observed:
        row = table.row(model)
        independent = tokens_of(model) // 4
        repeated, free = null_gap(row, shape, tokens=independent), null_gap(row, shape)
        words = f"{model}, {independent} independent tokens four times each: {repeated:.2f}, null {free:.2f}"
        return exact(repeated - free, words)

    return Control(
        "repeated_tokens", "no rotation, but the four tokens of every 2 x 2 neighbourhood alike", _ranks(value)
    )


def _rotation(model: str) -> Control:
    """What the gap exceeds its null by if every image lies in a random subspace of the printed per-image spectrum."""

    def value(table: RankTable) -> Observed:
        row = table.row(model)
        turning, null = rotating_gap(row), null_gap(row, flat)
        return exact(turning - null, f"{model}, images in random subspaces: {turning:.2f}, null {null:.2f}")

    return Control("rotation", "images of the printed per-image spectrum, each in directions of its own", _ranks(value))


def _smallest_shared(table: RankTable) -> Observed:
    _whole(table, RANKS)
    shares = {model: row.shared[80] / row.channels for model, row in table.rows.items()}
    least = min(shares, key=shares.__getitem__)
    single = [model for model, row in table.rows.items() if row.shared[80] == 1]
    return exact(shares[least], f"{least} ({table.rows[least].source}); a single dimension in {', '.join(single)}")


def _off_diagonal(table: PatternTable) -> Observed:
    _whole(table, PATTERNS)
    far = {
        (model, percent): abs(fraction - percent / 100)
        for model, row in table.rows.items()
        for percent, fraction in row.fractions.items()
    }
    model, percent = worst = max(far, key=far.__getitem__)
    return exact(far[worst], f"{model} at {percent} % ({table.rows[model].source})")


def _off_diagonal_of(kind: str) -> Constant:
    """The same of artificial tokens (white or one-hot), as wide as CaiT's and as many as sixteen of its images."""

    def value() -> float:
        import torch

        from suite.measure import nulls
        from suite.measure.energy_pattern import energy_pattern

        row, tokens = PATTERNS.rows[CAIT], {"white": nulls.white, "one_hot": nulls.one_hot}[kind]
        made = tokens(16, tokens_of(CAIT), row.channels, generator=torch.Generator().manual_seed(0))
        percents = tuple(row.fractions)
        fractions = energy_pattern(made).fractions(percents).numpy()
        return float(np.abs(fractions - np.asarray(percents) / 100).max())

    return Constant(value, f"{kind} tokens, 16 x 196 x 384")


def _fewest_images(table: PatternTable) -> Observed:
    _whole(table, PATTERNS)
    images = {model: row.tokens / tokens_of(model) for model, row in table.rows.items()}
    least = min(images, key=images.__getitem__)
    row = table.rows[least]
    return exact(images[least], f"{least}: {row.tokens} tokens of {tokens_of(least)} an image ({row.source})")


ABOVE_NULL = Quantity("log2 of (shared / per-image dimensions at 95 %), less the null's", "log2 units", "more rotation")
RANKS_PRINTED, PATTERNS_PRINTED = "rank table", "table of spectral energy patterns"

CLAIM = Claim(
    key="released_rank_gap",
    sentence="Each image lies in a small subspace that rotates, while energy spreads over all frequencies.",
    papers=(ENCODING_MISMATCH,),
    where="Encoding Mismatch, rank table and table of spectral energy patterns; repository, Raw data/comparison",
    finding="low_rank",
    notes=(
        "Version 1 called the same numbers globally low-rank. In CaiT about half of the gap, in log2 units, arises "
        "with one covariance for all images and independent tokens. The rest may be rotation, or tokens that repeat "
        "one another; ranks alone cannot tell, principal angles between images could."
    ),
    deviations=(
        Deviation(
            "origin of the figures",
            "features of fourteen networks on 1,000 validation images",
            "arithmetic on the published tables: no network was run here",
        ),
    ),
    criteria=(
        Criterion(
            key="gap_above_null",
            sentence="In CaiT the gap between shared and per-image rank is larger than without any rotation.",
            quantity=ABOVE_NULL,
            region=Region.at_least(float(np.log2(1.1))),
            because="a ratio ten per cent above the null is the smallest one would report",
            evidence=_ranks(_cait_excess),
            role=Role.PROBE,
            positive_controls=(_rotation(CAIT),),
            negative_controls=(_without_rotation(CAIT, steps),),
            published=(
                Published(
                    ENCODING_MISMATCH,
                    RANKS_PRINTED,
                    text="302 / 61, no null",
                    row="CaiT-S24",
                    column="SVD 95 % and shared basis 95 %",
                ),
            ),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="gap_above_null_everywhere",
            sentence="In all fourteen networks the gap is larger than without any rotation, however energy is spread.",
            quantity=ABOVE_NULL,
            region=Region.at_least(float(np.log2(1.1))),
            because="a ratio ten per cent above the null is the smallest one would report",
            evidence=_ranks(_smallest_excess),
            role=Role.PROBE,
            positive_controls=(_rotation(NEAREST_THE_NULL),),
            negative_controls=(_without_rotation(NEAREST_THE_NULL, one_direction),),
            published=(
                Published(
                    ENCODING_MISMATCH,
                    RANKS_PRINTED,
                    text="336 / 101 and more, no null",
                    row="all fourteen",
                    column="SVD 95 % and shared basis 95 %",
                ),
            ),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="gap_means_rotation",
            sentence="What CaiT's gap has above the null is rotation.",
            quantity=ABOVE_NULL,
            region=Region.at_least(float(np.log2(1.1))),
            because="a ratio ten per cent above the null is the smallest one would report",
            evidence=_ranks(_cait_excess),
            positive_controls=(_rotation(CAIT),),
            negative_controls=(_without_rotation(CAIT, steps),),
            published=(
                Published(
                    ENCODING_MISMATCH,
                    RANKS_PRINTED,
                    text="302 / 61 shows rotating subspaces",
                    row="CaiT-S24",
                    column="SVD 95 % and shared basis 95 %",
                ),
            ),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="no_small_shared_basis",
            sentence="No small basis shared by all images holds most of their energy, in any network.",
            quantity=Quantity(
                "smallest share of channels whose shared basis holds 80 % of the energy", "", "larger basis"
            ),
            region=Region.at_least(0.1),
            because="a tenth of the channels is the largest basis one would call small",
            evidence=_ranks(_smallest_shared),
            positive_controls=(
                Control("all_directions", "equal energy along all 384 directions", Constant(lambda: 308 / 384)),
            ),
            negative_controls=(
                Control(
                    "one_direction",
                    "all tokens of all images along one direction: one of 384 channels",
                    Constant(lambda: 1 / RANKS.rows[CAIT].channels),
                ),
            ),
            published=(
                Published(
                    ENCODING_MISMATCH,
                    RANKS_PRINTED,
                    text="a union of rotating subspaces",
                    row="all fourteen",
                    column="shared basis 80 %",
                ),
            ),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="spectral_energy_pattern",
            sentence="A share p of the spectral energy needs a share p of the frequencies, in every network.",
            quantity=Quantity(
                "largest |d/D - p| over p = 0.5 ... 0.9 and fourteen networks", "", "further from the law"
            ),
            region=Region.at_most(0.025),
            because="the table departs from p by 0.0234 at most, which the paper calls a law",
            evidence=_patterns(_off_diagonal),
            positive_controls=(
                Control("flat_spectrum", "equal energy at all 384 frequencies", Constant(lambda: 1 / 384)),
            ),
            negative_controls=(
                Control("white_noise", "i.i.d. Gaussian tokens", _off_diagonal_of("white")),
                Control("one_channel", "a single live channel per token", _off_diagonal_of("one_hot")),
            ),
            published=(
                Published(
                    ENCODING_MISMATCH,
                    PATTERNS_PRINTED,
                    value=0.0234,
                    row="ViT-Small (DINO)",
                    column="d/D at 50 %, less 0.5",
                ),
            ),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="thousand_images",
            sentence="Every row of the table of patterns is a mean over 1,000 images.",
            quantity=Quantity("fewest images behind a row", "images", "more images"),
            region=Region.at_least(IMAGES),
            because="1,000 images are said to have been used, one of each class",
            evidence=_patterns(_fewest_images),
            control_free="a count printed in the table",
            published=(
                Published(
                    ENCODING_MISMATCH,
                    PATTERNS_PRINTED,
                    value=float(IMAGES),
                    row="all fourteen",
                    column="number of tokens",
                ),
            ),
            needs=ONLY_RELEASED,
        ),
    ),
)
