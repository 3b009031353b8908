"""Tiny cells of every study, made by hand: seconds for a whole block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from suite.evidence.cell import Cell, Result
from suite.measure.probes import names
from suite.run.execute import execute

if TYPE_CHECKING:
    import numpy as np

    from suite.evidence.store import Store

DATA = {"source": "digits", "size": 8, "test": 1400, "validation": 97, "split_seed": 0, "mean": 0.3, "std": 0.4}
GRID = {"img_size": 8, "patch_size": 2, "in_chans": 1}
VIEWS = {"rotate": 5, "scale": 0.1, "shear": 0.05, "shift": 0.05, "occlude": 1, "noise": 0.05}
CAIT = {
    "timm": "cait_s24_224",
    "init": "narrow",
    "overrides": GRID | {"embed_dim": 16, "depth": 2, "num_heads": 2, "init_values": 0.5},
}
ADAM = {"lr": 8e-3, "weight_decay": 0.05, "schedule": "step", "warmup": 0.1, "clip": 5.0}
LOOK = {"milestones": [0.5, 1.0], "views": 2, "batch": 700, "profile": 10}
FEW, BATCH, PER_EPOCH = 24, 12, 2
TRAINING = ADAM | {"epochs": 8, "batch": 30}
STUDENT = GRID | {"embed_dim": 8, "depth": 2, "num_heads": 2}
EPOCHS, TEST_VIEWS, TRAIN = 3, 2 * 1400, 300
NONE = {"name": "none", "options": {}}
NO_TEACHER = {"network": {}, "weights": ""}


def network(seed: int = 0, **changes) -> Cell:
    spec = {
        "data": DATA,
        "augmentation": VIEWS,
        "evaluate": {"views": 0, "batch": 700, "profile": 10, "weights": True},
        "student": CAIT,
        "method": NONE,
        "teacher": NO_TEACHER,
        "target": "features",
        "recipe": TRAINING | changes,
    }
    return Cell(study="train", spec=spec, seed=seed, code="as it is")


def representation(*, trained: bool, seed: int = 0, images: int = 20, batch: int = 8, probes=None, planted="") -> Cell:
    spec = {"network": CAIT, "data": DATA, "measure": {"images": images, "batch": batch}}
    spec |= {"planted": planted} if planted else {}
    needs = {"network": network(seed)} if trained else {}
    return probing(spec, probes, seed=seed, needs=needs, group=f"{trained} {seed}")


def probing(spec, probes=None, **named) -> Cell:
    """The cells of all probes, or some, of one network, to be read as one."""
    first, *others = [
        Cell(study="measure", spec=spec | {"probe": name}, code="as it is", **named) for name in probes or names()
    ]
    return replace(first, beside=tuple(others))


def student(
    method: str,
    options=None,
    *,
    seed: int = 0,
    weights: str = "trained",
    target: str = "features",
    architecture: str = "plain",
    shape=None,
    epochs: int = EPOCHS,
    need: Cell | None = None,
    images: int = FEW,
    look=None,
    **changes,
) -> Cell:
    weights = "" if method == "none" else weights
    known = {"lift": {"width": 16}, "wide_last": {"width": 16}, "uniform_wide": {"as_large_as_wide_last_of": 16}}
    spec = {
        "data": DATA,
        "augmentation": VIEWS,
        "evaluate": LOOK | (look or {}),
        "student": {
            "architecture": architecture,
            "config": STUDENT | (shape or {}),
            "init": "narrow",
            "options": known.get(architecture, {}),
        },
        "method": {"name": method, "options": options or {}},
        "teacher": {"network": CAIT, "weights": weights},
        "target": target,
        "recipe": ADAM | {"epochs": epochs, "batch": BATCH, "images": images, "views": 2} | changes,
    }
    needs = {"teacher": need or network(seed)} if weights == "trained" else {}
    return Cell(study="train", spec=spec, seed=seed, code="as it is", needs=needs, group=f"block of seed {seed}")


def quiet(_key: str, _fraction: float, _text: str) -> None:
    """Nobody waits."""


def compute(store: Store, *cells: Cell, report=quiet):
    """Outcome by key of cells of one study."""
    return execute(store, [part for cell in cells for part in cell.parts], device="cpu", report=report)


def arrays(store: Store, cell: Cell) -> dict[str, np.ndarray]:
    """The arrays of a cell and of those beside it."""
    return dict(Result.together([store.read(part) for part in cell.parts]).arrays)


def _content(values: np.ndarray) -> tuple[np.dtype, bytes]:
    return values.dtype, values.tobytes()


def assert_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Bit for bit the same arrays."""
    assert one.keys() == other.keys()
    unequal = [
        name for name in one if one[name].tobytes() != other[name].tobytes() or one[name].dtype != other[name].dtype
    ]
    assert not unequal, unequal


class Killed(BaseException):
    """What a signal does: nothing catches it."""


class KillAfter:
    """A report that kills the process at its n-th call."""

    def __init__(self, calls: int):
        self.left = calls

    def __call__(self, _key: str, _fraction: float, _text: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed
