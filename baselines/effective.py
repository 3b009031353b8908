"""How much a method's own terms count beside SoftKD: the ratio of two gradients.

A weight of .2 on a sum over positions is not a weight of .2 on a mean. What a weight does is the size of the gradient
that it lets through to the student.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from baselines._logits import LogitOptions, logit_terms
from baselines.protocol import Method, Outputs, Step

DEFAULT = LogitOptions()
"""SoftKD's options: alpha .9, temperature 1, label smoothing .1."""


@dataclass(frozen=True)
class Effective:
    """Sizes of two gradients at the parameters of one block of the student.

    Attributes:
        block: The last block, counted from 0, that the method's own terms reach; −1 if they reach none.
        own: Norm of the gradient of the method's own terms, at their weights.
        soft_kd: Norm of the gradient of SoftKD's whole loss at the same parameters.
    """

    block: int
    own: float
    soft_kd: float

    @property
    def ratio(self) -> float:
        """The effective weight: own / SoftKD; 0 if the method has no terms of its own, infinite beside no gradient."""
        if not self.own:
            return 0.0
        return self.own / self.soft_kd if self.soft_kd else math.inf


def effective(
    method: Method,
    network: nn.Module,
    pixels: Tensor,
    teacher: Outputs,
    labels: Tensor,
    *,
    generator: torch.Generator,
    progress: float = 0.0,
) -> Effective:
    """Measure the effective weight on one batch; nothing of network, method or global random state is changed.

    It is measured at the parameters of the student's last block, or, where the method reads none that deep (a hint in
    the middle), of the last block it does reach.

    Args:
        method: Its own terms are all but those that it shares with SoftKD.
        network: The student, a `baselines.students.Tapped`.
        pixels: [B, channels, height, width], as the student sees them.
        teacher: What the teacher returned for the same batch, with all that the method taps.
        labels: [B], or [B, K] where they are mixed.
        generator: Source of the method's draws.
        progress: Share of the training done, in [0, 1).
    """
    devices = [pixels.device] if pixels.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        outputs: Outputs = network(pixels, **method.taps.of_student.keywords())
        terms = method(outputs, teacher, labels, generator=generator, progress=progress)
    own = [value for name, value in terms.items() if name not in method.shared_terms]
    step = Step(outputs.for_loss(), labels, generator, teacher.for_loss(detach=True))
    soft = logit_terms(
        step, alpha=DEFAULT.alpha, temperature=DEFAULT.temperature, label_smoothing=DEFAULT.label_smoothing
    )
    blocks = _blocks(network)
    reached = _norms(sum(own, torch.zeros((), device=pixels.device)), blocks, keep=True)
    beside = _norms(torch.stack(tuple(soft.values())).sum(), blocks, keep=False)
    block = max((number for number, norm in enumerate(reached) if norm), default=-1)
    return Effective(block, reached[block] if block >= 0 else 0.0, beside[block])


def at_weight(method: Method, found: Effective, wanted: float) -> None:
    """Change the method's common weight so that its effective weight, found to be `found`, becomes `wanted`.

    Raises:
        ValueError: The method has no such weight, or no gradient to scale.
    """
    if not method.weight_option or not 0 < found.ratio < math.inf:
        raise ValueError(f"{method.name} has no weight that could be scaled: choose a method with a feature term")
    given = getattr(method.options, method.weight_option)
    method.options = replace(method.options, **{method.weight_option: given * wanted / found.ratio})


def _blocks(network: nn.Module) -> list[list[nn.Parameter]]:
    """Trainable parameters of every block (or stage) of a student, in order; of a network without them, all."""
    backbone = getattr(network, "backbone", network)
    parts = getattr(backbone, "blocks", None) or getattr(backbone, "layers", None) or [backbone]
    return [[p for p in part.parameters() if p.requires_grad] for part in parts]


def _norms(loss: Tensor, blocks: list[list[nn.Parameter]], *, keep: bool) -> list[float]:
    """Norm of the gradient of a loss at the parameters of every block."""
    parameters = [p for block in blocks for p in block]
    if not loss.requires_grad:
        return [0.0] * len(blocks)
    gradients = torch.autograd.grad(loss, parameters, retain_graph=keep, allow_unused=True, materialize_grads=True)
    squares = iter(float(g.double().square().sum()) for g in gradients)
    return [math.sqrt(sum(next(squares) for _ in block)) for block in blocks]
