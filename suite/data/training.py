"""What trainings ask for, under one name."""

from suite.data.augment import Item, Still, Views
from suite.data.loader import loader, loading_workers
from suite.data.sets import ImageSets, digest, is_imagenet
from suite.data.source import NAMED, STREAMS

__all__ = [
    "NAMED",
    "STREAMS",
    "ImageSets",
    "Item",
    "Still",
    "Views",
    "digest",
    "is_imagenet",
    "loader",
    "loading_workers",
    "located",
]


def located(source: str, images: str) -> tuple[str, str]:
    """Source and root of what was given: a folder for the profile's source, or ``torch/NAME=FOLDER``, ``hfds/NAME``."""
    if not images.startswith((*NAMED, *STREAMS)):
        return source, images
    name, _, root = images.partition("=")
    return name, root
