"""Whether a session measures what the papers measured: if its networks, weights or images are others, it is a proxy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from suite import profile as profiles
from suite.deviation import Deviation
from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.profile import Profile

PUBLISHED, PROXY = "published", "proxy"
REGISTERED = "frozen"  # the profile whose networks are the papers'
SOURCE = "images"
BESIDE = ("limit", "loaders")  # one is judged with the images, the other changes nothing
PRINTED = ("full", "full-deit-small", "full-swin-tiny")
MEASURED = (REGISTERED, "frozen-first-class")  # the profiles that measure as the papers did
DEFINES = (
    "timm",
    "overrides",
    "pretrained",
    "revision",
    "untrained",
)  # what makes a network and its control the papers'


def as_measured(profile: Profile) -> Profile:
    """The profile with the scope that its evidence can have.

    Published numbers are of certain networks, with the weights that the hub keeps, and of images of ImageNet's
    validation set. Where a profile that measures images says ``published`` and one of them is another, its scope
    becomes ``proxy`` and the difference is stated as a deviation.

    Raises:
        SuiteError: weights are given for a network that the profile does not have, or the images cannot be read.
    """
    _require_known(profile)
    if profile.scope != PUBLISHED:
        return profile
    if profile.full:
        others = tuple(_other_training(profile))
    elif profile.sections.get("data", {}).get("source") == SOURCE:
        others = tuple(_others(profile))
    elif "data" in profile.sections:
        source = profile.sections["data"].get("source")
        others = (Deviation("data", "ImageNet-1k", f"{source}, whatever the profile says of its scope"),)
    else:
        return profile
    if not others:
        return profile
    return replace(
        profile,
        scope=PROXY,
        deviations=(*profile.deviations, *others),
        modified=(*profile.modified, *(f"other {deviation.what}" for deviation in others)),
    )


def _other_training(profile: Profile) -> Iterator[Deviation]:
    """What it is not: training as printed, with the recipes, networks, weights and images of our full profiles."""
    printed = [profiles.load(name) for name in PRINTED]
    changes = [
        [
            name
            for name, ours, theirs in (
                ("data", profile.sections.get("data"), one.sections.get("data")),
                ("networks", profile.networks, one.networks),
                ("recipe", profile.sections.get("distill"), one.sections.get("distill")),
            )
            if ours != theirs
        ]
        for one in printed
    ]
    fewest = min(changes, key=len)
    if fewest:
        yield Deviation("training", "as printed", f"of its own make: {', '.join(fewest)}")
    yield from _files(profile)
    if profile.images:
        from suite.data.training import is_imagenet, located  # noqa: PLC0415 - torch and timm

        if not is_imagenet(*located(profile.section("data")["source"], profile.images)):
            yield Deviation("images", "ImageNet-1k", f"other images, from {profile.images}")


def _files(profile: Profile) -> Iterator[Deviation]:
    if profile.weights:
        files = ", ".join(f"{role} from {file.name}" for role, file in profile.weights.items())
        yield Deviation("weights", "as released, from the hub", f"files, which may hold anything: {files}")


def _require_known(profile: Profile) -> None:
    known = {*profile.networks, *(network.get("timm") for network in profile.networks.values())}
    for name in profile.weights:
        if name not in known:
            networks = ", ".join(profile.networks) or "none"
            raise SuiteError(f"--weights {name}=...: profile {profile.name} has no such network; it has {networks}")


def _others(profile: Profile) -> Iterator[Deviation]:
    papers = profiles.load(REGISTERED).networks
    changed = [
        role
        for role, network in profile.networks.items()
        if any(network.get(key) != papers.get(role, {}).get(key) for key in DEFINES)
    ]
    if changed:
        yield Deviation("networks", "timm's full-size networks", f"of their own make: {', '.join(changed)}")
    for name in ("data", "measure"):
        asked = {key: value for key, value in profile.sections.get(name, {}).items() if key not in BESIDE}
        if all(asked != profiles.load(one).sections.get(name) for one in MEASURED):
            said = ", ".join(f"{key} = {value}" for key, value in asked.items())
            yield Deviation(name, "as in the profiles that come with the suite", said or "nothing")
    yield from _files(profile)
    if profile.images:
        yield from _other_images(profile)


def _other_images(profile: Profile) -> Iterator[Deviation]:
    from suite.data.folder.choice import choose, is_imagenet_validation  # noqa: PLC0415 - torch and timm

    data = profile.section("data")
    chosen = choose(profile.images, data)
    if "limit" in data or not is_imagenet_validation(chosen):
        classes = len(set(chosen.classes))
        ours = f"{len(chosen):,} images of {classes:,} classes from {profile.images}"
        yield Deviation("images", "ImageNet-1k's validation set, the preset's share of it", ours)
