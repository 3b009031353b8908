"""The profile ``full`` at the size of a test: the same keys, small networks, JPEG crops of two photographs."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from suite import profile as profiles
from suite.studies.cells import student

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 36
CLASSES = 6  # three vertical strips of each photograph
GRID = {"img_size": 32, "patch_size": 8}
CAIT = {
    "timm": "cait_s24_224",
    "init": "narrow",
    "overrides": GRID | {"embed_dim": 24, "depth": 4, "num_heads": 2, "init_values": 0.3},
    "epochs": 6,
    "recipe": {"repeats": 1, "lr": 0.05},
    "untrained": {"init_values": 1.0},
}
RECIPE = {
    "batch": 16,
    "micro_batch": 4,
    "lr": 0.02,
    "warmup_epochs": 0,
    "ema_decay": 0.9,
    "precision": "float32",
}
CONFIG = {"embed_dim": 12, "depth": 4, "num_heads": 2, "in_chans": 3} | GRID


@cache
def _photographs():
    return load_sample_images().images


def write_images(root: Path, *, train: int = 8, validation: int = 4) -> Path:
    """Class folders of crops: the left part of a strip's height for training, the rest for validation."""
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("validation", validation)):
        for label in range(CLASSES):
            photograph = _photographs()[label // 3]
            folder = root / split / f"class{label}"
            folder.mkdir(parents=True)
            wide = photograph.shape[1] // 3
            for number in range(count):
                x = (label % 3) * wide + random.integers(wide - SIDE)
                y = random.integers(photograph.shape[0] - SIDE)
                Image.fromarray(photograph[y : y + SIDE, x : x + SIDE]).save(folder / f"{number}.jpg")
    return root


def tiny_sections(**changes):
    """The sections of ``full.toml`` with tiny values; ``changes`` are merged into them, table by table."""
    text = (profiles.FOLDER / "full.toml").read_text(encoding="utf-8")
    sections = tomllib.loads(text)
    sections["networks"]["cait"] = CAIT
    own = {
        "seeds": 2,
        "compute": {"device": "cpu", "processes": 1},
        "machine": {"loader_workers": 0},
        "data": {"size": 32, "crop_pct": 1.0},
        "distill": {
            "student": {"init": "narrow", "config": CONFIG},
            "lengths": {"standard": 2, "long": 3},
            "recipe": RECIPE,
            "evaluate": {"batch": 16, "profile": 8, "teacher": 48},
        },
    }
    return _merged(_merged(sections, own), changes)


def _merged(old, new):
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return old | {name: _merged(old.get(name), value) for name, value in new.items()}


def write_profile(path: Path, **changes) -> Path:
    """Write it as a file."""
    path.write_text("\n".join(_lines(tiny_sections(**changes))) + "\n", encoding="utf-8")
    return path


def _lines(sections, place=""):
    for name, value in sections.items():
        if not isinstance(value, dict) and not (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield f"{name} = {_value(value)}"
    for name, value in sections.items():
        if isinstance(value, dict):
            yield f"[{place}{name}]"
            yield from _lines(value, f"{place}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for entry in value:
                yield f"[[{place}{name}]]"
                yield from _lines(entry)


def _value(value):
    return json.dumps(value)


def load_profile(folder: Path, images: Path, **changes):
    """The tiny profile as a session would have it."""
    return profiles.load(str(write_profile(folder / "tiny-full.toml", **changes)), images=str(images))


LAST = {"student_layers": (-1,), "teacher_layers": (-1,)}


def asked(profile, seed=0):
    """Two students that claims ask for and whose teacher needs no training."""
    random = student("feature_mse", {**LAST, "weight": 0.2, "logits": False}, weights="random")
    return [subject(profile, seed) for subject in (student("none", architecture="lift"), random)]


def block(profile, seed=0):
    """Four students that differ in what they draw, train and tap; their teacher needs no training."""
    subjects = (
        student("projector_kd", LAST, weights="random"),  # parameters of its own
        student("projector_kd_released", LAST, weights="random"),  # batch norm
        student("vitkd", weights="random"),  # draws masks
        student("feature_mse", LAST, weights="random", length="long", architecture="wide_last"),
    )
    return [subject(profile, seed) for subject in subjects]
