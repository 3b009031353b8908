"""Co-training at the papers' scale: K students on one teacher pass per slice, over any number of processes.

Like :mod:`suite.train.block`, in that every student has its own weights, optimiser, schedule and checkpoint, and in
that a step's batch and all random draws depend on the step and the seed alone. So a student may join or leave a block
at any restart: its own checkpoint says at which step it is. One that joins late starts at its step 0, with the
batches and the teacher's answers that the others had there; it catches up alone, at the price of those teacher
passes, and its result is the one it would have had from the start.

Unlike there, a step is made of slices (:mod:`suite.train.order`): gradients of a step's slices are averaged before
its one update, and summed over processes. Batch norm in a student or in a method's projection uses the statistics
of its slice, as one process of the papers' code does; running statistics are averaged over processes when weights
are evaluated or kept.
"""

from __future__ import annotations

import io
import math
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from timm.scheduler import create_scheduler_v2  # type: ignore[attr-defined]
from timm.utils import ModelEmaV3  # type: ignore[attr-defined]
from torch import nn

from baselines.protocol import Reading, total
from suite.errors import Stopped, one_line
from suite.seeding import drawing_from, mixed_seed
from suite.train.optim import optimiser
from suite.train.supervised import Diverged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from baselines.protocol import Method, Outputs
    from baselines.students import Tapped
    from suite.train.distributed import Processes
    from suite.train.slices import Numerics, Slices
    from suite.train.teacher import Batch

# The papers' engine steps its schedule after an epoch, so that the first two epochs share the first rate.
LAG = 1
# Half precision reaches 65,504: at a smaller scale than this only gradients beyond 1e9 would overflow.
LEAST_SCALE = 2.0**-14


def rate(recipe: Mapping[str, Any]) -> float:
    """Peak learning rate: the recipe's rate is for ``lr_batch`` images and grows with the global batch."""
    return float(recipe["lr"]) * float(recipe["batch"]) / float(recipe["lr_batch"])


class Schedule:
    """Linear warm-up by epochs, then a cosine, constant within an epoch (timm's)."""

    def __init__(self, made: torch.optim.Optimizer, recipe: Mapping[str, Any], *, epochs: int) -> None:
        """Take over the optimiser's rate.

        Args:
            made: the optimiser.
            recipe: ``warmup_epochs``, ``warmup_lr``, ``min_lr``.
            epochs: length of training.
        """
        self._schedule, _ = create_scheduler_v2(
            made,
            sched="cosine",
            num_epochs=epochs,
            warmup_epochs=recipe["warmup_epochs"],
            warmup_lr=recipe["warmup_lr"],
            min_lr=recipe["min_lr"],
        )

    def enter(self, epoch: int) -> None:
        """Set the rate of an epoch."""
        self._schedule.step(max(0, epoch - LAG))


