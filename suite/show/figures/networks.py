"""Plots of trained networks: profiles over depth, likeness of layers, ranks, energy patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from suite.measure.similarity import debiased_cka_table, spectrum_similarity
from suite.show.figures import gather, names
from suite.show.figures.curves import Curves
from suite.show.figures.grids import Layers, Table
from suite.show.figures.series import Series

if TYPE_CHECKING:
    from suite.assess import Assessment, Evidence
    from suite.evidence.cell import Result
    from suite.show.figures.gather import Array

SWIN_S = np.array([2, 2, 18, 2])  # blocks a stage; the published match of Swin with CaiT is by share of all blocks
NOISE_IMAGES, NOISE_TOKENS = 64, 64


def layer_profile(assessment: Assessment, evidence: Evidence, name: str) -> Curves:
    """A layer profile over relative depth, with its controls."""
    return Curves(gather.profile_series(assessment, evidence, name), gather.DEPTH, names.axis(name))


def scatter(assessment: Assessment, evidence: Evidence, across: str, up: str) -> Layers:
    """Two layer profiles against each other."""
    one = gather.arm(gather.per_seed(assessment.criterion.evidence).subjects[0], evidence)
    x, y = (one.stack(lambda result, name=name: gather.layer_profile(result, name)) for name in (across, up))
    return Layers(x, y, names.axis(across), names.axis(up))


def matrix(assessment: Assessment, evidence: Evidence, measure: str) -> Table:
    """How alike the layers of a reading's first two networks are: by CKA, or by the spectrum named."""
    first, second = gather.arms(assessment.criterion.evidence, evidence)[:2]
    tables = [_likeness(*both, measure) for both in zip(first.results, second.results, strict=True)]
    rows, columns = tables[0].shape
    ends = np.cumsum(SWIN_S) / SWIN_S.sum() if columns == len(SWIN_S) else gather.depth(columns + 1)[1:]
    return Table(
        likeness=np.stack(tables),
        matched=tuple(max(1, round(float(end) * rows)) - 1 for end in ends),
        rows=f"layer of {names.network(first.cell)}",
        columns=f"stage of {names.network(second.cell)}",
        what="CKA, same images" if measure == "cka" else "correlation of log-spectra",
    )


def _likeness(first: Result, second: Result, measure: str) -> Array:
    """``[R, C]``: how alike every layer of one network is to every layer of another."""
    array = "pooled" if measure == "cka" else measure
    layers, stages = (
        [result.arrays[f"{array}.{number:02d}"] for number in range(len(result.arrays["channels"]))]
        for result in (first, second)
    )
    if measure == "cka":
        return debiased_cka_table(layers, stages)
    return np.array([[spectrum_similarity(layer, stage) for stage in stages] for layer in layers])


def ranks(assessment: Assessment, evidence: Evidence) -> Curves:
    """Dimensions an image needs, in a basis of its own and in a shared one, with a null and the caps of both."""
    from suite.measure.rank import SHARES  # noqa: PLC0415 - loads torch, which figures that are there do not need

    one = gather.arm(gather.per_seed(assessment.criterion.evidence).subjects[0], evidence)
    last = one.last

    def series(label: str, name: str, role: str, *, dashed: bool = False) -> Series:
        def read(result: Result) -> Array:
            return np.asarray(np.percentile(result.arrays[f"{name}.{last}"], 99, axis=0))

        return Series(label, 100 * np.asarray(SHARES), one.stack(read), role, dashed)

    tokens, channels = (int(one.results[0].arrays[name][-1]) for name in ("tokens", "channels"))
    cap = min(tokens, channels)
    levels = [(f"cap: min({tokens} tokens, {channels} ch.)", float(cap))]
    if cap < channels:
        levels.append((f"cap: {channels} channels", float(channels)))
    return Curves(
        (
            series("shared basis", "shared_dims", "second"),
            series("each image", "svd_dims", "ours"),
            series("shared, null", "null_shared_dims", "control", dashed=True),
            series("each, null", "null_svd_dims", "control"),
        ),
        "share of an image's energy [%]",
        "dimensions, 99th percentile of images",
        x_ticks=tuple(100 * share for share in SHARES),
        levels=tuple(levels),
    )


def pattern(assessment: Assessment, evidence: Evidence) -> Curves:
    """Cumulative spectral energy in bin order and sorted by power, with what shuffled channels and noise give."""
    import torch  # noqa: PLC0415 - only where a null is drawn

    from suite.measure.energy_pattern import sorted_energy_pattern  # noqa: PLC0415
    from suite.measure.nulls import white  # noqa: PLC0415

    one = gather.arm(gather.per_seed(assessment.criterion.evidence).subjects[0], evidence)
    channels = int(one.results[0].arrays["channels"][-1])
    noise = white(NOISE_IMAGES, NOISE_TOKENS, channels, generator=torch.Generator().manual_seed(0))

    sorted_noise = sorted_energy_pattern(noise).curve.numpy()[None]

    def series(label: str, rows: Array, role: str, at: float, *, dashed: bool = False) -> Series:
        padded = np.concatenate([np.zeros((len(rows), 1)), rows], axis=1)
        return Series(label, gather.depth(padded.shape[1]), padded, role, dashed, named_at=at)

    def read(name: str) -> Array:
        return one.stack(lambda result: result.arrays[f"{name}.{one.last}"])

    return Curves(
        (
            series("bins sorted by power", read("sep_sorted"), "second", 0.36),
            series("bins in order", read("sep_curve"), "ours", 0.6),
            series("channels shuffled", read("sep_curve_permuted"), "control", 0.34),
            series("white noise, sorted", sorted_noise, "control", 0.24, dashed=True),
        ),
        "share of frequency bins, d / D",
        "share of spectral energy, p",
        corridor=assessment.criterion.region.high,
    )
