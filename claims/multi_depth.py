"""Branches of different depth encode different frequencies and make a network for super-resolution better.

Printed in Multi-Depth Branch Network (MDBN): a deep branch encodes detail and a shallow one contours, branches are
told apart more than in other networks with branches, and the network is better at less cost.

Here: the network's size and cost, exactly; at desk scale a small MDBN, its twin with branches of equal depth and its
twin without branches, of equal size and cost, trained to double two photographs that were halved.

Cost: three trainings a seed of some seconds each.
Expect: at the desk the network passes bicubic interpolation by 0.4 dB, and the border hardly matters; that the deep
branch is higher, that branches differ and that depth helps are all left open by six seeds.
Command: ``nox -s claims -- -k multi_depth``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from claims.papers import MULTI_DEPTH
from suite.claim import (
    Claim,
    Constant,
    Control,
    Criterion,
    Deviation,
    NeverReleased,
    PerSeed,
    Published,
    Quantity,
    Role,
)
from suite.judge import Region
from suite.studies.super_resolution_cells import SECTION, enlarger

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.evidence.cell import Result

DESK, RELEASED = (SECTION,), ("released",)
WIDE, NARROW = 0, 1  # borders of 4 and of 2 pixels

PARAMETERS = {2: 1_517_571, 3: 1_702_211, 4: 1_665_283}
MULTIPLY_ADDS = {2: 350.2, 3: 175.4, 4: 122.7}  # in 1e9, for an output of 1280 x 720

OWN, EQUAL, FREE = enlarger(), enlarger("equal_depth"), enlarger("branch_free")
NOT_READ = "the paper's tables could not be read, and neither weights nor logs were at hand: {}"


def _apart(array: str) -> Callable[[Result], float]:
    """Spatial frequency of the deep branch less that of the shallow one, mean over modules."""

    def value(result: Result) -> float:
        deep, shallow = result.arrays[array]
        return float(np.mean(deep - shallow))

    return value


def _less_alike(own: str = "cka", other: str = "cka") -> Callable[[Result, Result], float]:
    """CKA between branches less that of a twin's branches, mean over modules."""
    return lambda one, two: float(np.mean(one.arrays[own]) - np.mean(two.arrays[other]))


def _psnr(result: Result, array: str = "error", border: int = WIDE) -> float:
    """Peak signal-to-noise ratio of the error pooled over all test crops, in dB."""
    return float(10 * np.log10(255**2 / np.mean(result.arrays[array][border])))


def _above(result: Result, other: Result) -> float:
    return _psnr(result) - _psnr(other)


def _moved(result: Result) -> float:
    return _psnr(result, "error_moved") - _psnr(result)


def _above_bicubic(array: str = "error") -> Callable[[Result], float]:
    return lambda result: _psnr(result, array) - _psnr(result, "bicubic_error")


def _eight_bits(result: Result) -> float:
    """Images are rounded to eight bits, which moves a PSNR in the second decimal."""
    del result
    return 0.01


def _border(array: str = "error") -> Callable[[Result], float]:
    return lambda result: _psnr(result, array, WIDE) - _psnr(result, array, NARROW)


def _parameters(scale: int) -> float:
    from suite.models.mdbn import MDBN, parameters

    return float(parameters(MDBN(scale)))


def _multiply_adds(scale: int) -> float:
    from suite.models.mdbn import MDBN, multiply_adds

    return multiply_adds(MDBN(scale), 720, 1280) / 1e9


def _two_to_one(module: str) -> float:
    from suite.models.mdbn import MODULES, parameters

    made = MODULES[module](64)
    sizes = [parameters(part) for part in made.children()]
    halves = (sum(sizes[:-1]), sizes[-1])
    return halves[0] / halves[1]


def _printed(text: str, where: str = "text on the module") -> tuple[Published, ...]:
    return (Published(MULTI_DEPTH, where, text=text),)


def _of_code(scale: int, value: float, column: str) -> tuple[Published, ...]:
    where = "table of the released architecture at its published size"
    return (Published(MULTI_DEPTH, where, value=value, row=f"x{scale}", column=column),)