@dataclass
class FullStudent:
    """One student of a block, the same on every process.

    Attributes:
        key: its cell's key.
        label: its name for people.
        network: the student, on the CPU in float32.
        method: how it is trained, likewise.
        recipe: ``epochs``, ``batch``, ``lr``, ``lr_batch``, ``weight_decay``, ``warmup_epochs``, ``warmup_lr``,
            ``min_lr``, ``clip`` (0: none), ``ema_decay``.
        steps_per_epoch: of the block.
        slices: slices of a step, over all processes.
        seed: of the method's draws and of stochastic depth.
        numerics: where and how to compute.
        processes: who else computes.
        checkpoint: file to resume from and to write to; the leader's alone is used.
        teacher: which teacher it learns from; empty for none.
        distort: changes the teacher's outputs before the method sees them (controls).
        report: told the share done and a line for people.
    """

    key: str
    label: str
    network: Tapped
    method: Method
    recipe: Mapping[str, Any]
    steps_per_epoch: int
    slices: int
    seed: int
    numerics: Numerics
    processes: Processes
    checkpoint: Path
    teacher: str = ""
    distort: Callable[[Outputs], Outputs] | None = None
    report: Callable[[float, str], None] = lambda _fraction, _text: None
    done: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    fault: Exception | None = None

    def __post_init__(self) -> None:
        """Make optimiser, schedule and weight average; resume if there is a checkpoint."""
        self.both = nn.ModuleDict({"student": self.network, "method": self.method})
        self.numerics.place(self.network)
        self.numerics.place(self.method, compiled=False)
        self.average = ModelEmaV3(self.network, decay=self.recipe["ema_decay"])
        self._optimiser = optimiser(self.both, {**self.recipe, "lr": rate(self.recipe)})
        self._schedule = Schedule(self._optimiser, self.recipe, epochs=self.recipe["epochs"])
        self._scaler = torch.amp.GradScaler(self.numerics.device, enabled=self.numerics.scaled)
        self._parameters = [p for p in self.both.parameters() if p.requires_grad]
        self._draws = any(getattr(m, "drop_prob", 0) or getattr(m, "p", 0) for m in self.network.modules())
        self._sums: dict[str, float] = {}
        self._since = 0
        self._terms: dict[str, torch.Tensor] = {}
        self._broken: Exception | None = None
        self._resume()
        self.processes.require_equal(self.both.parameters(), f"the weights of {self.label}")

    @property
    def steps(self) -> int:
        """Length of training in steps."""
        return int(self.recipe["epochs"]) * self.steps_per_epoch

    @property
    def active(self) -> bool:
        """Whether there is anything left to do."""
        return self.fault is None and self.done < self.steps

    @property
    def broken(self) -> bool:
        """Whether something went wrong in this process since the last update."""
        return self._broken is not None

    # ------------------------------------------------------------------ checkpoints

    def _resume(self) -> None:
        """Continue from what the leader finds; the others need not see its disk."""
        mine = self.checkpoint.read_bytes() if self.processes.leader and self.checkpoint.is_file() else None
        content = self.processes.from_leader(mine)
        if content is None:
            return
        state = torch.load(io.BytesIO(content), map_location=self.numerics.device, weights_only=True)
        self.both.load_state_dict(state["modules"])
        self.average.module.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self.done, self.history = state["done"], state["history"]
        self._sums, self._since = state["sums"], state["since"]

    def save(self) -> None:
        """Write the checkpoint in one step; no generator is kept, since no draw depends on an earlier one."""
        if not self.processes.leader:
            return
        draft = self.checkpoint.with_suffix(".draft")
        torch.save(
            {
                "modules": self.both.state_dict(),
                "average": self.average.module.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "scaler": self._scaler.state_dict(),
                "done": self.done,
                "history": self.history,
                "sums": self._sums,
                "since": self._since,
            },
            draft,
        )
        draft.replace(self.checkpoint)

    # ------------------------------------------------------------------ one step

    def begin(self) -> None:
        """Before a step's first slice."""
        self.both.train()
        self._schedule.enter(self.done // self.steps_per_epoch)
        self._optimiser.zero_grad(set_to_none=True)
        self._terms, self._broken = {}, None

    def learn(self, batch: Batch, number: int) -> None:
        """Gradients of one slice, added to the step's; what the method raises is kept until all processes know."""
        if self._broken is not None:
            return
        try:
            self._learn(batch, mixed_seed(self.seed, self.done, number))
        except (ValueError, RuntimeError) as fault:
            self._broken = fault

    def _learn(self, batch: Batch, seed: int) -> None:
        given = batch.teachers[self.teacher] if self.teacher else None
        if given is not None and self.distort is not None:
            given = self.distort(given)
        terms = self.terms(batch, given, seed)
        loss = total(terms)
        self._scaler.scale(loss / self.slices).backward()  # type: ignore[no-untyped-call]
        for name, value in {**terms, "loss": loss}.items():
            self._terms[name] = self._terms.get(name, 0.0) + value.detach().double() / self.slices

    def terms(self, batch: Batch, given: Outputs | None, seed: int) -> dict[str, torch.Tensor]:
        """The terms of the loss of one slice, with their graph."""
        taps = self.method.taps
        private = drawing_from(seed, device=self.numerics.device) if self._draws else nullcontext()
        with self.numerics.autocast(), private:
            outputs = self.network(batch.pixels, **taps.of_student.keywords())
        terms: dict[str, torch.Tensor] = self.method(
            outputs,
            given,
            batch.labels,
            generator=torch.Generator().manual_seed(seed),
            progress=self.done / self.steps,
        )
        return terms

    def fail(self, reason: Exception | None) -> None:
        """End this student alone, on every process: ``reason`` is another process's where this one has none."""
        own = self._broken
        self.fault = own if own is not None else reason

    def update(self) -> None:
        """Average gradients over processes and update; a loss or a gradient that is not finite ends this student."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        names = list(self._terms)
        values = torch.stack([self._terms[name] for name in names]).to(self.numerics.device)
        self.processes.add_up(gradients)
        self.processes.add_up([values])
        self._scaler.unscale_(self._optimiser)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self.recipe["clip"] or float("inf"))
        numbers = dict(zip([*names, "gradient"], [*values.tolist(), float(norm)], strict=True))
        # At a scale this low nothing overflows: the gradient itself is broken, and skipping it would go on for ever.
        scaled = self.numerics.scaled and self._scaler.get_scale() > LEAST_SCALE
        overflowed = scaled and not math.isfinite(numbers["gradient"])
        if not math.isfinite(numbers["loss"]) or not (overflowed or math.isfinite(numbers["gradient"])):
            said = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
            self.fault = Diverged(f"the loss or the gradient is not finite at step {self.done} ({said})")
            return
        self._scaler.step(self._optimiser)  # skips an update whose scaled gradients overflowed
        self._scaler.update()
        self.method.after_step()
        self.average.update(self.network)
        numbers["overflows"] = float(overflowed)
        numbers["gradient"] = 0.0 if overflowed else numbers["gradient"]
        for name, value in numbers.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._since += 1
        self.done += 1

    def record(self, measured: Mapping[str, Any], *, speed: float) -> None:
        """Close an epoch (or several) with what was measured after it; ``speed`` in images per second."""
        means = {name: value / max(1, self._since) for name, value in self._sums.items()}
        own = {"lr": float(self._optimiser.param_groups[0]["lr"]), "images_per_second": speed}
        self.history.append({"step": self.done, "epoch": self.done // self.steps_per_epoch, **means, **own, **measured})
        self._sums, self._since = {}, 0
        epoch, epochs = self.done // self.steps_per_epoch, self.recipe["epochs"]
        self.report(self.done / self.steps, f"epoch {epoch}/{epochs}, accuracy {measured.get('accuracy', 0.0):.2f} %")

    def settle_buffers(self) -> None:
        """Average batch norm's running statistics over processes."""
        buffers = [b for b in [*self.both.buffers(), *self.average.module.buffers()] if b.is_floating_point()]
        self.processes.add_up(buffers)
        for buffer in buffers if self.processes.count > 1 else ():
            buffer.div_(self.processes.count)


def train(
    students: Sequence[FullStudent],
    stream: Slices,
    *,
    processes: Processes,
    evaluate: Callable[[Sequence[FullStudent]], Mapping[str, Mapping[str, Any]]],
    every: int = 1,
) -> None:
    """Train all students to their last step, in place; those furthest behind go first.

    Args:
        students: some may have resumed further than others.
        stream: this process's slices.
        processes: who else computes.
        evaluate: measures students together, by key.
        every: epochs between evaluations; the last epoch is always evaluated. Checkpoints are written after every
            epoch.
    """
    started, steps = time.monotonic(), 0
    while any(student.active for student in students):
        position = min(student.done for student in students if student.active)
        due = [student for student in students if student.active and student.done == position]
        _step(due, stream, processes, position)
        steps += 1
        ended = [student for student in due if student.fault is None and student.done % student.steps_per_epoch == 0]
        if not ended:
            continue
        for student in ended:
            student.settle_buffers()
        epoch = ended[0].done // ended[0].steps_per_epoch
        measured = [student for student in ended if epoch % every == 0 or not student.active]
        if measured:
            speed = steps * stream.order.batch / (time.monotonic() - started)
            found = evaluate(measured)
            for student in measured:
                student.record(found[student.key], speed=speed)
            started, steps = time.monotonic(), 0
        for student in ended:
            student.save()
    stream.close()


def _step(due: Sequence[FullStudent], stream: Slices, processes: Processes, position: int) -> None:
    """One step of the students at a position."""
    wanted: dict[str, Reading] = {}
    for student in due:
        student.begin()
        if student.teacher:
            wanted[student.teacher] = wanted.get(student.teacher, Reading()) | student.method.taps.of_teacher
    for number, pixels, labels in stream.step(position):
        batch = stream.taught(pixels, labels, wanted)
        for student in due:
            student.learn(batch, number)
        del batch
    _agree_on_faults(due, processes)
    for student in due:
        if student.fault is None:
            student.update()


def _agree_on_faults(due: Sequence[FullStudent], processes: Processes) -> None:
    """A student that failed in one process has failed in all: nobody waits for gradients that will not come."""
    flags = torch.tensor([float(student.broken) for student in due])
    processes.add_up([flags])
    if not bool(flags.any()):
        return
    said = processes.gather({student.key: one_line(student._broken) for student in due if student._broken})  # noqa: SLF001
    for student, flag in zip(due, flags.tolist(), strict=True):
        if flag:
            texts = [
                f"{found[student.key]} (in process {rank})" for rank, found in enumerate(said) if student.key in found
            ]
            if student.done >= student.steps_per_epoch:  # it went well before: the machine is to blame, not the method
                raise Stopped(f"{student.label} failed at step {student.done}: {texts[0]}; run again to resume")
            student.fail(RuntimeError(texts[0]))
