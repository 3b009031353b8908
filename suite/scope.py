"""Whether a session measures what the papers measured: given other weights or images, it is a proxy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from suite.deviation import Deviation
from suite.errors import SuiteError
from suite.profile import PROXY, PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.profile import Profile


def as_measured(profile: Profile) -> Profile:
    """The profile with the scope that its evidence can have on this machine.

    Published numbers are of the weights that the hub keeps and of ImageNet's images. Where a ``published`` profile
    is given others, its scope becomes ``proxy`` and the difference is stated as a deviation.

    Raises:
        SuiteError: weights are given for a network that the profile does not have, or the images cannot be read.
    """
    _require_known(profile)
    others = tuple(_others(profile))  # of every profile: images that cannot be read are one line
    if not others or profile.scope != PUBLISHED:
        return profile
    return replace(
        profile,
        scope=PROXY,
        deviations=(*profile.deviations, *others),
        modified=(*profile.modified, *(f"other {deviation.what}" for deviation in others)),
    )


def _require_known(profile: Profile) -> None:
    known = {*profile.networks, *(network.get("timm") for network in profile.networks.values())}
    for name in profile.weights:
        if name not in known:
            networks = ", ".join(profile.networks) or "none"
            raise SuiteError(f"--weights {name}=...: profile {profile.name} has no such network; it has {networks}")


def _others(profile: Profile) -> Iterator[Deviation]:
    if profile.weights:
        files = ", ".join(f"{role} from {file.name}" for role, file in profile.weights.items())
        yield Deviation("weights", "as released, from the hub", f"files, which may hold anything: {files}")
    if profile.images and "data" in profile.sections:
        yield from _other_training_images(profile) if profile.full else _other_images(profile)


def _other_training_images(profile: Profile) -> Iterator[Deviation]:
    from suite.data.sets import is_imagenet  # noqa: PLC0415 - torch and timm

    if not is_imagenet(profile.section("data")["source"], profile.images):
        yield Deviation("images", "ImageNet-1k", f"other images, from {profile.images}")


def _other_images(profile: Profile) -> Iterator[Deviation]:
    from suite.data.choice import choose, is_imagenet_validation  # noqa: PLC0415 - torch and timm

    chosen = choose(profile.images, profile.section("data"))
    if not is_imagenet_validation(chosen):
        classes = len(set(chosen.classes))
        ours = f"{len(chosen):,} images of {classes:,} {'class' if classes == 1 else 'classes'} from {profile.images}"
        yield Deviation("images", "ImageNet-1k's validation set, the preset's share of it", ours)
