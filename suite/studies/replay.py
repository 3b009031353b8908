"""Train a student that diverged once more, alone, up to the step at which it did, and look at that step closely.

Students of a block do not depend on their company, nor on where they resume, so what is computed is what was computed:
bit for bit on a CPU, to rounding on a GPU and where several processes summed gradients.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch

from suite.errors import SuiteError, one_line
from suite.run.keepsake import CHECKPOINT, FOLDER, read
from suite.studies.train import Block, _student, _Teachers
from suite.train.distributed import Processes
from suite.train.loop import _numbers, _step
from suite.train.numerics import eagerly, exactly
from suite.train.student import Diverged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from suite.evidence.cell import Cell, Result
    from suite.evidence.store import Store
    from suite.run.keepsake import Keepsake
    from suite.train.stream import Stream
    from suite.train.student import Student

ALONE = Processes()


@dataclass
class Slice:
    """One slice of the step, the images that go through the network at once.

    Attributes:
        images: their numbers in the training set.
        terms: the terms of the loss.
        layer: the first module of the network whose output is not finite; empty if all are.
    """

    images: list[int]
    terms: dict[str, float] = field(default_factory=dict)
    layer: str = ""


@dataclass
class Replayed:
    """What was found.

    Attributes:
        kept: where the training ended then.
        resumed: the step that it went on from.
        weights: SHA-256 of the student's and its method's weights before the step.
        slices: of the step.
        gradients: parameters whose gradient is not finite.
        fault: how the step ended now; empty if well.
    """

    kept: Keepsake
    resumed: int = 0
    weights: str = ""
    slices: list[Slice] = field(default_factory=list)
    gradients: list[str] = field(default_factory=list)
    fault: str = ""

    @property
    def same(self) -> bool:
        """Whether it ended as it did then, with the same numbers."""
        return self.fault == self.kept.reason


@dataclass
class _Bench:
    """A workplace that writes nothing to the evidence."""

    cell: Cell
    device: str
    checkpoints: Path
    store: Store
    say: Callable[[str], None]

    @property
    def folder(self) -> Path:
        """Nothing is put here."""
        return self.checkpoints

    def need(self, role: str) -> Result:
        """The finished result of one of the cell's needs."""
        return self.store.read(self.cell.needs[role])

    def report(self, _fraction: float, text: str) -> None:
        """Tell the person who waits."""
        self.say(text)


def replay(store: Store, cell: Cell, *, device: str, say: Callable[[str], None]) -> Replayed:
    """Take the step again at which a training ended in numbers that are none.

    Args:
        store: which holds the failed cell.
        cell: the training.
        device: where to compute it.
        say: told how far it is.

    Raises:
        SuiteError: nothing was kept of it.
    """
    kept = read(store.folder(cell.key))
    if kept is None:
        raise SuiteError(f"{cell.key}: nothing is kept to replay: only a training that diverged leaves something")
    with TemporaryDirectory() as scratch, exactly():
        if kept.digest:
            shutil.copy(store.folder(cell.key) / FOLDER / CHECKPOINT, scratch)
        bench = _Bench(cell, device, Path(scratch), store, say)
        block = Block([bench])
        teachers = _Teachers(block, [bench])
        student = _student(bench, block, teachers.shape_of(cell.spec["teacher"]["weights"]))
        found = Replayed(kept, resumed=student.done)
        stream = block.stream(teachers.networks, [student])
        while student.active and student.done < kept.step:
            _step([student], stream, ALONE)
        found.weights = _digest(student)
        if student.fault is not None:  # sooner than it did then
            found.fault = one_line(student.fault)
        elif kept.taken:
            _evaluate(student, block, found)
        else:
            _look(student, stream, found)
        stream.close()
    return found


def _digest(student: Student) -> str:
    total = hashlib.sha256()
    for name, value in sorted(student.both.state_dict().items()):
        total.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


def _evaluate(student: Student, block: Block, found: Replayed) -> None:
    images = block.sets.evaluation
    _, finite = block.right({"it": student.network}, images, range(len(images)))["it"]
    if not finite:
        found.fault = one_line(Diverged(f"an output is NaN or infinite after step {student.done}"))


def _look(student: Student, stream: Stream, found: Replayed) -> None:
    """One step, slice by slice."""
    step = student.done
    student.begin()
    with eagerly():
        for number, batch in stream.step(step):
            one = Slice([view.image for view in stream.order.slice(step, number)])
            found.slices.append(one)
            with _watched(student, one):
                student.learn(batch, number)
    named = student.both.named_parameters()
    found.gradients = [name for name, p in named if p.grad is not None and not bool(p.grad.isfinite().all())]
    if student.broken is None:
        student.finish(_numbers([student], ALONE)[0])
    fault = student.fault or student.broken
    found.fault = "" if fault is None else one_line(fault)


@contextmanager
def _watched(student: Student, one: Slice) -> Iterator[None]:
    """Take down the terms of the loss, and the first module whose output is not finite."""
    terms = student.terms

    def noted(*given: Any, **named: Any) -> Mapping[str, torch.Tensor]:
        computed = terms(*given, **named)
        one.terms = {name: float(value.detach()) for name, value in computed.items()}
        return computed

    def watch(name: str) -> Callable[..., None]:
        def note(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
            if not one.layer and isinstance(output, torch.Tensor) and not bool(output.isfinite().all()):
                one.layer = name

        return note

    hooks = [module.register_forward_hook(watch(name)) for name, module in student.network.named_modules() if name]
    student.terms = noted  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        student.terms = terms  # type: ignore[method-assign]
        for hook in hooks:
            hook.remove()


def lines(found: Replayed) -> Iterator[str]:
    """What was found, for people."""
    kept = found.kept
    yield f"ended then:     {kept.reason}"
    source = f"its checkpoint of step {found.resumed}" if kept.digest else "its beginning"
    yield f"goes on from:   {source}, seed {kept.seed}; weights before step {kept.step}: sha256 {found.weights[:16]}"
    for number, one in enumerate(found.slices):
        images = f"{len(one.images)} images ({', '.join(map(str, one.images[:4]))}, ...)"
        terms = ", ".join(f"{name} {value:.4g}" for name, value in one.terms.items())
        finite = all(map(math.isfinite, one.terms.values()))
        where = f"; not finite from {one.layer} on" if one.layer else "; every layer's output is finite"
        yield f"slice {number}:        {images}: {terms}{'' if finite and not one.layer else where}"
    if found.gradients:
        more = f" and {len(found.gradients) - 3} more" if len(found.gradients) > 3 else ""
        yield f"gradients:      not finite in {', '.join(found.gradients[:3])}{more}"
    yield f"ends now:       {found.fault or 'the step is taken, and nothing is wrong with it'}"
    if found.same:
        yield "so it is the step: the same numbers"
    elif found.fault:
        yield "it ends, with other numbers: sums in another order, or another device"
    else:
        yield "so it was not the step alone: the machine, or sums in another order"
