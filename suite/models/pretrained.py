"""Networks with weights that others trained: from the hub by timm's name, or from a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import timm
import torch
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import get_session  # type: ignore[attr-defined]
from timm.models import get_pretrained_cfg

from suite.errors import SuiteError, Unobtainable, one_line
from suite.models.build import build, choose_attention
from suite.models.weights import refuse_other_networks, resampled, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

HUB = "hf-hub:"
REACHABLE_SECONDS = 10
FILES = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")


@dataclass(frozen=True)
class Loaded:
    """A network and where its weights come from.

    Attributes:
        model: in evaluation mode.
        origin: ``timm/NAME@COMMIT`` of the hub, the file's name, or ``as initialised``; and what of a file's weights
            was resampled to fit another image size.
        digest: of all weights and buffers as loaded, 16 hexadecimal digits.
    """

    model: nn.Module
    origin: str
    digest: str


def load_network(spec: Mapping[str, Any], *, seed: int, file: Path | None = None, role: str = "") -> Loaded:
    """A network as a profile describes it, with its weights.

    A file holds what timm's models or their original code save: a state dict, or a training checkpoint with one.
    Of a checkpoint that also holds an average of the weights (EMA), the weights themselves are taken: the papers
    evaluate those.

    Args:
        spec: ``timm`` (a timm model name, or ``hf-hub:OWNER/NAME``), ``overrides`` (keyword arguments of the
            constructor, optional), ``pretrained`` (whether to fetch weights), ``revision`` (optional, of the hub's
            repository: a commit, tag or branch), ``init`` (of a network without weights).
        seed: of a network as initialised.
        file: weights (``.safetensors``, ``.pth``...) instead of the hub's.
        role: what the profile calls the network, for messages.

    Raises:
        Unobtainable: the hub cannot be reached and its cache does not hold the weights.
        SuiteError: timm has no such model, the hub no such weights, or weights do not fit the network.
    """
    if file is None and not spec.get("pretrained"):
        model, origin = _initialised(spec, seed), "as initialised"
    elif file is not None:
        model, origin = _of_file(spec, file)
    else:
        model = _fetched(spec, role or str(spec["timm"]))
        origin = _origin(model)
    return Loaded(model.eval(), origin, weights_digest(model))


def weights_digest(model: nn.Module) -> str:
    """SHA-256 over names and values of all weights and buffers, its first 16 hexadecimal digits."""
    total = hashlib.sha256()
    for name, value in model.state_dict().items():
        total.update(f"{name}:{value.dtype}:{tuple(value.shape)};".encode())
        total.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()[:16]


def _initialised(spec: Mapping[str, Any], seed: int) -> nn.Module:
    if str(spec["timm"]).startswith(HUB):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _create(spec, {}, "the architecture", pretrained=False)
    return build(spec, seed=seed)


def _create(spec: Mapping[str, Any], overlay: Mapping[str, Any], what: str, *, pretrained: bool = True) -> nn.Module:
    """Build by timm, and give the reason in one line where weights do not fit."""
    name, overrides = str(spec["timm"]), dict(spec.get("overrides", {}))
    choose_attention(overrides)
    try:
        model: nn.Module = timm.create_model(
            name, pretrained=pretrained, pretrained_cfg_overlay=dict(overlay) or None, **overrides
        )
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        raise
    except Exception as fault:
        said = one_line(fault).partition("Error(s) in loading state_dict for ")[2] or one_line(fault)
        raise SuiteError(f"{what} cannot be loaded as timm's {name}: {said}") from fault
    return model


def _shape(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What makes timm hold weights of a file to every layer, the head included, of a network with overrides."""
    overrides, shape = spec.get("overrides", {}), dict[str, Any]()
    if "num_classes" in overrides:
        shape["num_classes"] = overrides["num_classes"]
    if "in_chans" in overrides:
        cfg = get_pretrained_cfg(spec["timm"], allow_unregistered=True)
        _, *size = cfg.input_size if cfg is not None else (3, 224, 224)
        shape["input_size"] = (overrides["in_chans"], *size)
    return shape


def _of_file(spec: Mapping[str, Any], file: Path) -> tuple[nn.Module, str]:
    """A network with a file's weights, and where they come from."""
    state = state_of(file)
    refuse_other_networks(state, str(spec["timm"]), file)
    model = _create(spec, {"state_dict": dict(state)} | _shape(spec), f"weights in {file}")
    changed = resampled(state, model)
    return model, f"{file.name} ({changed})" if changed else file.name


def _fetched(spec: Mapping[str, Any], role: str) -> nn.Module:
    """Weights of the hub, or of its cache."""
    name = str(spec["timm"])
    repository, named, custom = _repository(name)
    revision = spec.get("revision")
    cached = _cached(repository, revision, named)
    if cached is None and not _reachable():
        raise _unobtainable(role, name)
    # A commit that is in the cache is taken from there without asking the hub, which may be out of reach.
    pinned = repository if not (cached or revision) else f"{repository}@{cached or revision}"
    try:
        if name.startswith(HUB):
            return _create({**spec, "timm": HUB + pinned}, {}, "weights of the hub")
        return _create(spec, {"hf_hub_id": pinned, "custom_load": custom}, "weights of the hub")
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as fault:
        raise _unobtainable(role, name) from fault


def _unobtainable(role: str, name: str) -> Unobtainable:
    return Unobtainable(
        f"the weights of {role} ({name}) are not in the hub's cache and the hub cannot be reached: run once with a "
        f"network and without HF_HUB_OFFLINE, or pass --weights {name}=FILE"
    )


def _repository(name: str) -> tuple[str, str | None, bool | str]:
    """A network's repository on the hub; its weights file there where that has a name of its own; how timm reads it."""
    if name.startswith(HUB):
        return name.removeprefix(HUB), None, False
    try:
        cfg = get_pretrained_cfg(name)
    except RuntimeError as fault:
        raise SuiteError(f"timm has no weights {name}: {one_line(fault)}") from fault
    if cfg is None or not cfg.hf_hub_id:
        raise SuiteError(f"timm knows no repository of the hub for {name}: pass --weights {name}=FILE")
    return cfg.hf_hub_id, cfg.hf_hub_filename, cfg.custom_load


def _cached(repository: str, revision: str | None, named: str | None) -> str | None:
    """The commit of the weights in the hub's cache."""
    for filename in (named,) if named else FILES:
        found = try_to_load_from_cache(repository, filename, revision=revision)
        if isinstance(found, str):
            return Path(found).parent.name
    return None


def _reachable() -> bool:
    """Whether the hub answers at all: its client would try for most of a minute to find out, for every network."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=REACHABLE_SECONDS)
    except Exception:  # noqa: BLE001 - of whichever library the client uses
        return False
    return True


def _origin(model: Any) -> str:
    """Repository and commit of the weights that timm took from the hub."""
    repository, _, revision = str(model.pretrained_cfg["hf_hub_id"]).partition("@")
    commit = _cached(repository, revision or None, model.pretrained_cfg.get("hf_hub_filename"))
    return f"{repository}@{commit or 'unknown'}"
