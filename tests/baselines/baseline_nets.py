"""Networks that exist as shapes, and outputs as random as a test wants them."""

import torch

from baselines.protocol import AttentionShape, MapShape, Network, Outputs, Reading, Taps

CLASSES = 7
IMAGES = 4


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def network(*, depth, channels, height=4, width=4, classes=CLASSES, heads=3, prefix=1):
    """Blocks of equal shape, with a class token in each or (prefix 0, as in CaiT) in two layers above them."""
    shape = MapShape(channels, height, width)
    attention = AttentionShape(heads=heads, width=channels // heads, tokens=prefix + height * width, prefix=prefix)
    return Network(
        depth=depth,
        maps=dict.fromkeys(range(depth), shape),
        final=shape,
        classes=classes,
        pooled=channels,
        attention=dict.fromkeys(range(depth), attention),
        class_heads=dict.fromkeys(range(depth if prefix else 2), heads),
    )


STUDENT = network(depth=8, channels=12)
TEACHER = network(depth=10, channels=24, heads=4, prefix=0)


def attention_size(net, tap):
    """What a network returns of attention, without the batch."""
    kind, layer = tap
    if kind == "class_scores":
        return net.class_heads[layer], 1 + net.final.height * net.final.width
    shape = net.attention[layer]
    last = shape.tokens if kind == "scores" else shape.width
    return shape.windows * shape.heads, shape.tokens, last


def outputs(net, reading: Reading, *, generator, images=IMAGES, dtype=torch.float32, gap=1.0):
    """Leaves that want gradients: exactly what was tapped, and the logits.

    `gap` is the scale of logits and scores.
    """

    def leaf(*shape, scale=1.0):
        return (scale * torch.randn(images, *shape, generator=generator)).to(dtype).requires_grad_()

    def as_leaf(shape):
        return leaf(shape.channels, shape.height, shape.width)

    return Outputs(
        logits=leaf(net.classes, scale=gap),
        maps={layer: as_leaf(net.maps[layer]) for layer in reading.layers},
        final=as_leaf(net.final) if reading.final else None,
        pooled=leaf(net.pooled) if reading.pooled else None,
        attention={
            tap: leaf(*attention_size(net, tap), scale=gap if "scores" in tap[0] else 1.0) for tap in reading.attention
        },
    )


def both(taps: Taps, *, student=STUDENT, teacher=TEACHER, seed=1, **changes):
    """Student's and teacher's outputs, and labels."""
    generator = seeded(seed)
    own = outputs(student, taps.of_student, generator=generator, **changes)
    taught = outputs(teacher, taps.of_teacher, generator=generator, **changes)
    labels = torch.randint(student.classes, (len(own.logits),), generator=generator)
    return own, taught, labels


def leaves(result: Outputs):
    """Name → tensor of everything in the outputs."""
    named = {"logits": result.logits} | {f"map {layer}": x for layer, x in result.maps.items()}
    named |= {f"{kind} {layer}": x for (kind, layer), x in result.attention.items()}
    named |= {"final": result.final, "pooled": result.pooled}
    return {name: x for name, x in named.items() if x is not None}


def rearranged(result: Outputs, order):
    """The same images in another order, or more than once."""
    return result.each(lambda x: x[order])


def images(count=2, *, channels=1, side=8, seed=1):
    """Noise; small networks take 8x8 pixels of one colour."""
    return torch.randn(count, channels, side, side, generator=seeded(seed))


def as_map(tokens, prefix):
    """Patch tokens [B, prefix + 16, C] as a 4x4 map."""
    return tokens[:, prefix:].transpose(1, 2).reshape(len(tokens), -1, 4, 4)
