"""Co-training: K students side by side on one stream of batches and one teacher pass.

Every student has its own weights, optimiser, schedule and generator, and takes from the stream what the step's
number says. Adding, removing or reordering students therefore leaves the others bit-identical on a CPU in
float32, and a block of one student is a plain single run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from baselines.protocol import total
from suite.train.optim import optimiser, schedule, update
from suite.train.supervised import Diverged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from baselines.protocol import Method, Outputs
    from baselines.students import Tapped
    from suite.train.teacher import Batch, Stream

    Evaluate = Callable[[Tapped], Mapping[str, Any]]


@dataclass
class Student:
    """One student of a block.

    Attributes:
        key: its cell's key.
        network: the student.
        method: how it is trained.
        recipe: ``steps``, ``lr``, ``weight_decay``, ``warmup``, ``warmup_lr``, ``min_lr``, ``clip``.
        generator: source of the method's draws, private.
        teacher: which of the stream's teachers it learns from; empty for none.
        distort: changes the teacher's outputs before the method sees them (controls).
        milestones: steps after which it is evaluated; the last step always is.
        evaluate: network -> record.
        checkpoint: file to resume from and to write to.
    """

    key: str
    network: Tapped
    method: Method
    recipe: Mapping[str, Any]
    generator: torch.Generator
    evaluate: Evaluate
    checkpoint: Path
    teacher: str = ""
    distort: Callable[[Outputs], Outputs] | None = None
    milestones: tuple[int, ...] = ()
    report: Callable[[float, str], None] = lambda _fraction, _text: None
    done: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    fault: Exception | None = None

    def __post_init__(self) -> None:
        """Make optimiser and schedule over the student's and the method's own parameters; resume if possible."""
        self._both = torch.nn.ModuleDict({"student": self.network, "method": self.method})
        self._optimiser = optimiser(self._both, self.recipe)
        self._schedule = schedule(self._optimiser, self.recipe, steps=self.steps)
        self._parameters = [p for p in self._both.parameters() if p.requires_grad]
        self._sums: dict[str, float] = {}
        self._since = 0
        if self.checkpoint.is_file():
            self._resume()

    @property
    def steps(self) -> int:
        """Length of training in steps."""
        return int(self.recipe["steps"])

    @property
    def active(self) -> bool:
        """Whether there is anything left to do."""
        return self.fault is None and self.done < self.steps

    def _resume(self) -> None:
        device = next(self._both.parameters()).device
        state = torch.load(self.checkpoint, map_location=device, weights_only=True)
        self._both.load_state_dict(state["modules"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"].cpu())
        self.done, self.history = state["done"], state["history"]
        self._sums, self._since = state["sums"], state["since"]

    def save(self) -> None:
        """Write the checkpoint in one step."""
        draft = self.checkpoint.with_suffix(".draft")
        torch.save(
            {
                "modules": self._both.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "generator": self.generator.get_state(),
                "done": self.done,
                "history": self.history,
                "sums": self._sums,
                "since": self._since,
            },
            draft,
        )
        draft.replace(self.checkpoint)

    def learn(self, batch: Batch) -> None:
        """One training step; a loss or a gradient that is not finite ends this student alone."""
        self._both.train()
        self._schedule.step_update(self.done)
        given = batch.teachers[self.teacher] if self.teacher else None
        if given is not None and self.distort is not None:
            given = self.distort(given)
        taps = self.method.taps
        outputs = self.network(batch.pixels, **taps.of_student.keywords())
        terms = self.method(outputs, given, batch.labels, generator=self.generator, progress=self.done / self.steps)
        loss = total(terms)
        if self._diverged("loss", float(loss.detach()), terms):
            return
        norm = update(loss, self._optimiser, self._parameters, self.recipe["clip"])
        self.method.after_step()
        if self._diverged("gradient", norm, terms):
            return
        for name, value in {**terms, "loss": loss}.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())
        self._sums["gradient"] = self._sums.get("gradient", 0.0) + norm
        self._since += 1
        self.done += 1
        if self.done in self.milestones or self.done == self.steps:
            self._record()

    def _diverged(self, what: str, value: float, terms: Mapping[str, torch.Tensor]) -> bool:
        """Whether a number of this step is not finite, which ends the student."""
        if math.isfinite(value):
            return False
        values = ", ".join(f"{name} {float(term.detach()):.3g}" for name, term in terms.items())
        self.fault = Diverged(f"the {what} became {value} at step {self.done} ({values})")
        return True

    def _record(self) -> None:
        means = {name: value / self._since for name, value in self._sums.items()}
        self._both.eval()
        record = {"step": self.done, **means, **self.evaluate(self.network)}
        self.history.append(record)
        self._sums, self._since = {}, 0
        shown = f", accuracy {record['accuracy']:.1f} %" if "accuracy" in record else ""
        self.report(self.done / self.steps, f"step {self.done}/{self.steps}{shown}")


def train(students: Sequence[Student], stream: Stream, *, every: int = 200) -> None:
    """Train all students to their last step, in place.

    Args:
        students: some may have resumed further than others; each takes part from its own next step on.
        stream: where batches come from; asked once per step for all students.
        every: steps between checkpoints.
    """
    position = min((student.done for student in students if student.active), default=0)
    while any(student.active for student in students):
        batch = stream.batch(position)
        for student in students:
            if student.active and student.done == position:
                _learn(student, batch)
        position += 1
        if position % every == 0:
            save(students)
    save(students)


def _learn(student: Student, batch: Batch) -> None:
    """One step of one student; what its method or its evaluation raises is its own fault."""
    try:
        student.learn(batch)
    except (ValueError, RuntimeError) as fault:
        student.fault = fault


def save(students: Iterable[Student]) -> None:
    """Checkpoint all students that have not failed."""
    for student in students:
        if student.fault is None:
            student.save()
