"""Agreement of super-resolution networks and metrics with numbers computed by the authors' released code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from suite.measure.super_resolution import luma, psnr, ssim
from suite.models.mdbn import MDBN, parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Check = tuple[str, float, float]

DOUBLE = 1e-12
"""Relative: float64 sums of some hundred terms in another order, through a dozen layers."""
SINGLE = 1e-4
"""In dB or of 1: the golden's luma was rounded to float32 in another order."""
EXACT = 0.0


def check(arrays: Mapping[str, NDArray[np.generic]]) -> list[Check]:
    """Recompute the outputs of a released MDBN and of its branches.

    Args:
        arrays: ``input`` [1, 3, H, W], ``output``, ``deep`` and ``shallow`` [modules, 1, C, H, W], sizes, counts,
            and the parameters ``p_...``, dots written as underscores.

    Returns:
        (quantity, largest difference, tolerance) of each.

    Raises:
        KeyError: an array is missing.
    """
    scale = int(arrays["upscale"])
    model = MDBN(scale, features=int(arrays["features"]), blocks=int(arrays["blocks"])).double()
    model.load_state_dict({name: torch.as_tensor(arrays[f"p_{name.replace('.', '_')}"]) for name in model.state_dict()})
    x = torch.as_tensor(arrays["input"])
    with torch.no_grad():
        ours = {"output": model(x)}
        ours["deep"], ours["shallow"] = (torch.stack(branch) for branch in model.branches(x))
    counts = {"parameters": parameters(model), "parameters_published_size": parameters(MDBN(scale))}
    return [
        *((name, _relative(value.numpy(), arrays[name]), DOUBLE) for name, value in ours.items()),
        *((name, abs(count - float(arrays[name])), EXACT) for name, count in counts.items()),
    ]


def check_metrics(arrays: Mapping[str, NDArray[np.generic]]) -> list[Check]:
    """Recompute PSNR and SSIM on luma.

    Args:
        arrays: pairs ``imageN``, ``otherN`` [H, W, 3] uint8 in the order blue, green, red, ``crop_border`` [2],
            ``psnr_y`` and ``ssim_y`` [pair, border], ``y0`` [H, W].

    Returns:
        (quantity, largest difference, tolerance) of each.

    Raises:
        KeyError: an array is missing.
    """
    pairs = [tuple(arrays[f"{name}{at}"][..., ::-1].astype(np.uint8) for name in ("image", "other")) for at in (0, 1)]
    borders = arrays["crop_border"].astype(int).tolist()
    found = [("y0", float(np.abs(luma(pairs[0][0]) - arrays["y0"].astype(np.float64)).max()), SINGLE)]
    for name, metric in (("psnr_y", psnr), ("ssim_y", ssim)):
        ours = np.asarray([[metric(*pair, border=border) for border in borders] for pair in pairs])
        found.append((name, float(np.abs(ours - arrays[name].astype(np.float64)).max()), SINGLE))
    return found


def _relative(ours: NDArray[np.float64], golden: NDArray[np.generic]) -> float:
    wanted = golden.astype(np.float64)
    return float(np.abs(ours - wanted).max() / np.abs(wanted).max())
