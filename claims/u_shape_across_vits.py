"""The U over depth is said of Vision Transformers at large, not of one network.

Printed in Distillation Dynamics: shown for CaiT-S24 and one plain ViT whose weights are not named, and said of
ViTs. No other network is printed, so this asks the same of the networks that the papers use elsewhere.

Cost: one pass of each pretrained network over 1,000 images.
Expect: not run before weights and images are at hand. The entropy as published follows a layer's scale, so networks
that differ in how scale grows over depth (pre-norm without LayerScale, CLIP, DINOv2) should differ in shape.
Command: ``nox -s claims -- -k u_shape_across_vits --profile frozen --images DIR``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claims.papers import DISTILLATION_DYNAMICS
from claims.u_shape import SMALLEST_U, WHY_SMALLEST_U
from suite.claim import Claim, Control, Criterion, PerSeed, Published, Quantity
from suite.judge import Region
from suite.measure.depth import u_depth
from suite.studies.cells import representation

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.evidence.cell import Result

NETWORKS = (
    "ViT-Tiny",
    "DeiT-Tiny",
    "DeiT-Small",
    "ViT-Base",
    "ViT-Large",
    "ViT-Base (MAE)",
    "ViT-Base (DINO)",
    "ViT-Base (DINOv2)",
    "ViT-Base (CLIP, OpenAI)",
)
VIEWS = {
    "entropy": ("entropy_global", "entropy", "in one histogram range for all layers, as published"),
    "standardised": (
        "entropy_standardised",
        "entropy_standardised",
        "of standardised tokens, so that no scale is left",
    ),
}


def _depth(name: str) -> Callable[[Result], float]:
    return lambda result: u_depth(result.arrays[name].mean(axis=1))


def _key(network: str) -> str:
    kept = "".join(letter if letter.isalnum() else " " for letter in network.lower())
    return "_".join(kept.split())


def _criterion(network: str, view: str) -> Criterion:
    array, probe, words = VIEWS[view]
    return Criterion(
        key=f"{view}_{_key(network)}",
        sentence=f"The entropy of {network}'s channel values, {words}, is U-shaped over depth.",
        quantity=Quantity("depth of the entropy's U over layers", "bits", "a deeper U"),
        region=Region.at_least(SMALLEST_U),
        because=WHY_SMALLEST_U,
        evidence=PerSeed((representation(network, probes=probe),), _depth(array)),
        negative_controls=(
            Control(
                "untrained",
                "the same architecture before any training has learned no encoding",
                PerSeed((representation(network, trained=False, probes=probe),), _depth(array)),
            ),
        ),
        published=(Published(DISTILLATION_DYNAMICS, "said of ViTs; shown for CaiT-S24 and one ViT", text="not shown"),),
        needs=(f"networks.{network}",),
        figure=f"depth:{array}",
    )


CLAIM = Claim(
    key="u_shape_across_vits",
    finding="u_shape",
    sentence="The U shape over depth is a property of Vision Transformers at large.",
    papers=(DISTILLATION_DYNAMICS,),
    where="Distillation Dynamics, section on entropy",
    criteria=tuple(_criterion(network, view) for network in NETWORKS for view in VIEWS),
)
