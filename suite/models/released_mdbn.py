"""The Multi-Depth Branch Network that its authors released, from the files of its weights.

References:
    arXiv 2309.17334; released code: its test options read the entry ``params`` of a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from suite.checkpoints import CHECKPOINTS, found_in, named
from suite.errors import SuiteError
from suite.models.mdbn import BLOCKS, FEATURES, MDBN, make
from suite.models.pretrained import Loaded, weights_digest
from suite.models.weights import _content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

PARAMS = "params"  # of a file of BasicSR's: the weights that are tested


def mdbn_state(name: str, file: Path) -> dict[str, torch.Tensor]:
    """The weights of a released network for one scale.

    Args:
        name: as a profile writes it, ``released:mdbn_x4``.
        file: the authors' file, or a plain state dict by the same names.

    Raises:
        SuiteError: it holds something else, or the network for another scale; the message names the role.
    """
    checkpoint = named(name)
    assert checkpoint is not None
    content = _content(file)
    state: Any = content.get(PARAMS, content) if isinstance(content, dict) else {}
    if not isinstance(state, dict) or found_in(state) not in CHECKPOINTS[2:]:
        raise SuiteError(
            f"{file} does not hold {checkpoint.paper}'s {checkpoint.title} (no {PARAMS!r} with weights named "
            f"{checkpoint.marks[-1]}*): pass --weights {checkpoint.role}=FILE with {checkpoint.file} of its release"
        )
    scale = _scale(state)
    if scale != scale_of(name):
        other = named(f"released:mdbn_x{scale}")
        advice = other.advice if other else "give that of another file"
        raise SuiteError(f"{file} holds the network for scale {scale}, not {scale_of(name)}: {advice}")
    return state


def scale_of(name: str) -> int:
    """How many times as many pixels a side the network ``released:mdbn_xN`` gives."""
    return int(name[-1])


def _scale(state: Mapping[str, torch.Tensor]) -> int:
    if "upsample.2.weight" in state:
        return 4
    first = state.get("upsample.0.weight")
    return 0 if first is None else round((first.shape[0] / first.shape[1]) ** 0.5)


def load_mdbn(name: str, *, seed: int, file: Path | None = None) -> tuple[MDBN, Loaded]:
    """A released network at its published size, with its weights or as initialised, and where they come from.

    Raises:
        SuiteError: the file holds something else.
    """
    model = make(scale_of(name), features=FEATURES, blocks=BLOCKS, module="multi_depth", seed=seed)
    origin = "as initialised"
    if file is not None:
        try:
            model.load_state_dict(mdbn_state(name, file))
        except RuntimeError as fault:
            said = " ".join(str(fault).split()).partition(": ")[2]
            raise SuiteError(f"weights in {file} do not fit {name}: {said}") from fault
        origin = file.name
    return model.eval(), Loaded(model, origin, weights_digest(model))
