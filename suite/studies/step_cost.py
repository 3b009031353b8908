"""What one training step of a student costs by its method: operations counted, nothing timed.

Counted are matrix products, convolutions and Fourier transforms of the student's forward pass, of the method's loss and
of the way back. What works element by element is left out, as is the teacher's pass, which all students share.

References:
    A complex transform of n values is taken as 5 n log2 n operations, a real one as half of that, as in the benchmarks
    of FFTW (Frigo and Johnson, Proc. IEEE 93 (2005) 216).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from baselines import build as build_method
from baselines import total
from baselines.students import Tapped
from suite.evidence.cell import canonical
from suite.models import build
from suite.sections import EMBEDDED
from suite.studies.networks import make_student

if TYPE_CHECKING:
    from suite.evidence.cell import Cell

IMAGES = 8  # on which operations are counted: few, and enough for what compares images with one another
HALF_WAY = 0.5  # share of the training done: a method of two stages is in its second one
EMBEDDED_CLASSES = 10
PIXELS = 224  # of a side, where a profile does not say
ELSEWHERE = 1000  # classes, where only opening the images would tell


@dataclass(frozen=True)
class StepCost:
    """One step of one student.

    Attributes:
        flops: operations for `IMAGES` images.
        parameters: that the method trains beside the student's.
    """

    flops: int
    parameters: int


def step_cost(cell: Cell) -> StepCost:
    """What a step of a cell of study *train* costs; the networks are built anew, their weights do not matter.

    Args:
        cell: as a profile asks for it.

    Returns:
        The cost; the same for cells that differ in their seed, length or target.
    """
    spec = cell.spec
    classes = EMBEDDED_CLASSES if spec["data"]["source"] in EMBEDDED else ELSEWHERE
    network = {**spec["teacher"]["network"], "pretrained": False} if spec["teacher"]["weights"] else None
    return _cost(canonical([spec["student"], network, spec["method"]]), spec["data"].get("size") or PIXELS, classes)


@cache
def _cost(parts: str, size: int, classes: int) -> StepCost:
    student_spec, teacher_spec, chosen = json.loads(parts)
    student = make_student(student_spec, classes=classes, drop_path=0.0, seed=0).train()
    pixels = torch.zeros(IMAGES, _channels(student), size, size)
    teacher = _teacher(canonical(teacher_spec), classes) if teacher_spec else None
    method = build_method(
        chosen["name"],
        student=student.network(pixels[:1]),
        teacher=None if teacher is None else teacher.network(pixels[:1]),
        options=chosen["options"],
        generator=torch.Generator().manual_seed(0),
    )
    with sdpa_kernel(SDPBackend.MATH):  # whose products are counted, as those of a fused kernel may not be
        with torch.no_grad():
            taught = None if teacher is None else teacher(pixels, **method.taps.of_teacher.keywords())
        with FlopCounterMode(display=False, custom_mapping=TRANSFORMS) as counted:
            outputs = student.train()(pixels, **method.taps.of_student.keywords())
            labels = torch.zeros(IMAGES, dtype=torch.long)
            drawn = torch.Generator().manual_seed(0)
            total(method(outputs, taught, labels, generator=drawn, progress=HALF_WAY)).backward()  # type: ignore[no-untyped-call]
            method.after_step()
    trained = sum(p.numel() for p in method.parameters() if p.requires_grad)
    return StepCost(int(counted.get_total_flops()), trained)


@cache
def _teacher(spec: str, classes: int) -> Tapped:
    return Tapped(build(json.loads(spec), classes=classes, seed=0)).eval().requires_grad_(False)


def _channels(network: nn.Module) -> int:
    """Channels of the pixels that a network takes: those of its first convolution."""
    return next(part.in_channels for part in network.modules() if isinstance(part, nn.Conv2d))


def _transform(shape: Any, axes: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """Operations of a real transform; one back to real numbers gives more values than it takes."""
    wide = max(shape, out_shape, key=math.prod)
    return int(2.5 * math.prod(wide) * math.log2(max(2, math.prod(wide[axis] for axis in axes))))


def _complex(shape: Any, axes: Any, *_: Any, **__: Any) -> int:
    return int(5 * math.prod(shape) * math.log2(max(2, math.prod(shape[axis] for axis in axes))))


TRANSFORMS: dict[Any, Any] = {
    torch.ops.aten._fft_r2c: _transform,  # noqa: SLF001 - the names under which torch calls them
    torch.ops.aten._fft_c2r: _transform,  # noqa: SLF001
    torch.ops.aten._fft_c2c: _complex,  # noqa: SLF001
}
