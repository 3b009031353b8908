"""Whether a session measures what the papers measured: given other weights or images, it is a proxy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from suite.checkpoints import CHECKPOINTS, STUDENTS, about_repository, is_repository, named
from suite.deviation import Deviation
from suite.errors import SuiteError
from suite.profile import PROXY, PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.profile import Profile


def as_measured(profile: Profile) -> Profile:
    """The profile with the scope that its evidence can have on this machine.

    Published numbers are of the weights that the hub keeps and of ImageNet's images. Where a ``published`` profile
    is given others, its scope becomes ``proxy`` and the difference is stated as a deviation. A file that is given for a
    network which its authors released as a file is taken for theirs, and its digest is stated.

    Raises:
        SuiteError: weights are given for a network that the profile does not have, or the images cannot be read.
    """
    _require_known(profile)
    others = tuple(_others(profile))  # of every profile: images that cannot be read are one line
    if profile.scope != PUBLISHED:
        return profile
    taken = tuple(_taken(profile))
    profile = replace(profile, deviations=(*profile.deviations, *taken)) if taken else profile
    if not others:
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
        if is_repository(name):
            raise SuiteError(f"--weights {name}=...: {about_repository(name)}")
        if name not in known:
            released = next((one for one in CHECKPOINTS if one.role == name), None)
            has = f"it has {', '.join(profile.networks) or 'none'}" if released is None else released.advice
            raise SuiteError(f"--weights {name}=...: profile {profile.name} has no such network; {has}")


def _released(profile: Profile, name: str) -> bool:
    """Whether weights are given for a network that timm does not know, by its role or by what the profile calls it."""
    return named(str(profile.networks.get(name, {}).get("timm", name))) is not None


def _taken(profile: Profile) -> Iterator[Deviation]:
    """Files that are taken for those that authors released."""
    for name, file in profile.weights.items():
        if _released(profile, name):
            from suite.data.digests import file_digest  # noqa: PLC0415 - only where there is a file

            yield Deviation(
                f"file of {name}",
                "as its authors released it",
                f"{file.name}, taken for theirs: its SHA-256 begins with {file_digest(file)}",
            )


def _others(profile: Profile) -> Iterator[Deviation]:
    given = {role: file for role, file in profile.weights.items() if not _released(profile, role)}
    if given:
        files = ", ".join(f"{role} from {file.name}" for role, file in given.items())
        yield Deviation("weights", "as released, from the hub", f"files, which may hold anything: {files}")
    if profile.images and "data" in profile.sections and not _enlarging(profile):
        yield from _other_training_images(profile) if profile.full else _other_images(profile)


def _other_training_images(profile: Profile) -> Iterator[Deviation]:
    from suite.data.sets import is_imagenet  # noqa: PLC0415 - torch and timm

    if not is_imagenet(profile.section("data")["source"], profile.images):
        yield Deviation("images", "ImageNet-1k", f"other images, from {profile.images}")


def _other_images(profile: Profile) -> Iterator[Deviation]:
    from suite.data.choice import VALIDATION_IMAGES, choose, is_imagenet_validation  # noqa: PLC0415 - torch and timm

    chosen = choose(profile.images, profile.section("data"))
    papers = is_imagenet_validation(chosen)
    share = "the preset's share of it"
    if papers and _tested(profile):
        chosen = choose(profile.images, {**profile.section("data"), "preset": "all"})
        papers, share = len(chosen) == VALIDATION_IMAGES and is_imagenet_validation(chosen), "all of it"
    if not papers:
        classes = len(set(chosen.classes))
        ours = f"{len(chosen):,} images of {classes:,} {'class' if classes == 1 else 'classes'} from {profile.images}"
        yield Deviation("images", f"ImageNet-1k's validation set, {share}", ours)


def _enlarging(profile: Profile) -> bool:
    """Whether all networks enlarge images, which are then any that the profile's deviations name, not ImageNet's."""
    names = [named(str(network.get("timm"))) for network in profile.networks.values()]
    return bool(names) and all(one is not None and one not in STUDENTS for one in names)


def _tested(profile: Profile) -> bool:
    """Whether networks are tested on all validation images, not only measured on a share of them."""
    names = {network.get("timm") for network in profile.networks.values()}
    return any(one.name in names for one in STUDENTS)
