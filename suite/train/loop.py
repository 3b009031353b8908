"""Co-training: K students on one stream of slices and one pass of their teachers, over any number of processes.

Every student has its own weights, optimiser, schedule and checkpoint, and a step's batch and all random draws depend
on the step and the seed alone. Adding, removing or reordering students therefore leaves the others bit-identical on a
CPU in float32, and a block of one student is a plain single run. A student that joins late starts at its step 0, with
the batches and the teachers' answers that the others had there; it catches up alone, and its result is the one it
would have had from the start.

A step is made of slices (:mod:`suite.train.order`): gradients of a step's slices are averaged before its one update,
and summed over processes. Batch norm in a student or in a method's projection uses the statistics of its slice, as
one process of the papers' code does; running statistics are averaged over processes when weights are evaluated or
kept.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from suite.train.numerics import exactly
from suite.train.student import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from suite.train.distributed import Processes
    from suite.train.stream import Stream
    from suite.train.student import Student

    Evaluate = Callable[[Sequence[Student]], Mapping[str, Mapping[str, Any] | Exception]]

SHARE = 0.05  # of the time that checkpoints may take: epochs can be shorter than writing them
LATE = 600.0  # seconds between checkpoints within an epoch, at least


class _Checkpoints:
    """When to write them: after an epoch, as long as they take a small share of the time; in long epochs in between."""

    def __init__(self, processes: Processes, share: float, late: float) -> None:
        self._processes, self._share, self._late = processes, share, late
        self._saved, self._cost = time.monotonic(), 0.0

    def due(self, *, between_epochs: bool) -> bool:
        """Whether to write one now; all processes are told the same."""
        waited, least = time.monotonic() - self._saved, self._cost / self._share
        if between_epochs:
            return bool(self._processes.from_leader(waited >= least))
        # Within an epoch several processes hold different running statistics, of which one's alone would be kept.
        return self._processes.count == 1 and waited >= max(self._late, least)

    def write(self, students: Sequence[Student]) -> None:
        """Those of all students that have not failed."""
        began = time.monotonic()
        for student in students:
            if student.fault is None:
                student.save()
        self._saved = time.monotonic()
        self._cost = self._saved - began


def train(
    students: Sequence[Student],
    stream: Stream,
    *,
    processes: Processes,
    evaluate: Evaluate,
    share: float = SHARE,
    late: float = LATE,
) -> None:
    """Train all students to their last step, in place; those furthest behind go first.

    Args:
        students: some may have resumed further than others.
        stream: this process's slices.
        processes: who else computes.
        evaluate: measures students together, by key; the fault of one whose outputs cannot be measured.
        share: of the time that checkpoints may take.
        late: seconds between checkpoints within an epoch.
    """
    checkpoints = _Checkpoints(processes, share, late)
    started, steps = time.monotonic(), 0
    with exactly():
        while any(student.active for student in students):
            position = min(student.done for student in students if student.active)
            due = [student for student in students if student.active and student.done == position]
            _step(due, stream, processes)
            steps += 1
            well = [student for student in due if student.fault is None]
            ended = [student for student in well if student.between_epochs]
            for student in ended:
                student.settle_buffers()
            measured = [student for student in ended if student.due]
            if measured:
                speed = steps * stream.order.batch / (time.monotonic() - started)
                _record(measured, evaluate(measured), speed)
                started, steps = time.monotonic(), 0
            if well and checkpoints.due(between_epochs=bool(ended)):
                checkpoints.write(students)
        if checkpoints.due(between_epochs=True):
            checkpoints.write(students)
    stream.close()


def _step(due: Sequence[Student], stream: Stream, processes: Processes) -> None:
    """One step of students that stand at one position."""
    for student in due:
        student.begin()
    for number, batch in stream.step(due[0].done):
        for student in due:
            student.learn(batch, number)
        del batch
    _agree_on_faults(due, processes)
    well = [student for student in due if student.fault is None]
    for student, numbers in zip(well, _numbers(well, processes), strict=True):
        student.finish(numbers)
    _agree_on_faults(well, processes)


def _numbers(students: Sequence[Student], processes: Processes) -> list[dict[str, float]]:
    """Terms and gradient norm of every student, over all processes; the one time a step waits for its device."""
    if not students:
        return []
    found = [student.gathered() for student in students]
    terms = torch.cat([values[:-1] for values in found])
    processes.add_up([terms])
    read = torch.cat([terms, *(values[-1:] for values in found)]).tolist()
    norms, numbers, first = read[len(terms) :], [], 0
    for student, norm in zip(students, norms, strict=True):
        *names, gradient = student.named
        values = read[first : first + len(names)]
        numbers.append(dict(zip(names, values, strict=True)) | {gradient: norm})
        first += len(names)
    return numbers


def _agree_on_faults(students: Sequence[Student], processes: Processes) -> None:
    """A student that broke in one process has failed in all: nobody waits for gradients that will not come."""
    own = {student.key: str(student.broken) for student in students if student.broken and not student.fault}
    if processes.count > 1:
        flag = torch.tensor([float(bool(own))])
        processes.add_up([flag])
        if not bool(flag):
            return
    elif not own:
        return
    said = processes.gather(own)
    for student in students:
        texts = [f"{found[student.key]} (in process {rank})" for rank, found in enumerate(said) if student.key in found]
        if texts:
            student.fail(Broken(texts[0]))


def _record(measured: Sequence[Student], found: Mapping[str, Mapping[str, Any] | Exception], speed: float) -> None:
    for student in measured:
        values = found[student.key]
        if isinstance(values, Exception):
            student.fail(values)
        else:
            student.record(values, speed=speed)
