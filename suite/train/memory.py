"""What the students of a block need in memory, told before they are trained."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.graph import saved_tensors_hooks

from baselines.protocol import total
from suite.train.numerics import eagerly

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import nn

    from suite.train.stream import Batch
    from suite.train.student import Student

GIB = 2**30
MOMENTS = 2  # tensors that AdamW keeps per parameter
PROBED = (2, 4)  # images of two forward passes that tell what grows with the slice from what does not
MARGIN = 1.15  # for what is not counted: fragments, work space of kernels, raised maps, the evaluation


@dataclass(frozen=True)
class Need:
    """Bytes that one student needs, by what for.

    Attributes:
        label: the student.
        weights: parameters and buffers, its method's included.
        gradients: one per trained parameter.
        optimiser: AdamW's two moments.
        average: the averaged copy of the student.
        activations: what the forward pass of one slice keeps for the backward pass. Students take turns, so that
            a block needs the largest of them, not their sum.
    """

    label: str
    weights: int
    gradients: int
    optimiser: int
    average: int
    activations: int

    @property
    def lasting(self) -> int:
        """Bytes held all the time."""
        return self.weights + self.gradients + self.optimiser + self.average

    def line(self) -> str:
        """For people."""
        parts = ("weights", "gradients", "optimiser", "average", "activations")
        return f"{self.label}: " + ", ".join(f"{part} {getattr(self, part) / GIB:.3g}" for part in parts) + " GiB"


def size(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of some tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def footprint(module: nn.Module) -> int:
    """Bytes of a network at rest."""
    return size(module.parameters()) + size(module.buffers())


def kept_for_backward(student: Student, batch: Batch) -> int:
    """Bytes that the student's forward pass and loss keep for the backward pass, its parameters aside."""
    buffers = [buffer.clone() for buffer in student.both.buffers()]
    own = {p.untyped_storage().data_ptr() for p in student.both.parameters()}
    own |= {batch.pixels.untyped_storage().data_ptr()}
    seen: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    alive: list[Any] = []
    with saved_tensors_hooks(note, lambda tensor: tensor):
        alive.append(total(student.terms(batch, student.given(batch, 0), seed=0)))
    for buffer, before in zip(student.both.buffers(), buffers, strict=True):
        buffer.copy_(before)  # batch norm has counted the probe
    return sum(seen.values())


def need(student: Student, probes: tuple[Batch, Batch], micro_batch: int) -> Need:
    """What a student needs for slices of ``micro_batch`` images.

    A line through what two slices of other sizes keep: half-precision copies of the weights do not grow with the
    slice. Terms that grow with its square (relations between images) are underestimated.
    """
    student.both.train()
    trained = [p for p in student.both.parameters() if p.requires_grad]
    with eagerly():
        small, large = (kept_for_backward(student, probe) for probe in probes)
    images = [len(probe.pixels) for probe in probes]
    slope = (large - small) / (images[1] - images[0])
    return Need(
        label=student.label,
        weights=footprint(student.both),
        gradients=size(trained),
        optimiser=MOMENTS * size(trained),
        average=footprint(student.network) if student.average else 0,
        activations=max(0, round(small + slope * (micro_batch - images[0]))),
    )


def fitting(needs: Sequence[Need], shared: int, available: int) -> list[bool]:
    """Which students fit beside those before them.

    Teachers and what is lasting add up, activations do not; a margin is left.

    Args:
        needs: of every student, in order.
        shared: bytes of what they share.
        available: bytes there are.
    """
    fits: list[bool] = []
    lasting, largest = shared, 0
    for one in needs:
        with_it = lasting + one.lasting + max(largest, one.activations)
        fits.append(MARGIN * with_it <= available)
        if fits[-1]:
            lasting, largest = lasting + one.lasting, max(largest, one.activations)
    return fits


def available(device: str, limit_gib: float | None) -> int:
    """Bytes free on the device, or the limit of the profile's ``[machine]`` section."""
    if limit_gib is not None:
        return int(limit_gib * GIB)
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return _free()


def _free() -> int:
    """Bytes of main memory that can be had, caches included; all there is where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
