"""Attention of two networks, brought to tokens and heads that can be compared."""

from dataclasses import dataclass

from torch import Tensor

from baselines.protocol import AttentionShape, Network


@dataclass(frozen=True)
class AttentionPair:
    """A layer of the student's and one of the teacher's.

    Where one network carries more tokens before the patches than the other (a class token in a ViT, none in the
    self-attention of Cait or Swin), only patches are compared.

    Attributes:
        student: The student's layer.
        teacher: The teacher's layer.
        own: Shape of the student's attention.
        taught: Shape of the teacher's.
        own_dropped: How many of the student's first tokens are left out.
        taught_dropped: How many of the teacher's.
    """

    student: int
    teacher: int
    own: AttentionShape
    taught: AttentionShape
    own_dropped: int
    taught_dropped: int

    @classmethod
    def of(cls, student: Network, teacher: Network, student_layer: int, teacher_layer: int) -> "AttentionPair":
        """The pair of these layers, which may count from the end.

        Raises:
            ValueError: A layer is not there or has no attention, or they attend over different patches.
        """
        s, t = student.layer(student_layer), teacher.layer(teacher_layer)
        for whose, network, layer in (("student", student, s), ("teacher", teacher, t)):
            if layer not in network.attention:
                raise ValueError(f"{whose} layer {layer} has no self-attention: choose a network of transformer blocks")
        own, taught = student.attention[s], teacher.attention[t]
        patches = own.tokens - own.prefix, taught.tokens - taught.prefix
        if patches[0] != patches[1] or own.windows != taught.windows:
            raise ValueError(
                f"student layer {s} attends over {patches[0]} patches in each of {own.windows} windows and teacher "
                f"layer {t} over {patches[1]} in each of {taught.windows}: pair layers of one grid"
            )
        equal = own.prefix == taught.prefix
        return cls(s, t, own, taught, 0 if equal else own.prefix, 0 if equal else taught.prefix)


def resolve(
    student: Network, teacher: Network, student_layers: tuple[int, ...], teacher_layers: tuple[int, ...]
) -> tuple[AttentionPair, ...]:
    """First layer with first, second with second.

    Raises:
        ValueError: There are none, not equally many, or a pair does not fit.
    """
    if not student_layers or len(student_layers) != len(teacher_layers):
        raise ValueError(
            f"{len(student_layers)} student layers cannot be paired with {len(teacher_layers)} of the "
            "teacher: name equally many, at least one; choose from each network's layers"
        )
    return tuple(AttentionPair.of(student, teacher, s, t) for s, t in zip(student_layers, teacher_layers, strict=True))


def split_heads(x: Tensor, shape: AttentionShape, heads: int) -> Tensor:
    """Queries, keys or values [B, w·H, n, d] split into another number of heads: [B, w·heads, n, H·d / heads]."""
    images, _, tokens, _ = x.shape
    if heads == shape.heads:
        return x
    merged = x.reshape(images, shape.windows, shape.heads, tokens, shape.width).transpose(2, 3).flatten(3)
    again = merged.reshape(images, shape.windows, tokens, heads, -1).transpose(2, 3)
    return again.flatten(1, 2)
