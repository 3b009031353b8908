"""What a file of weights holds: a state dict, or what it is instead and what to do about it. No code of it is run."""

from __future__ import annotations

import argparse
import pickle
import re
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file
from timm.models import clean_state_dict

from suite.errors import SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OURS = "backbone."  # before every name in the weights of a network that the suite trained
HEAD = 512  # bytes that tell what a file is
WEIGHTS = ("state_dict", "model", "module", "model_state", "net", "network")  # where checkpoints keep them
AVERAGES = ("state_dict_ema", "model_ema", "ema", "ema_state_dict", "module_ema")
NETWORKS = ("teacher", "student")
RESAMPLED = re.compile(r"(^|\.)(pos_embed|patch_embed\.proj\.weight|relative_position_bias_table)$")
MULTIARRAY: Any = import_module("numpy._core.multiarray" if find_spec("numpy._core") else "numpy.core.multiarray")
PLAIN = [  # what training checkpoints hold beside tensors: options and numbers
    argparse.Namespace,
    np.dtype,
    np.ndarray,
    MULTIARRAY.scalar,
    MULTIARRAY._reconstruct,  # noqa: SLF001 - by this name arrays are pickled
    *(type(np.dtype(name)) for name in ("float64", "float32", "float16", "int64", "int32", "uint8", "bool")),
]


def state_of(file: Path) -> dict[str, torch.Tensor]:
    """The weights in a file: a state dict, or a training checkpoint's.

    Of a checkpoint that also holds an average of the weights (EMA), the weights themselves are taken: the papers
    evaluate those.

    Args:
        file: ``.safetensors``, ``.pth``, ``.pt``, ``.bin``..., told by its content, not by its name.

    Raises:
        SuiteError: it holds no weights, or several networks; the message says what it is and what to do.
    """
    _refuse_other_files(file)
    found = _content(file)
    if not isinstance(found, dict):
        raise SuiteError(f"{file} holds a {type(found).__name__} and no state dict: {_SAVE}")
    state = _weights_in(found, file)
    state = dict(clean_state_dict(state))
    if all(name.startswith(OURS) for name in state):  # a network that this suite trained
        state = {name.removeprefix(OURS): value for name, value in state.items()}
    return state


_SAVE = "save a network's weights with torch.save(model.state_dict(), 'weights.pth') and give that file"


def _refuse_other_files(file: Path) -> None:
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as fault:
        raise SuiteError(f"weights in {file} cannot be read: {fault.strerror}") from fault
    text = head.lstrip().lower()
    if not head:
        raise SuiteError(f"{file} is empty: fetch it again")
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise SuiteError(
            f"{file} is a web page, not the weights: the address leads to a page that shows them; fetch the file itself"
        )
    if head.startswith(b"version https://git-lfs"):
        raise SuiteError(
            f"{file} is a pointer of Git LFS, not the weights: run git lfs pull in its repository, or fetch the file "
            "itself"
        )


def _content(file: Path) -> Any:
    """Whatever the file holds."""
    with file.open("rb") as stream:
        head = stream.read(9)
    try:
        if len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < 2**30:
            return load_file(file)
        with torch.serialization.safe_globals(PLAIN), file.open("rb") as stream:  # by content, whatever its name
            return torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as fault:
        raise SuiteError(_not_plain(file)) from fault
    except Exception as fault:
        raise SuiteError(f"weights in {file} cannot be read ({one_line(fault)}): is the file whole?") from fault


def _not_plain(file: Path) -> str:
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(str(file))
    except Exception:  # noqa: BLE001 - no archive of torch's
        names = []
    unknown = sorted(
        set(names) - {f"{kind.__module__}.{kind.__qualname__}" for kind in PLAIN if hasattr(kind, "__qualname__")}
    )
    if unknown:
        return (
            f"{file} holds objects of a program ({', '.join(unknown[:3])}) beside or instead of weights, and no code "
            f"of a weights file is run here: where the program runs, {_SAVE}"
        )
    return f"{file} is no file of weights that torch or safetensors wrote: give a .safetensors or .pth file"


def _weights_in(found: Mapping[str, Any], file: Path) -> dict[str, torch.Tensor]:
    for name in WEIGHTS:
        inner = found.get(name)
        if isinstance(inner, dict) and _is_state(inner):
            return inner
        if name in found and not isinstance(found[name], torch.Tensor):
            held = "None" if inner is None else f"a {type(inner).__name__}"
            if not any(isinstance(found.get(other), dict) for other in (*WEIGHTS, *AVERAGES)):
                raise SuiteError(f"{file} holds {held} where its weights ({name!r}) should be: {_SAVE}")
    if _is_state(found):
        return dict(found)
    averages = [name for name in AVERAGES if isinstance(found.get(name), dict)]
    if averages:
        raise SuiteError(
            f"{file} holds only an average of the weights over training ({averages[0]!r}), and the papers evaluate "
            f"the weights themselves: to measure the average, save it alone: {_extract(file, averages[0])}"
        )
    networks = [name for name in NETWORKS if isinstance(found.get(name), dict)]
    if networks:
        raise SuiteError(
            f"{file} holds several networks ({', '.join(map(repr, networks))}): save the one that is meant alone: "
            f"{_extract(file, networks[0])}"
        )
    keys = ", ".join(map(repr, list(found)[:5])) or "nothing"
    raise SuiteError(f"{file} holds no state dict (it holds {keys}): {_SAVE}")


def _extract(file: Path, name: str) -> str:
    return f"python -c \"import torch; torch.save(torch.load('{file}')['{name}'], 'weights.pth')\""


def _is_state(found: Mapping[Any, Any]) -> bool:
    return bool(found) and all(isinstance(value, torch.Tensor) for value in found.values())


def refuse_other_networks(state: Mapping[str, Any], name: str, file: Path) -> None:
    """Say where weights are of a network that is easily taken for another.

    Args:
        state: of a file.
        name: of timm's network that it is given for.
        file: for the message.

    Raises:
        SuiteError: it is Lift, WideLast or a DeiT with two heads, and the network is a plain one.
    """
    if any(key.startswith("base_model.") for key in state) and any(key.startswith("projections.") for key in state):
        raise SuiteError(
            f"{file} holds Encoding Mismatch's Lift (a DeiT-Tiny whose patch tokens are widened), not {name}: give it "
            f"for a role that is a Lift student"
        )
    if "blocks.11.proj_in.weight" in state:
        raise SuiteError(
            f"{file} holds Encoding Mismatch's WideLast (a DeiT-Tiny whose last block is wider), not {name}: give it "
            f"for a role that is a WideLast student"
        )
    if ("dist_token" in state or "head_dist.weight" in state) and "distilled" not in name:
        raise SuiteError(
            f"{file} holds a DeiT with two heads (a distillation token), not {name}: name that network in the profile, "
            'as timm = "deit_tiny_distilled_patch16_224"'
        )


def resampled(state: Mapping[str, torch.Tensor], model: torch.nn.Module) -> str:
    """What of a file's weights timm resampled to fit another image size; empty if nothing."""
    own = model.state_dict()
    changes = [
        f"{name} {_shape(state[name])} -> {_shape(own[name])}"
        for name in own
        if RESAMPLED.search(name) and name in state and state[name].shape != own[name].shape
    ]
    more = f" and {len(changes) - 2} more" if len(changes) > 2 else ""
    return f"positions resampled to another image size: {', '.join(changes[:2])}{more}" if changes else ""


def _shape(value: torch.Tensor) -> str:
    return " x ".join(map(str, value.shape))