def _exact(scale: int) -> tuple[Criterion, Criterion]:
    other = scale + 1 if scale < 4 else 2
    return (
        Criterion(
            key=f"parameters_x{scale}",
            sentence=f"The network for scale {scale} has {PARAMETERS[scale]:,} parameters.",
            quantity=Quantity("parameters", "", "larger network"),
            region=Region.equal(PARAMETERS[scale], 0),
            because="a count is exact",
            evidence=Constant(lambda: _parameters(scale)),
            negative_controls=(
                Control("another_scale", f"the network for scale {other}", Constant(lambda: _parameters(other))),
            ),
            published=_of_code(scale, PARAMETERS[scale], "parameters"),
            needs=RELEASED,
        ),
        Criterion(
            key=f"multiply_adds_x{scale}",
            sentence=f"Scale {scale} costs {MULTIPLY_ADDS[scale]:g} billion multiply-adds for 1280 x 720 pixels.",
            quantity=Quantity("multiply-adds of convolutions for an output of 1280 x 720", "1e9", "more cost"),
            region=Region.around(MULTIPLY_ADDS[scale], 0.05),
            because="four digits are given",
            evidence=Constant(lambda: _multiply_adds(scale)),
            negative_controls=(
                Control("another_scale", f"the network for scale {other}", Constant(lambda: _multiply_adds(other))),
            ),
            published=_of_code(scale, MULTIPLY_ADDS[scale], "multiply-adds"),
            needs=RELEASED,
        ),
    )


def _unread(key: str, sentence: str, quantity: Quantity, region: Region, because: str, what: str) -> Criterion:
    return Criterion(
        key=key,
        sentence=sentence,
        quantity=quantity,
        region=region,
        because=because,
        evidence=NeverReleased(NOT_READ.format(what)),
        published=_printed("not read", "text on results"),
        needs=RELEASED,
    )


BETTER = Quantity("PSNR on luma of the pooled error, difference", "dB", "better")
MOVED = Control(
    "moved",
    "the same network's output moved a tenth of the way to the truth, less its output",
    PerSeed((OWN,), _moved),
)
HIGHER = Quantity("spatial frequency of the deep branch less that of the shallow one", "cycles/pixel", "deep is higher")

