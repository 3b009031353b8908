"""Our losses against numbers that the authors' released code gave for the same inputs.

`check` takes the arrays of one file and the file's name, which says what computed it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._logits import soft_kd
from baselines.manifold_kd import patch_loss, sample_loss, unit_tokens
from baselines.projector_kd_released import normalised_mse
from baselines.protocol import MapShape, Network
from baselines.spectral_kd import spatial_alignment, spectral_alignment
from baselines.vitkd import SHALLOW, MimicAndGenerate, ViTKDOptions

TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}
"""Largest relative error by precision: some hundred roundings, as sums are taken in another order."""


@dataclass(frozen=True)
class Parity:
    """How far one quantity is from the authors'.

    Attributes:
        quantity: The loss, or whose gradient.
        error: Largest absolute difference over the largest absolute value of the authors'.
        tolerance: Largest error taken for rounding.
    """

    quantity: str
    error: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the difference is rounding; never for a NaN."""
        return self.error <= self.tolerance


def recognises(stem: str) -> bool:
    """Whether a file of this name (without its suffix) holds goldens of a method here."""
    return any(stem.startswith(prefix) for prefix in CHECKS)


def check(stem: str, arrays: Mapping[str, Any]) -> list[Parity]:
    """Compare our value, and every gradient the file holds, with the authors'.

    Args:
        stem: The file's name without its suffix.
        arrays: Name → NumPy array, all that the file holds; `grad_x` is the gradient for array `x`.

    Raises:
        ValueError: No method goes by that name, or the file lacks an array.
    """
    compare = next((CHECKS[prefix] for prefix in CHECKS if stem.startswith(prefix)), None)
    if compare is None:
        raise ValueError(f"no method has goldens named {stem!r}: known are {', '.join(CHECKS)}")
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    try:
        for leaf in _leaves(tensors).values():
            tensors[leaf].requires_grad_()
        return compare(tensors)
    except KeyError as missing:
        raise ValueError(f"{stem} holds no array {missing}: copy the file anew") from missing


def _leaves(arrays: Mapping[str, Tensor]) -> dict[str, str]:
    """Name of every gradient in the file → name of the array it belongs to."""
    names = {name: name.removeprefix("grad_") for name in arrays if name.startswith("grad_")}
    return {gradient: leaf if leaf in arrays else f"{leaf}_logits" for gradient, leaf in names.items()}


def _parity(quantity: str, ours: Tensor, theirs: Tensor) -> Parity:
    error = (ours.detach() - theirs).abs().max() / theirs.abs().max()
    return Parity(quantity, float(error), TOLERANCES[theirs.dtype])


def _gradients(loss: Tensor, arrays: Mapping[str, Tensor], *, form: str = "") -> list[Parity]:
    """Every gradient of the file against ours."""
    leaves = _leaves(arrays)
    ours = torch.autograd.grad(loss, [arrays[leaf] for leaf in leaves.values()]) if leaves else ()
    return [
        _parity(f"{form}gradient of {leaf}", gradient, arrays[name])
        for (name, leaf), gradient in zip(leaves.items(), ours, strict=True)
    ]


def _soft_kd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    loss = soft_kd(arrays["student_logits"], arrays["teacher_logits"], temperature=float(arrays["temperature"]))
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _spectral(arrays: Mapping[str, Tensor]) -> list[Parity]:
    """Both forms of the loss, averaged over the pairs student…, teacher… of the file."""
    students = sorted(name for name in arrays if name.startswith("student"))
    pairs = [(arrays[name], arrays[name.replace("student", "teacher")]) for name in students]
    found = []
    for form, alignment in {"rfft2 ": spectral_alignment, "spatial ": spatial_alignment}.items():
        loss = torch.stack([alignment(student, teacher) for student, teacher in pairs]).mean()
        found += [_parity(f"{form}loss", loss, arrays["loss"]), *_gradients(loss, arrays, form=form)]
    return found


def _projector(arrays: Mapping[str, Tensor]) -> list[Parity]:
    tokens = F.linear(arrays["student"].movedim(1, -1), arrays["weight"], arrays["bias"])
    loss = normalised_mse(tokens.movedim(-1, 1), arrays["teacher"])
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _manifold(arrays: Mapping[str, Tensor]) -> list[Parity]:
    """Tokens [B, N, C] of one layer; the gradient is that of the sum of the two un-weighted terms."""
    student, teacher = (unit_tokens(arrays[name].mT[..., None]) for name in ("student", "teacher"))
    patch, sample = patch_loss(student, teacher), sample_loss(student, teacher)
    return [
        _parity("patch loss", patch, arrays["loss_patch"]),
        _parity("sample loss", sample, arrays["loss_sample"]),
        *_gradients(patch + sample, arrays),
    ]


def _vitkd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    """Our module with the file's parameters and mask, on square grids of tokens [B, N, C]."""
    side = math.isqrt(arrays["dropped"].shape[1])

    def network(name: str) -> Network:
        shape = MapShape(arrays[name].shape[-1], side, side)
        return Network(depth=2, maps=dict.fromkeys(SHALLOW, shape), final=shape, classes=0)

    def as_map(tokens: Tensor) -> Tensor:
        return tokens.mT.reshape(*tokens.mT.shape[:-1], side, side)

    options = ViTKDOptions(
        mimic_weight=float(arrays["alpha"]),
        generation_weight=float(arrays["beta"]),
        mask_ratio=float(arrays["mask_ratio"]),
        logits=False,
    )
    part = MimicAndGenerate(options)
    part.prepare(network("high_student"), network("high_teacher"), torch.Generator())
    state = {_our_name(name): value for name, value in arrays.items() if name.startswith("p_")}
    part.double().load_state_dict(state | {"mask_token": state["mask_token"].flatten()})
    shallow = [[as_map(x) for x in arrays[name].unbind(1)] for name in ("low_student", "low_teacher")]
    loss = part.mimic(*shallow) + part.generate(
        as_map(arrays["high_student"]), as_map(arrays["high_teacher"]), dropped=arrays["dropped"]
    )
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _our_name(theirs: str) -> str:
    """Name in our module of one of ViTKD's parameters: p_align2_0_weight is align_shallow.0.weight."""
    name = theirs.removeprefix("p_")
    for old, new in (
        ("align2_", "align_shallow."),
        ("align_", "align_final."),
        ("generation_", "generation."),
    ):
        if name.startswith(old):
            return new + name.removeprefix(old).replace("_", ".")
    return name


CHECKS: Mapping[str, Callable[[Mapping[str, Tensor]], list[Parity]]] = {
    "manifold_": _manifold,
    "projector_as_released": _projector,
    "soft_kd_": _soft_kd,
    "spectral_alignment_": _spectral,
    "vitkd_": _vitkd,
}
"""How a file is compared, by how its name begins."""
