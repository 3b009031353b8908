"""Checkpoints that authors released and timm does not know: what profiles call them, and which role takes a file.

A profile names such a network ``timm = "released:lift"``; its weights are always given, as ``--weights ROLE=FILE``.
Nothing here imports torch: what is said of a file that is given for another role is said when a session is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

PREFIX = "released:"  # before the name, where profiles write timm's
REPOSITORY = "Huiyuancs/Encoding_Mismatch"  # on the hub: two training checkpoints, and no network that timm could build


@dataclass(frozen=True)
class Checkpoint:
    """A released file.

    Attributes:
        role: what the suite's profiles call the network.
        title: what the paper calls it.
        paper: whose.
        profile: the profile that asks for it.
        file: where it lies in the authors' repository.
        marks: names of weights that only it has, by their beginnings.
    """

    role: str
    title: str
    paper: str
    profile: str
    file: str
    marks: tuple[str, ...]

    @property
    def name(self) -> str:
        """What a profile writes in place of timm's name."""
        return f"{PREFIX}{self.role}"

    @property
    def advice(self) -> str:
        """How it is given."""
        return f"pass it as --weights {self.role}=FILE with --profile {self.profile}"


CLASSIFIERS = "released-weights"  # the profile that asks for networks which tell ImageNet's classes apart
CHECKPOINTS = (
    Checkpoint(
        "lift",
        "Lift",
        "Encoding Mismatch",
        CLASSIFIERS,
        "models/Lift/pytorch_model.pth",
        ("base_model.", "projections.11."),
    ),
    Checkpoint(
        "wide_last",
        "WideLast",
        "Encoding Mismatch",
        CLASSIFIERS,
        "models/WideLast/pytorch_model.pth",
        ("blocks.11.proj_in.", "blocks.11.proj_norm."),
    ),
    *(
        Checkpoint(
            f"mdbn_x{scale}",
            f"MDBN x{scale}",
            "Multi-Depth Branch Network",
            "released-mdbn",
            f"experiments/pretrained_models/MDBN_x{scale}.pth",
            ("conv_after_body.", "body.0.baseblock1.uconv1."),
        )
        for scale in (2, 3, 4)
    ),
)
STUDENTS = tuple(one for one in CHECKPOINTS if one.profile == CLASSIFIERS)


def named(name: str) -> Checkpoint | None:
    """The checkpoint that a profile's network is, by what it writes in place of timm's name; None for timm's own."""
    return next((one for one in CHECKPOINTS if one.name == name), None)


def found_in(names: Collection[str]) -> Checkpoint | None:
    """The checkpoint that weights of these names come from; None for any other network."""
    for one in CHECKPOINTS:
        if all(any(name.startswith(mark) for name in names) for mark in one.marks):
            return one
    return None


def is_repository(text: str) -> bool:
    """Whether this names the repository of the two students, with or without timm's prefix for the hub."""
    return (
        text.replace("_", "-").lower().removeprefix("hf-hub:").partition("@")[0] == REPOSITORY.replace("_", "-").lower()
    )


def about_repository(text: str) -> str:
    """What to do with the repository of the two students, in one line."""
    files = " and ".join(f"{one.file} as --weights {one.role}=FILE" for one in STUDENTS)
    return (
        f"{text} holds two training checkpoints and no network that timm could build: fetch {files}, with --profile "
        f"{CLASSIFIERS}"
    )
