"""Pairs of layers: which are meant, and whether their maps can be compared."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from baselines.protocol import MapShape, Network


def evenly(network: Network, parts: int) -> tuple[int, ...]:
    """The last layer of each of `parts` equal shares of the depth: 12 layers in 3 parts give 3, 7, 11."""
    return tuple(-(-(part + 1) * network.depth // parts) - 1 for part in range(parts))


def resolve_pairs(
    student: Network, teacher: Network, student_layers: Sequence[int], teacher_layers: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Absolute (student layer, teacher layer), first with first, second with second.

    Raises:
        ValueError: There are none, not equally many, one does not exist, or the grids of a pair differ.
    """
    if not student_layers or len(student_layers) != len(teacher_layers):
        raise ValueError(
            f"{len(student_layers)} student layers cannot be paired with {len(teacher_layers)} of the "
            "teacher: name equally many, at least one"
        )
    pairs = tuple(
        (_absolute("student", student, s), _absolute("teacher", teacher, t))
        for s, t in zip(student_layers, teacher_layers, strict=True)
    )
    for s, t in pairs:
        require_same_grid(f"student layer {s}", student.maps[s], f"teacher layer {t}", teacher.maps[t])
    return pairs


def _absolute(whose: str, network: Network, index: int) -> int:
    try:
        return network.layer(index)
    except ValueError as fault:
        raise ValueError(f"{whose} {fault}") from fault


def require_same_grid(student_name: str, student: MapShape, teacher_name: str, teacher: MapShape) -> None:
    """Refuse two maps whose positions do not correspond.

    Raises:
        ValueError: Heights or widths differ.
    """
    if (student.height, student.width) != (teacher.height, teacher.width):
        raise ValueError(
            f"{student_name} has a {student.height}x{student.width} grid and {teacher_name} a "
            f"{teacher.height}x{teacher.width} one: pair layers of one grid, or give both networks the same "
            "image and patch size"
        )


def require_poolable(student: MapShape, teacher: MapShape) -> None:
    """Refuse a student map with more channels than the teacher's.

    Raises:
        ValueError: Pooling the teacher's channels cannot reach the student's width.
    """
    if student.channels > teacher.channels:
        raise ValueError(
            f"the student's map is wider ({student.channels} channels) than the teacher's "
            f"({teacher.channels}), and pooling cannot widen the teacher: choose a wider teacher, or a "
            "method with a projection (fitnet)"
        )


def pool_channels(x: Tensor, channels: int) -> Tensor:
    """Average adjacent channels of [B, C, H, W] down to `channels` ≤ C (adaptive average pooling).

    Where `channels` divides C each output is the mean of C / channels neighbours. The order of channels in a
    network is arbitrary, so the neighbours are too.

    References:
        arXiv 2412.19055, github thy960112/SpectralKD, losses.py.
    """
    images, width, height, columns = x.shape
    if width == channels:
        return x
    if width % channels == 0:  # the general pooling gives the same, ten times slower
        return x.reshape(images, channels, width // channels, height, columns).mean(2)
    return F.adaptive_avg_pool3d(x, (channels, None, None))
