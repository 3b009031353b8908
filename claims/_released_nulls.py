"""What gap between shared and per-image rank arises without any rotation, for a row of the published rank table.

Gaussian tokens of one covariance for all images. Its spectrum must pass through the printed shared ranks, which
leave open how energy lies between them; two extremes are drawn: flat between printed ranks, and nearly all of the
first interval in one direction, as with a common mean token.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from claims._released_tables import RANKS, tokens_of
from suite.evidence.released import RankRow

if TYPE_CHECKING:
    from torch import Generator, Tensor

PERCENT = 95
IMAGES = 8  # they differ by a dimension or two, so few are enough

Shape = Callable[[RankRow], NDArray[np.float64]]


def steps(row: RankRow) -> NDArray[np.float64]:
    """The spectrum that is flat between printed shared ranks: ``[C]``, sum 1."""
    lengths = np.diff([0, *row.shared.values(), row.channels])
    energy = np.diff([0.0, *(percent / 100 for percent in row.shared), 1.0])
    return np.repeat(energy / lengths, lengths)


def one_direction(row: RankRow) -> NDArray[np.float64]:
    """The same with the first interval's energy in one direction, the rest level with the second interval."""
    spectrum = steps(row)
    first = next(iter(row.shared.values()))
    spectrum[0] = spectrum[:first].sum() - (first - 1) * spectrum[first]
    spectrum[1:first] = spectrum[first]
    return spectrum


def null_gap(row: RankRow, shape: Shape, *, tokens: int | None = None, seed: int = 0) -> float:
    """log2 of (shared / own dimensions), 99th percentiles over images, if nothing rotates.

    Args:
        row: of the rank table; gives spectrum, width and number of tokens.
        shape: how energy lies between the printed shared ranks.
        tokens: independent tokens of an image; all its tokens, if not given.
        seed: of the draw.
    """
    return _gap(tuple(shape(row).tolist()), tokens or tokens_of(row.model), seed)


def rotating_gap(row: RankRow, *, seed: int = 0) -> float:
    """log2 of (shared / own dimensions) if every image's spectrum is that of the row, in directions of its own.

    Every image's tokens have the printed per-image spectrum and lie in a subspace drawn at random, so that the shared
    spectrum of many images is flat: the gap is rotation and nothing else.
    """
    import torch

    from suite.measure.rank import dims_for, energies

    images = _turned(row, IMAGES, tokens_of(row.model), torch.Generator().manual_seed(seed))
    own = dims_for(energies(images), (PERCENT / 100,))
    shared = dims_for(images.square().sum(dim=1), (PERCENT / 100,))
    return float(np.log2(_printed([shared]) / _printed([own])))


def drawn_from(model: str, images: int, tokens: int, generator: Generator) -> Tensor:
    """Images of a network's printed per-image spectrum, each in random directions of its own.

    Args:
        model: row of the rank table.
        images: how many.
        tokens: of an image.
        generator: on the CPU.

    Returns:
        ``[images, tokens, C]`` float64.
    """
    return _turned(RANKS.row(model), images, tokens, generator)


def _turned(row: RankRow, images: int, tokens: int, generator: Generator) -> Tensor:
    import torch

    lengths = np.diff([0, *row.own.values(), row.channels])
    energy = np.diff([0.0, *(percent / 100 for percent in row.own), 1.0])
    scale = torch.tensor(np.sqrt(np.repeat(energy / lengths, lengths)))
    made = []
    for _ in range(images):
        turned, _ = torch.linalg.qr(torch.randn(row.channels, row.channels, generator=generator, dtype=torch.float64))
        drawn = torch.randn(tokens, row.channels, generator=generator, dtype=torch.float64)
        made.append((drawn * scale) @ turned)
    return torch.stack(made)


def flat(row: RankRow) -> NDArray[np.float64]:
    """The spectrum with equal energy in all directions, which images that rotate at random share: ``[C]``, sum 1."""
    return np.full(row.channels, 1 / row.channels)


@cache
def _gap(spectrum: tuple[float, ...], tokens: int, seed: int) -> float:
    import torch

    from suite.measure.nulls import MatchedGaussian
    from suite.measure.rank import dims_for, energies

    energy = torch.tensor(spectrum, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    own, shared = [], []
    for piece in MatchedGaussian(energy, images=IMAGES, tokens=tokens, generator=generator):
        own.append(dims_for(energies(piece), (PERCENT / 100,)))
        shared.append(dims_for(piece.double().square().sum(dim=1), (PERCENT / 100,)))
    return float(np.log2(_printed(shared) / _printed(own)))


def _printed(dims: list[Tensor]) -> float:
    import torch

    from suite.measure.rank import upper_percentile

    return float(upper_percentile(torch.cat(dims)))
