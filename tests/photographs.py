"""Folders of crops of scikit-learn's two photographs: natural images that every checkout has."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 48


@cache
def photographs():
    return load_sample_images().images


def crop(number, side=SIDE):
    """A crop of one of the photographs, the same for the same number."""
    photograph = photographs()[number % 2]
    generator = np.random.default_rng(number)
    row, column = (generator.integers(length - side) for length in photograph.shape[:2])
    return Image.fromarray(photograph[row : row + side, column : column + side])


def class_folders(root: Path, classes=("ant", "bee", "cat"), each=4, side=SIDE, name="{:03d}.JPEG", sizes=1):
    """One folder of images for each class, of one or several sizes; gives the root."""
    for number, folder in enumerate(classes):
        (root / folder).mkdir(parents=True)
        for image in range(each):
            crop(number * each + image, side + (number + image) % sizes).save(
                root / folder / name.format(image), quality=90
            )
    return root


def truncate(path: Path):
    """Leave the first half of a file: it opens as an image and cannot be decoded."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
