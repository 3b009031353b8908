"""The networks of a training: students, and teachers that are pretrained, trained by us, or as initialised."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from timm.layers import DropPath  # type: ignore[attr-defined]
from torch import nn

from baselines.students import Tapped, ViTConfig, build_student
from suite.models import build, choose_attention, initialiser
from suite.models.columns import columns_of
from suite.models.pretrained import load_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from baselines.protocol import Network, Outputs

WEIGHTS, AVERAGED = "weights.safetensors", "weights-ema.safetensors"
FUSED = "suite.models.fused_cait"  # by name: it enters the key of a cell only where it is used


class Columns(nn.Module):
    """A tapped network of which only some logits are used: a teacher of more classes than there are images of."""

    columns: torch.Tensor

    def __init__(self, network: Tapped, columns: Sequence[int]) -> None:
        super().__init__()
        self.whole = network
        self.register_buffer("columns", torch.tensor(columns), persistent=False)

    def forward(self, images: torch.Tensor, layers: Iterable[int] = (), **asked: Any) -> Outputs:
        """See :class:`baselines.students.Tapped`."""
        outputs: Outputs = self.whole(images, layers, **asked)
        return replace(outputs, logits=outputs.logits[:, self.columns])

    def network(self, example: torch.Tensor) -> Network:
        """The shapes, with the classes that are used."""
        return replace(self.whole.network(example), classes=len(self.columns))


def open_teacher(
    spec: Mapping[str, Any],
    *,
    classes: Sequence[str],
    count: int,
    seed: int,
    file: str = "",
    trained: Path | None = None,
    order: str = "",
) -> Tapped | Columns:
    """The teacher of a cell.

    Args:
        spec: the cell's ``teacher`` section: ``network`` and ``weights`` (``trained`` or ``random``).
        classes: names of the classes, where known.
        count: how many classes.
        seed: of a random teacher.
        file: weights of a pretrained one; empty for the hub's cache.
        trained: folder of the cell that trained it, if the suite did.
        order: ``head`` if the profile says that the classes are in the order of the teacher's head.

    Raises:
        SuiteError: the weights cannot be had, or are of other classes.
    """
    network = spec["network"]
    if trained is not None and spec["weights"] != "random":
        return restore(trained, network, classes=count, seed=seed)
    if spec["weights"] == "random":
        tapped = Tapped(_fused(build({**network, "pretrained": False}, classes=count, seed=seed), network))
    else:
        loaded = load_network(network, seed=seed, file=Path(file) if file else None)
        tapped = Tapped(_fused(loaded.model, network))
    columns = columns_of(
        list(classes) or [str(number) for number in range(count)],
        outputs=tapped.backbone.num_classes,
        network=network["timm"],
        trained_on_them=spec["weights"] == "random",
        order=order,
    )
    return tapped if columns is None else Columns(tapped, columns)


def restore(folder: Path, spec: Mapping[str, Any], *, classes: int, seed: int) -> Tapped:
    """The trained network of a finished cell.

    Args:
        folder: the cell's.
        spec: the network, as the cell names it.
        classes: of its head.
        seed: the cell's.
    """
    tapped = Tapped(build({**spec, "pretrained": False}, classes=classes, seed=seed))
    tapped.load_state_dict(load_file(folder / WEIGHTS))
    _fused(tapped.backbone, spec)
    return tapped.eval()


def _fused(model: nn.Module, spec: Mapping[str, Any]) -> nn.Module:
    if spec.get("fused"):
        import_module(FUSED).fuse(model)
    return model


def set_drop_path(network: nn.Module, rate: float) -> None:
    """Stochastic depth as timm sets it in Vision Transformers: from 0 at the first block to ``rate`` at the last."""
    blocks = [module for module in network.modules() if hasattr(module, "drop_path1")]
    for block, own in zip(blocks, torch.linspace(0, rate, len(blocks), device="cpu").tolist(), strict=True):
        for name in ("drop_path1", "drop_path2"):
            if hasattr(block, name):
                setattr(block, name, DropPath(own) if own > 0 else nn.Identity())


def spared(network: Tapped) -> frozenset[str]:
    """Names of the parameters that timm's optimisers spare from weight decay: what the backbone says itself."""
    said = getattr(network.backbone, "no_weight_decay", None)
    return frozenset(f"backbone.{name}" for name in said()) if said is not None else frozenset()


def make_student(spec: Mapping[str, Any], *, classes: int, drop_path: float, seed: int) -> Tapped:
    """The student of a cell: one of ``baselines.students``, or a timm network.

    Args:
        spec: ``architecture`` with ``config``, ``init`` and ``options``; or ``timm`` with ``overrides``.
        classes: of its head.
        drop_path: stochastic depth at the last block.
        seed: of its initial weights.
    """
    if "timm" in spec:  # families differ in how depth enters, and in their defaults (Swin's is not 0)
        overrides = {**spec.get("overrides", {}), "drop_path_rate": drop_path}
        network = Tapped(build({**spec, "overrides": overrides}, classes=classes, seed=seed))
    else:
        config = ViTConfig(**spec["config"], num_classes=classes)
        choose_attention(spec["config"])
        options, init = dict(spec["options"]), initialiser(spec["init"])
        width = options.pop("as_large_as_wide_last_of", None)
        if width is not None:
            large = build_student("wide_last", config, generator=_from(seed), options={"width": width})
            options["parameters"] = sum(p.numel() for p in large.parameters())
        network = build_student(spec["architecture"], config, generator=_from(seed), init=init, options=options)
        set_drop_path(network, drop_path)
    return network


def _from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
