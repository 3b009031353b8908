"""The students that Encoding Mismatch released, from the files of their weights.

Of a training checkpoint the raw weights (``model``) are taken, as the authors evaluate them; the average beside them is
not. What the file holds and nothing reads (Lift keeps a plain head and the backbone's last norm) is left out.

References:
    arXiv 2511.15572; released code and checkpoints: names of the weights, forward pass, epsilons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from baselines.students import ViTConfig, build_student
from suite.checkpoints import CHECKPOINTS, Checkpoint, found_in, named
from suite.errors import SuiteError
from suite.models.build import choose_attention
from suite.models.pretrained import Loaded, weights_digest
from suite.models.weights import state_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from baselines.students import Tapped

WIDTH = 384  # of the teacher's last layer
EPSILON = {"lift": 1e-5}  # of the norm after the projection, torch's default; every other norm has timm's 1e-6
LAST = "blocks.11."
EVALUATION: Mapping[str, Any] = {  # the authors' transform: shorter side to 256, bicubic, crop 224
    "input_size": (3, 224, 224),
    "interpolation": "bicubic",
    "crop_pct": 0.875,
    "crop_mode": "center",
    "mean": IMAGENET_DEFAULT_MEAN,
    "std": IMAGENET_DEFAULT_STD,
}


def load_released(name: str, *, seed: int, file: Path | None = None) -> Loaded:
    """A released student with its weights, or as initialised.

    Args:
        name: as a profile writes it, ``released:lift`` or ``released:wide_last``.
        seed: of a student as initialised.
        file: the authors' file; None for a student as initialised.

    Raises:
        SuiteError: the file holds something else; the message names the role that takes it.
    """
    checkpoint = _checkpoint(name)
    model = _built(checkpoint.role, seed)
    if file is None:
        return Loaded(model.eval(), "as initialised", weights_digest(model))
    state = state_of(file)
    require_released(state, name, file)
    try:
        model.load_state_dict(active(checkpoint.role, state))
    except RuntimeError as fault:
        said = " ".join(str(fault).split()).partition(": ")[2]
        raise SuiteError(f"{file} holds weights of {checkpoint.title} that do not fit: {said}") from fault
    return Loaded(model.eval(), file.name, weights_digest(model))


def require_released(state: Mapping[str, Any], name: str, file: Path) -> None:
    """Hold a file to the student that it is given for.

    Raises:
        SuiteError: it is another network's.
    """
    wanted, found = _checkpoint(name), found_in(state)
    if found is wanted:
        return
    if found is not None:
        raise SuiteError(f"{file} holds {found.paper}'s {found.title}, not {wanted.title}: {found.advice}")
    raise SuiteError(
        f"{file} does not hold {wanted.paper}'s {wanted.title} (no weights named {wanted.marks[-1]}*): pass --weights "
        f"{wanted.role}=FILE with {wanted.file} of the authors' release"
    )


def active(role: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights that a pass of the network reads, by the names of this suite's own student.

    Args:
        role: ``lift`` or ``wide_last``.
        state: by the names of the authors' file.
    """
    renamed = {_renamed(role, name): value for name, value in state.items()}
    return {name: value for name, value in renamed.items() if name}


def _renamed(role: str, name: str) -> str:
    """This suite's name of a weight; empty for one that nothing reads."""
    if role == "lift":
        if name.startswith(("base_model.norm.", "base_model.head.")):
            return ""
        for theirs, ours in (
            ("base_model.", "backbone."),
            ("projections.11.", "lift.project."),
            ("layer_norms.11.", "lift.norm."),
        ):
            if name.startswith(theirs):
                return ours + name.removeprefix(theirs)
        return name
    if not name.startswith(LAST):
        return f"backbone.{name}"
    inner = name.removeprefix(LAST)
    for theirs, ours in (("proj_in.", "widen."), ("proj_norm.", "norm.")):
        if inner.startswith(theirs):
            return f"backbone.{LAST}{ours}{inner.removeprefix(theirs)}"
    return f"backbone.{LAST}block.{inner}"


def _checkpoint(name: str) -> Checkpoint:
    found = named(name)
    if found is None:
        known = ", ".join(one.name for one in CHECKPOINTS)
        raise SuiteError(f"no released network {name!r}: choose from {known}")
    return found


def _built(role: str, seed: int) -> Tapped:
    """The student at its published size."""
    choose_attention({})
    generator = torch.Generator().manual_seed(seed)
    model = build_student(role, ViTConfig(), generator=generator, options={"width": WIDTH})
    if role in EPSILON:
        model.lift.norm.eps = EPSILON[role]  # type: ignore[union-attr]
    model.backbone.pretrained_cfg = dict(EVALUATION)
    return model
