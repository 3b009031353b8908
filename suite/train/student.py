"""One student: its state, one training step, its checkpoint.

Nothing that it draws depends on an earlier draw: the step's number and the seed say everything. So a checkpoint holds
no generator, and a student may join or leave a block at any restart.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import traceback
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from baselines.effective import effective
from baselines.protocol import total
from suite.errors import Stopped, SuiteError, one_line
from suite.seeding import drawing_from, mixed_seed
from suite.train.optim import Schedule, optimiser
from suite.train.targets import features
from suite.train.teacher import only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from baselines.protocol import Method, Outputs
    from baselines.students import Tapped
    from suite.train.distributed import Processes
    from suite.train.numerics import Numerics
    from suite.train.recipe import Recipe
    from suite.train.stream import Batch
    from suite.train.targets import Target

BEFORE = ".before"  # the checkpoint before the last one
DIGEST = hashlib.sha256().digest_size
# Half precision reaches 65,504: at a smaller scale than this only gradients beyond 1e9 would overflow.
FIRST_SCALE, LEAST_SCALE, HEALTHY = 2.0**16, 2.0**-14, 2000
MACHINE = (Stopped, torch.AcceleratorError)  # no student's fault: the block stops and resumes


class Diverged(ValueError):
    """A loss, a gradient or an output is not a finite number any more."""


class Broken(SuiteError):
    """Something that a student did raised an exception; the message names it, a note shows where."""

    @classmethod
    def by(cls, fault: Exception) -> Broken:
        """The same in words: an exception itself would keep the tensors of its frames, a whole graph, alive."""
        found = cls(one_line(fault))
        found.add_note("".join(traceback.format_exception(fault)))
        return found


class Average:
    """An exponential moving average of a network's weights and buffers, with a decay of its own."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.module = deepcopy(network).eval().requires_grad_(False)
        self._decay = decay
        pairs = list(zip(self.module.state_dict().values(), network.state_dict().values(), strict=True))
        self._floating = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the network."""
        own, new = (list(part) for part in zip(*self._floating, strict=True))
        torch._foreach_lerp_(own, new, 1.0 - self._decay)
        for count, latest in self._counts:
            count.copy_(latest)


@dataclass
class Student:
    """One student of a block, the same on every process.

    Attributes:
        key: its cell's key.
        label: its name for people.
        network: the student, on the CPU in float32.
        method: how it is trained, likewise.
        recipe: the cell's.
        steps_per_epoch: of the block.
        slices: slices of a step, over all processes.
        seed: of the method's draws and of stochastic depth.
        numerics: where and how to compute.
        processes: who else computes.
        checkpoint: file to resume from and to write to; the leader's alone is used.
        milestones: epochs, counted from 1, after which it is evaluated.
        spared: names of the network's parameters that are not decayed, besides those of one dimension.
        teacher: which teacher it learns from; empty for none.
        target: what its feature terms align with, and the seed of that.
        report: told the share done and a line for people.
        done: steps so far.
        history: one record an evaluation.
        effective: weight of the method's own terms beside SoftKD's, at the first and at the last step
            (:mod:`baselines.effective`); of the process that has a step's first slice, which leads.
        fault: what ended it.
    """

    key: str
    label: str
    network: Tapped
    method: Method
    recipe: Recipe
    steps_per_epoch: int
    slices: int
    seed: int
    numerics: Numerics
    processes: Processes
    checkpoint: Path
    milestones: frozenset[int] = frozenset()
    spared: frozenset[str] = frozenset()
    teacher: str = ""
    target: tuple[Target, int] = (features, 0)
    report: Callable[[float, str], None] = lambda _fraction, _text: None
    done: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    effective: dict[str, float] = field(default_factory=dict)
    fault: Exception | None = None

    def __post_init__(self) -> None:
        """Make optimiser, schedule and weight average; resume if there is a checkpoint."""
        self.both = nn.ModuleDict({"student": self.network, "method": self.method}).train()
        self.numerics.place(self.network)
        self.numerics.place(self.method, compiled=False)
        self.average = self._averaged()
        spared = [f"student.{name}" for name in self.spared]
        self._optimiser = optimiser(self.both, self.recipe, spared=spared)
        self._schedule = Schedule(self._optimiser, self.recipe, steps_per_epoch=self.steps_per_epoch)
        self._scale, self._healthy = (FIRST_SCALE if self.numerics.scaled else 1.0), 0
        self._parameters = [p for p in self.both.parameters() if p.requires_grad]
        self._draws = any(getattr(m, "drop_prob", 0) or getattr(m, "p", 0) for m in self.network.modules())
        self._sums: dict[str, float] = {}
        self._since, self._saved = 0, -1
        self._terms: dict[str, torch.Tensor] = {}
        self.broken: Broken | None = None
        self._resume()
        self.processes.require_equal(self.both.parameters(), f"the weights of {self.label}")

    def _averaged(self) -> Average | None:
        if not self.recipe.ema_decay:
            return None
        average = Average(self.network, self.recipe.ema_decay)
        self.numerics.place(average.module)
        return average

    @property
    def steps(self) -> int:
        """Length of training in steps."""
        return self.recipe.epochs * self.steps_per_epoch

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self.done // self.steps_per_epoch

    @property
    def active(self) -> bool:
        """Whether there is anything left to do."""
        return self.fault is None and self.done < self.steps

    @property
    def between_epochs(self) -> bool:
        """Whether an epoch has just been completed."""
        return self.done % self.steps_per_epoch == 0

    @property
    def due(self) -> bool:
        """Whether it is to be evaluated now."""
        return self.between_epochs and (self.epoch in self.milestones or self.done == self.steps)

    # ------------------------------------------------------------------ checkpoints

    def _state(self) -> dict[str, Any]:
        return {
            "modules": self.both.state_dict(),
            "average": self.average.module.state_dict() if self.average else {},
            "optimiser": self._optimiser.state_dict(),
            "scale": (self._scale, self._healthy),
            "done": self.done,
            "history": self.history,
            "effective": self.effective,
            "sums": self._sums,
            "since": self._since,
        }

    def save(self) -> None:
        """Write the checkpoint and keep the one before; on the disk for certain before it takes its name."""
        if not self.processes.leader or self.done == self._saved:
            return
        buffer = io.BytesIO()
        torch.save(self._state(), buffer)
        content = buffer.getbuffer()
        draft = self.checkpoint.with_suffix(".draft")
        with draft.open("wb") as stream:
            stream.write(hashlib.sha256(content).digest())
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if self.checkpoint.is_file():
            self.checkpoint.replace(self.checkpoint.with_suffix(BEFORE))
        draft.replace(self.checkpoint)
        self._saved = self.done

    def _found(self) -> bytes | None:
        """The newest checkpoint that is what was written."""
        for file in (self.checkpoint, self.checkpoint.with_suffix(BEFORE)):
            try:
                content = file.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as fault:
                self.report(0.0, f"{self.label}: checkpoint {file.name} cannot be read: {one_line(fault)}")
                continue
            if content[:DIGEST] == hashlib.sha256(content[DIGEST:]).digest():
                return content[DIGEST:]
            self.report(0.0, f"{self.label}: checkpoint {file.name} is damaged; goes on from the one before, if any")
        return None

    def _resume(self) -> None:
        """Continue from what the leader finds; the others need not see its disk."""
        content = self.processes.from_leader(self._found() if self.processes.leader else None)
        if content is None:
            return
        state = torch.load(io.BytesIO(content), map_location=self.numerics.device, weights_only=True)
        self.both.load_state_dict(state["modules"])
        if self.average:
            self.average.module.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scale, self._healthy = state["scale"]
        self.done, self.history, self.effective = state["done"], state["history"], state["effective"]
        self._sums, self._since, self._saved = state["sums"], state["since"], state["done"]
        self.report(self.done / self.steps, f"goes on after {self.done} of {self.steps} steps")

    # ------------------------------------------------------------------ one step

    def begin(self) -> None:
        """Before a step's first slice."""
        if not self.network.training:  # it was evaluated
            self.both.train()
        self._schedule.enter(self.done)
        self._optimiser.zero_grad(set_to_none=True)
        self._terms = {}

    def learn(self, batch: Batch, number: int) -> None:
        """Gradients of one slice, added to the step's; what is raised is kept until all processes know."""
        if self.broken is None:
            try:
                self._learn(batch, mixed_seed(self.seed, self.done, number), number)
            except MACHINE:
                raise
            except Exception as fault:  # noqa: BLE001 - whatever it is, it ends this student alone
                self.break_off(fault)

    def break_off(self, fault: Exception) -> None:
        """Remember what was raised in words, and let go of all that it kept alive."""
        self.broken = Broken.by(fault)
        fault.__traceback__ = fault.__context__ = fault.__cause__ = None
        self._let_go()
        if self.numerics.device == "cuda" and isinstance(fault, torch.OutOfMemoryError):
            torch.cuda.empty_cache()

    def _let_go(self) -> None:
        """Keep no graph and no gradient."""
        self._terms = {}
        self._optimiser.zero_grad(set_to_none=True)

    def _learn(self, batch: Batch, seed: int, number: int) -> None:
        given = self.given(batch, number)
        if number == 0 and given is not None and self.done in (0, self.steps - 1):
            self._weigh(batch, given, seed)
        terms = self.terms(batch, given, seed)
        loss = total(terms)
        (loss * (self._scale / self.slices)).backward()  # type: ignore[no-untyped-call]
        for name, value in {**terms, "loss": loss}.items():
            self._terms[name] = self._terms.get(name, 0.0) + value.detach().double() / self.slices

    def _weigh(self, batch: Batch, given: Outputs, seed: int) -> None:
        """Note the effective weight of the method's own terms."""
        private = drawing_from(seed, device=self.numerics.device) if self._draws else nullcontext()
        with self.numerics.autocast(), private:
            found = effective(
                self.method,
                self.network,
                batch.pixels,
                given,
                batch.labels,
                generator=torch.Generator().manual_seed(seed),
                progress=self.done / self.steps,
            )
        self.effective["last" if self.done else "first"] = found.ratio

    def given(self, batch: Batch, number: int) -> Outputs | None:
        """What the method is told of the teacher: what it taps, replaced where the target is another."""
        if not self.teacher:
            return None
        target, seed = self.target
        outputs = only(batch.teachers[self.teacher], self.method.taps.of_teacher)
        if target is features:
            return outputs
        return target(outputs, batch.labels, seed=seed, draw=mixed_seed(seed, self.done, number))

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

    def fail(self, reason: Exception) -> None:
        """End this student alone, on every process; the reason may be another process's."""
        self.fault = self.broken if self.broken is not None else reason
        self._let_go()

    def gathered(self) -> torch.Tensor:
        """``[T + 1]`` on the device: this process's terms and the norm of the gradient over all processes.

        Nothing is read back here, so that a step waits for its device once, not once a student.
        """
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        self.processes.add_up(gradients)
        if self._scale != 1.0:
            torch._foreach_mul_(gradients, 1.0 / self._scale)
        self._norm = get_total_norm(gradients)
        return torch.stack([*(value.to(self._norm.device) for value in self._terms.values()), self._norm.double()])

    @property
    def named(self) -> tuple[str, ...]:
        """Names of the numbers of :meth:`gathered`."""
        return (*self._terms, "gradient")

    def update(self, numbers: Mapping[str, float]) -> None:
        """Update, with what :meth:`gathered` gave; a number that is not finite ends this student."""
        # At a scale this low nothing overflows: the gradient itself is broken, and skipping it would go on for ever.
        overflowed = self._scale > LEAST_SCALE and self.numerics.scaled and not math.isfinite(numbers["gradient"])
        if not math.isfinite(numbers["loss"]) or not (overflowed or math.isfinite(numbers["gradient"])):
            said = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
            self.fail(Diverged(f"the loss or the gradient is not finite at step {self.done} ({said})"))
            return
        if not overflowed:
            if self.recipe.clip:
                clip_grads_with_norm_(self._parameters, self.recipe.clip, self._norm)
            self._optimiser.step()
            self.method.after_step()
        self._rescale(overflowed)
        if self.average:
            self.average.update()
        own = {**numbers, "overflows": float(overflowed), "gradient": 0.0 if overflowed else numbers["gradient"]}
        for name, value in own.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._since += 1
        self.done += 1

    def _rescale(self, overflowed: bool) -> None:
        """Halve the scale of the loss after an overflow, double it after many steps without."""
        if not self.numerics.scaled:
            return
        self._healthy = 0 if overflowed else self._healthy + 1
        if overflowed:
            self._scale /= 2
        elif self._healthy == HEALTHY:
            self._scale, self._healthy = self._scale * 2, 0

    def finish(self, numbers: Mapping[str, float]) -> None:
        """:meth:`update`, of which any exception ends this student alone."""
        try:
            self.update(numbers)
        except MACHINE:
            raise
        except Exception as fault:  # noqa: BLE001
            self.break_off(fault)

    # ------------------------------------------------------------------ after an epoch

    def record(self, measured: Mapping[str, Any], *, speed: float) -> None:
        """Close what was trained since the last record; ``speed`` in images per second."""
        means = {name: value / max(1, self._since) for name, value in self._sums.items()}
        own = {"lr": float(self._optimiser.param_groups[0]["lr"]), "images_per_second": speed}
        self.history.append({"step": self.done, "epoch": self.epoch, **means, **own, **measured})
        self._sums, self._since = {}, 0
        said = f", accuracy {measured['accuracy']:.2f} %" if "accuracy" in measured else ""
        self.report(self.done / self.steps, f"epoch {self.epoch}/{self.recipe.epochs}{said}")

    def settle_buffers(self) -> None:
        """Average batch norm's running statistics over processes."""
        if self.processes.count == 1:
            return
        found: Iterable[torch.Tensor] = self.both.buffers()
        averaged = self.average.module.buffers() if self.average else ()
        buffers = [b for b in [*found, *averaged] if b.is_floating_point()]
        self.processes.add_up(buffers)
        for buffer in buffers:
            buffer.div_(self.processes.count)
