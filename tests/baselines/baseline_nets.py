"""Networks that exist as shapes, and outputs as random as a test wants them."""

import torch

from baselines.protocol import MapShape, Network, Outputs, Taps

CLASSES = 7
IMAGES = 4


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def network(*, depth, channels, height=4, width=4, classes=CLASSES):
    shape = MapShape(channels, height, width)
    return Network(depth=depth, maps=dict.fromkeys(range(depth), shape), final=shape, classes=classes)


STUDENT = network(depth=8, channels=12)
TEACHER = network(depth=10, channels=24)


def outputs(net, layers, *, final, generator, images=IMAGES, dtype=torch.float32):
    """Leaves that want gradients: exactly the maps that were tapped, and the logits."""

    def leaf(*shape):
        return torch.randn(*shape, generator=generator).to(dtype).requires_grad_()

    def as_leaf(shape):
        return leaf(images, shape.channels, shape.height, shape.width)

    return Outputs(
        logits=leaf(images, net.classes),
        maps={layer: as_leaf(net.maps[layer]) for layer in layers},
        final=as_leaf(net.final) if final else None,
    )


def both(taps: Taps, *, student=STUDENT, teacher=TEACHER, seed=1, **changes):
    """Student's and teacher's outputs, and labels."""
    generator = seeded(seed)
    own = outputs(student, taps.student, final=taps.student_final, generator=generator, **changes)
    taught = outputs(teacher, taps.teacher, final=taps.teacher_final, generator=generator, **changes)
    labels = torch.randint(student.classes, (len(own.logits),), generator=generator)
    return own, taught, labels


def leaves(result: Outputs):
    """Name → tensor of everything in the outputs."""
    named = {"logits": result.logits} | {f"map {layer}": x for layer, x in result.maps.items()}
    return named if result.final is None else named | {"final": result.final}


def rearranged(result: Outputs, order):
    """The same images in another order, or more than once."""
    return Outputs(
        logits=result.logits[order],
        maps={layer: x[order] for layer, x in result.maps.items()},
        final=None if result.final is None else result.final[order],
    )


def images(count=2, *, channels=1, side=8, seed=1):
    """Noise; small networks take 8x8 pixels of one colour."""
    return torch.randn(count, channels, side, side, generator=seeded(seed))


def as_map(tokens, prefix):
    """Patch tokens [B, prefix + 16, C] as a 4x4 map."""
    return tokens[:, prefix:].transpose(1, 2).reshape(len(tokens), -1, 4, 4)
