"""The released Multi-Depth Branch Network: its deep branches encode higher frequencies, and it enlarges images well.

Printed in Multi-Depth Branch Network as figures of branches and their spectra, and as tables of PSNR that could not be
read. Here the released weights are asked, on any folder of images in high resolution: the branches, and PSNR above
bicubic interpolation.

Cost: two passes (with its weights and as initialised) of 350, 175 and 123 billion multiply-adds for an image of 1280 x
720 at scales 2, 3 and 4.
Expect: not run before weights and images are at hand.
Command: ``python -m suite claims -k multi_depth_released --profile released-mdbn --images DIR --weights mdbn_x4=FILE``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from claims.papers import MULTI_DEPTH
from suite.claim import Claim, Control, Criterion, Deviation, Published, Quantity, Role
from suite.judge import Observed, Region, Sampling
from suite.judge.halves import GROUPS, half_samples
from suite.studies.cells import enlarging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from suite.claim.readings import Subject
    from suite.claim.schema import Access
    from suite.evidence.cell import Cell, Result
    from suite.profile import Profile

SCALES = (2, 3, 4)
PEAK = 255.0


def decibels(error: NDArray[np.float64]) -> NDArray[np.float64]:
    """PSNR of each image, as the released test takes it: border of four pixels."""
    return np.asarray(10 * np.log10(PEAK**2 / error[0]))


@dataclass(frozen=True)
class OverImages:
    """Mean over images of a number that each image has, of one network.

    Unlike percentiles, means need no more images than groups: images are dealt into 15, 7 or 3 groups, as many as there
    are images for, and halves of the groups give the standard error of the mean of their means.

    Attributes:
        subject: gives the network's cell.
        value: its result -> a number for each image ``[I]``.
    """

    subject: Subject
    value: Callable[[Result], NDArray[np.float64]]

    def cells(self, profile: Profile) -> Iterable[Cell]:
        """The one cell."""
        return (self.subject(profile, profile.seeds[0]),)

    def observe(self, access: Access) -> Observed:
        """The mean, with an interval over images; of fewer than three, without."""
        result = access.result(self.subject(access.profile, access.profile.seeds[0]))
        values = np.asarray(self.value(result), dtype=np.float64)
        skipped = int(result.arrays["images_skipped"])
        said = f"one network ({result.arrays['weights_origin']}), {len(values):,} images" + (
            f" ({skipped:,} more could not be used)" if skipped else ""
        )
        psnr = decibels(result.arrays["error"]).mean()
        said += f"; its mean PSNR on luma is {psnr:.2f} dB without four pixels of border"
        groups = next((count for count in GROUPS if count <= len(values)), 0)
        if not groups:
            return Observed((float(values.mean()),), Sampling.HALVES, note=f"{said}; too few for an interval")
        group = np.arange(len(values)) % groups
        halves = [float(values[kept[group]].mean()) for kept in half_samples(groups)]
        return Observed(tuple(halves), Sampling.HALVES, whole=float(values.mean()), note=said)


def _apart(array: str) -> Callable[[Result], NDArray[np.float64]]:
    """Spatial frequency of the deep branch less that of the shallow one, mean over modules: ``[I]``."""
    return lambda result: np.asarray((result.arrays[array][0] - result.arrays[array][1]).mean(axis=0))


def _above_bicubic(array: str = "error") -> Callable[[Result], NDArray[np.float64]]:
    return lambda result: decibels(result.arrays[array]) - decibels(result.arrays["bicubic_error"])


def _of_scale(scale: int) -> tuple[Criterion, Criterion]:
    role = f"mdbn_x{scale}"
    own, untrained = enlarging(role), enlarging(role, trained=False)
    return (
        Criterion(
            key=f"deep_is_higher_x{scale}",
            sentence=f"In the released network for scale {scale} the deep branch encodes higher frequencies.",
            quantity=Quantity(
                "spatial frequency of the deep branch less that of the shallow one", "cycles/pixel", "deep is higher"
            ),
            region=Region.at_least(0.01),
            because="two per cent of the highest frequency along an axis; the paper prints no number",
            evidence=OverImages(own, _apart("centroid")),
            positive_controls=(
                Control(
                    "blurred",
                    "the shallow branch blurred over 3 x 3 pixels",
                    OverImages(own, _apart("centroid_planted")),
                ),
            ),
            negative_controls=(
                Control("untrained", "the network as initialised", OverImages(untrained, _apart("centroid"))),
                Control("white_noise", "the released network on noise", OverImages(own, _apart("centroid_noise"))),
            ),
            published=(
                Published(
                    MULTI_DEPTH, "figures of branches and their spectra", text="deep branches hold detail, by eye"
                ),
            ),
            needs=(f"networks.{role}",),
        ),
        Criterion(
            key=f"above_bicubic_x{scale}",
            role=Role.PROBE,
            sentence=f"The released network for scale {scale} enlarges images better than bicubic interpolation.",
            quantity=Quantity("PSNR on luma less that of bicubic interpolation, mean over images", "dB", "better"),
            region=Region.at_least(0.1),
            because="a tenth of a decibel is the least one would report",
            evidence=OverImages(own, _above_bicubic()),
            positive_controls=(
                Control(
                    "moved",
                    "the bicubic image moved a tenth of the way to the truth",
                    OverImages(own, _above_bicubic("bicubic_error_moved")),
                ),
            ),
            negative_controls=(
                Control("untrained", "the network as initialised", OverImages(untrained, _above_bicubic())),
            ),
            published=(Published(MULTI_DEPTH, "text on results", text="its tables could not be read"),),
            needs=(f"networks.{role}",),
        ),
    )


CLAIM = Claim(
    key="multi_depth_released",
    finding="multi_depth",
    sentence="In the released network, branches of different depth encode different frequencies.",
    papers=(MULTI_DEPTH,),
    where="MDBN, figures of branches and their spectra; released weights",
    notes="What the twins of equal depth or without branches would do at this size nobody has trained.",
    deviations=(Deviation("tensor of the spectra", "not stated", "outputs of both branches, before they are added"),),
    criteria=tuple(criterion for scale in SCALES for criterion in _of_scale(scale)),
)
