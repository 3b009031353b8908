"""Study *enlarge*: a released network for super-resolution and images -> its errors, and what its branches encode.

Images are shown one by one, whole, at their own size; a pass that is killed goes on where its last checkpoint stands.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from suite.data.choice import choose, digest
from suite.data.photographs import enlarge, rounded, shrink
from suite.data.pictures import ImagesChanged, in_mode, reason
from suite.errors import Stopped, SuiteError, one_line
from suite.measure.nulls import generator_for
from suite.measure.super_resolution import luma, radial_centroid
from suite.models.released_mdbn import load_mdbn, scale_of
from suite.studies import snapshots
from suite.studies.protocol import separately

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from suite.data.choice import Choice
    from suite.models.mdbn import MDBN
    from suite.studies.protocol import Arrays, Bench, Metrics

BORDER = 4  # pixels that the released test cuts at every scale; beside it, as many as the scale
MULTIPLE = 12  # images are cut to multiples of so many pixels, as for the released test
SMALLEST = 4 * MULTIPLE  # pixels a side: less has no middle
CHECKPOINT = "images.pt"
CHECKPOINT_SECONDS = 30.0  # between checkpoints, at least


def run(bench: Bench) -> tuple[Arrays, Metrics]:
    """Enlarge images that were shrunk.

    Returns:
        Of the images that could be read: ``error``, ``bicubic_error``, ``bicubic_error_moved`` [border, image] mean
        squared error of luma, of the network, of bicubic interpolation, and of that moved a tenth of the way to the
        truth, without 4 pixels of border and without as many as the scale; ``centroid``, ``centroid_noise``,
        ``centroid_planted`` [branch, module, image] cycles a pixel, deep branch first: on the images, on white noise,
        and with the shallow branch blurred; ``images``, ``images_skipped``, ``image_names``, ``skipped_names``,
        ``weights_origin``, ``weights_digest``.

    Raises:
        SuiteError: weights do not fit, or no image can be used.
        ImagesChanged: images are others than when the cell was planned.
    """
    spec, given, seed = bench.cell.spec, bench.cell.local["images"], bench.cell.seed
    if digest(given, spec["data"]) != spec["data"]["digest"]:
        raise ImagesChanged(f"the images in {given} changed since the run was planned: start it again")
    chosen = choose(given, spec["data"])
    bench.report(0.0, chosen.described())
    name, file = spec["network"]["timm"], bench.cell.local.get("weights")
    model, loaded = load_mdbn(name, seed=seed, file=Path(file) if file else None)
    bench.report(0.0, f"weights: {loaded.origin}, digest {loaded.digest}")
    model.to(bench.device)
    found, skipped = _resumed(bench, loaded.digest)
    saved = time.monotonic()
    for place in range(len(found) + len(skipped), len(chosen)):
        try:
            found.append({"place": place, **_one(model, _image(chosen, place), scale_of(name), seed, bench.device)})
        except Stopped:
            _keep(bench, loaded.digest, found, skipped)
            raise
        except (SuiteError, OSError, SyntaxError) as fault:
            skipped.append((place, reason(fault)))
            bench.report(place / len(chosen), f"skipped {chosen.names[place]}: {reason(fault)}")
        if time.monotonic() - saved >= CHECKPOINT_SECONDS:
            _keep(bench, loaded.digest, found, skipped)
            saved = time.monotonic()
        bench.report((place + 1) / len(chosen), f"{place + 1} of {len(chosen)} images")
    if not found:
        raise SuiteError(f"none of the {len(chosen)} images can be used; {chosen.names[0]}: {skipped[0][1]}")
    arrays: dict[str, Any] = {
        key: torch.stack([one[key] for one in found], dim=-1).numpy() for key in found[0] if key != "place"
    }
    arrays |= {
        "images": np.int64(len(found)),
        "images_skipped": np.int64(len(skipped)),
        "image_names": np.array([chosen.names[one["place"]] for one in found], np.str_),
        "skipped_names": np.array([chosen.names[place] for place, _ in skipped], np.str_),
        "weights_origin": np.str_(loaded.origin),
        "weights_digest": np.str_(loaded.digest),
    }
    return arrays, [{"skipped": chosen.names[place], "reason": why} for place, why in skipped]


def _image(chosen: Choice, place: int) -> Tensor:
    """``[1, 3, H, W]``, values in [0, 1], sides cut to multiples of 12.

    Raises:
        SuiteError: it is too small.
    """
    picture = in_mode(chosen.source.picture(chosen.picked[place]), "RGB")
    pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255
    height, width = (length - length % MULTIPLE for length in pixels.shape[2:])
    if min(height, width) < SMALLEST:
        raise SuiteError(f"{picture.size[0]} x {picture.size[1]} pixels: at least {SMALLEST} a side are needed")
    return pixels[..., :height, :width]


def _one(model: MDBN, truth: Tensor, scale: int, seed: int, device: str) -> dict[str, Tensor]:
    """All numbers of one image."""
    small = shrink(truth, scale)
    noise = torch.rand(small.shape, generator=generator_for(seed, "noise"))
    bicubic = enlarge(small, scale)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False), torch.inference_mode():
        output = rounded(model(small.to(device)).cpu())
        deep, shallow = model.branches(small.to(device))
        on_noise = model.branches(noise.to(device))
        blurred = [torch.nn.functional.avg_pool2d(maps, 3, stride=1, padding=1) for maps in shallow]
        centroids = {
            "centroid": _centroids(deep, shallow),
            "centroid_planted": _centroids(deep, blurred),
            "centroid_noise": _centroids(*on_noise),
        }
    return {
        "error": _errors(output, truth, scale),
        "bicubic_error": _errors(bicubic, truth, scale),
        "bicubic_error_moved": _errors(rounded(0.9 * bicubic + 0.1 * truth), truth, scale),
        **centroids,
    }


def _centroids(*branches: list[Tensor]) -> Tensor:
    """``[branch, module]``."""
    return torch.stack([torch.stack([radial_centroid(maps)[0].cpu() for maps in branch]) for branch in branches])


def _errors(image: Tensor, truth: Tensor, scale: int) -> Tensor:
    """Mean squared error of luma by border."""
    difference = _luma(image) - _luma(truth)
    cuts = (BORDER, scale)
    return torch.tensor([float(np.mean(difference[cut:-cut, cut:-cut] ** 2)) for cut in cuts], dtype=torch.float64)


def _luma(image: Tensor) -> NDArray[np.float64]:
    return luma((image[0].permute(1, 2, 0) * 255).round().byte().numpy())


def _keep(bench: Bench, weights: str, found: list[dict[str, Any]], skipped: list[tuple[int, str]]) -> None:
    snapshots.save(bench.checkpoints / CHECKPOINT, {"weights": weights, "found": found, "skipped": skipped})


def _resumed(bench: Bench, weights: str) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """What is known of the first images."""
    path = bench.checkpoints / CHECKPOINT
    if not path.is_file():
        return [], []
    try:
        known = snapshots.load(path)
        if known["weights"] != weights:
            raise SuiteError("it was begun with other weights")  # noqa: TRY301 - one way to begin anew
    except Exception as fault:  # noqa: BLE001 - whatever a checkpoint suffered, the images are still there
        bench.report(0.0, f"the pass starts again: {one_line(fault)}")
        return [], []
    found, skipped = list(known["found"]), list(known["skipped"])
    bench.report(0.0, f"goes on after {len(found) + len(skipped)} images")
    return found, skipped


TOGETHER = DISTRIBUTED = False
run_block = separately(run)