CLAIM = Claim(
    key="multi_depth",
    finding="multi_depth",
    sentence="Branches of different depth encode different frequencies and make super-resolution better.",
    papers=(MULTI_DEPTH,),
    where="MDBN, abstract, text on the module and figures of branches",
    notes=(
        "At desk scale the twins have as many weights and multiply-adds as MDBN, to two parts in a thousand: what "
        "differs is where the depth is. The module like GoogLeNet's that the paper compares with could not be read."
    ),
    deviations=(
        Deviation("data", "DF2K, 256-pixel patches", "two photographs, halved; 24-pixel patches", small=True),
        Deviation("network", "64 features, 6 blocks of 2 modules", "12 features, 2 blocks", small=True),
        Deviation("training", "2,000,000 steps, weights averaged", "some hundred steps, last weights", small=True),
        Deviation(
            "low-pass version", "MATLAB's bicubic", "bicubic with antialiasing, rounded to eight bits", small=True
        ),
    ),
    criteria=(
        Criterion(
            key="deep_is_higher",
            sentence="The deep branch encodes higher spatial frequencies than the shallow one.",
            quantity=HIGHER,
            region=Region.at_least(0.01),
            because="two per cent of the highest frequency along an axis; the paper prints no number",
            evidence=PerSeed((OWN,), _apart("centroid")),
            positive_controls=(
                Control(
                    "blurred",
                    "the shallow branch blurred over 3 x 3 pixels",
                    PerSeed((OWN,), _apart("centroid_planted")),
                ),
            ),
            negative_controls=(
                Control(
                    "untrained", "the network as initialised", PerSeed((enlarger(trained=False),), _apart("centroid"))
                ),
                Control(
                    "equal_depth", "the twin's first branch less its second", PerSeed((EQUAL,), _apart("centroid"))
                ),
                Control("white_noise", "the trained network on white noise", PerSeed((OWN,), _apart("centroid_noise"))),
            ),
            published=_printed(
                "deep branches hold detail, shallow ones contours", "figures of branches and their spectra"
            ),
            needs=DESK,
        ),
        Criterion(
            key="branches_differ",
            sentence="Branches of different depth are less alike than branches of equal depth.",
            quantity=Quantity("CKA between branches less that of the equal-depth twin", "", "more alike"),
            region=Region.at_most(-0.05),
            because="a twentieth of the scale from unlike to alike is the least one would report",
            evidence=PerSeed((OWN, EQUAL), _less_alike()),
            positive_controls=(
                Control(
                    "noise", "white noise in the place of a branch", PerSeed((OWN, EQUAL), _less_alike("cka_planted"))
                ),
            ),
            negative_controls=(
                Control(
                    "untrained",
                    "both networks as initialised, when no branch has learned anything",
                    PerSeed((enlarger(trained=False), enlarger("equal_depth", trained=False)), _less_alike()),
                ),
            ),
            published=_printed(
                "more spectral differentiation between branches, less redundancy", "abstract of version 2"
            ),
            needs=DESK,
        ),
        Criterion(
            key="above_equal_depth",
            sentence="Branches of different depth give better images than branches of equal depth at equal cost.",
            quantity=BETTER,
            region=Region.at_least(0.05),
            because="repeated trainings of such networks differ by up to 0.05 dB",
            evidence=PerSeed((OWN, EQUAL), _above),
            positive_controls=(MOVED,),
            negative_controls=(
                Control(
                    "branches_alone",
                    "branches of equal depth less no branches: a gain of branches is none of depth",
                    PerSeed((EQUAL, FREE), _above),
                ),
            ),
            published=_printed("better than branches of other make", "abstract"),
            needs=DESK,
        ),
        Criterion(
            key="above_branch_free",
            sentence="Branches of different depth give better images than no branches at equal cost.",
            quantity=BETTER,
            region=Region.at_least(0.05),
            because="repeated trainings of such networks differ by up to 0.05 dB",
            role=Role.PROBE,
            evidence=PerSeed((OWN, FREE), _above),
            positive_controls=(MOVED,),
            negative_controls=(
                Control(
                    "equal_depth",
                    "branches of equal depth less no branches: they should not do as well",
                    PerSeed((EQUAL, FREE), _above),
                ),
            ),
            published=_printed("not examined", "text on the module"),
            needs=DESK,
        ),
        Criterion(
            key="above_bicubic",
            sentence="The network enlarges photographs better than bicubic interpolation.",
            quantity=BETTER,
            region=Region.at_least(0.1),
            because="a tenth of a decibel is the least one would report",
            role=Role.PROBE,
            evidence=PerSeed((OWN,), _above_bicubic()),
            positive_controls=(
                Control(
                    "moved",
                    "the bicubic image moved a tenth of the way to the truth",
                    PerSeed((OWN,), _above_bicubic("bicubic_error_moved"), resolution=_eight_bits),
                ),
            ),
            negative_controls=(
                Control(
                    "untrained", "the network as initialised", PerSeed((enlarger(trained=False),), _above_bicubic())
                ),
            ),
            published=_printed("taken for granted", "text on results"),
            needs=DESK,
        ),
        Criterion(
            key="border_does_not_matter",
            sentence="Cutting four pixels at every border in place of two changes PSNR by less than 0.1 dB.",
            quantity=Quantity("PSNR without four pixels of border less that without two", "dB", "borders are worse"),
            region=Region.around(0.0, 0.1),
            because="the released test cuts four pixels at every scale, others as many as the scale",
            role=Role.PROBE,
            evidence=PerSeed((OWN,), _border()),
            positive_controls=(
                Control(
                    "even_noise", "the truth with the same noise everywhere", PerSeed((OWN,), _border("error_even"))
                ),
            ),
            negative_controls=(
                Control("framed", "a dark frame between the two borders", PerSeed((OWN,), _border("error_framed"))),
            ),
            published=_printed("four pixels at every scale", "text on the set-up, by the released test options"),
            needs=DESK,
        ),
        *(criterion for scale in (2, 3, 4) for criterion in _exact(scale)),
        Criterion(
            key="two_to_one",
            sentence="A module's deep branch has twice the weights of its shallow one, and adding them takes none.",
            quantity=Quantity("parameters of the deep branch, of each one of the shallow branch", "", "deeper"),
            region=Region.equal(2, 0),
            because="two convolutions against one, as wide, added without a learned fusion",
            evidence=Constant(lambda: _two_to_one("multi_depth")),
            negative_controls=(
                Control(
                    "equal_depth", "the twin with branches of equal depth", Constant(lambda: _two_to_one("equal_depth"))
                ),
            ),
            published=_printed("a branch of two convolutions and a branch of one, added"),
            needs=RELEASED,
        ),
        _unread(
            "printed_psnr",
            "The network reaches the printed PSNR and SSIM on five test sets.",
            Quantity("PSNR less the printed one", "dB", "better"),
            Region.around(0.0, 0.1),
            "one checkpoint differs by up to 0.1 dB between implementations of the protocol",
            "PSNR and SSIM on Set5, Set14, B100, Urban100, Manga109",
        ),
        _unread(
            "better_than_googlenet_like",
            "The module is better and cheaper than one like GoogLeNet's.",
            Quantity("PSNR less that with the other module", "dB", "better"),
            Region.at_least(0.05),
            "repeated trainings differ by up to 0.05 dB",
            "how the module it is compared with is made",
        ),
        _unread(
            "spectra_of_branches",
            "The branches of the published network differ in their spectra as its figures show.",
            HIGHER,
            Region.at_least(0.01),
            "two per cent of the highest frequency along an axis",
            "which tensor, blocks and images the spectra are of",
        ),
        _unread(
            "inference_time",
            "The network is faster than those it is compared with.",
            Quantity("time for an image less that of the fastest other network", "ms", "slower"),
            Region.at_most(0.0),
            "faster means less time",
            "hardware of the timing; as released it times scale 2 alone, in training mode, without warm-up",
        ),
    ),
)
