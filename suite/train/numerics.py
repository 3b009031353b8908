"""On what and in what numbers networks are computed."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.train.recipe import Recipe

PRECISIONS = {
    "float64": torch.float64,  # everything, for checks
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,  # autocast; weights, gradients and losses stay float32
    "float16": torch.float16,  # the same, with a scaled loss
}


@dataclass(frozen=True)
class Numerics:
    """On what and in what numbers networks are computed.

    Attributes:
        device: ``cpu`` or ``cuda``.
        precision: one of :data:`PRECISIONS`.
        channels_last: memory format of images and convolutions.
        compile: backend of ``torch.compile``; empty for eager.
    """

    device: str
    precision: str = "float32"
    channels_last: bool = False
    compile: str = ""

    def __post_init__(self) -> None:
        """Refuse a precision that is none of ours."""
        if self.precision not in PRECISIONS:
            raise SuiteError(f"no precision {self.precision!r}: choose from {', '.join(PRECISIONS)}")

    @classmethod
    def of(cls, recipe: Recipe, device: str) -> Numerics:
        """Those of a recipe."""
        return cls(device, recipe.precision, recipe.channels_last, recipe.compile)

    @property
    def weights(self) -> torch.dtype:
        """Type of weights and images."""
        return torch.float64 if self.precision == "float64" else torch.float32

    @property
    def scaled(self) -> bool:
        """Whether gradients would underflow without a scaled loss."""
        return self.precision == "float16"

    def autocast(self) -> AbstractContextManager[Any]:
        """Half precision where networks run, if the recipe asks for it."""
        chosen = PRECISIONS[self.precision]
        if chosen in (torch.float32, torch.float64):
            return nullcontext()
        return torch.autocast(self.device, dtype=chosen)

    def pixels(self, values: torch.Tensor) -> torch.Tensor:
        """Images where and as networks want them."""
        layout = torch.channels_last if self.channels_last else torch.preserve_format
        return values.to(self.device, self.weights, non_blocking=True, memory_format=layout)

    def place(self, module: torch.nn.Module, *, compiled: bool = True) -> None:
        """Move a network or a method to the device, in place; compile what is run as a whole, for fixed shapes."""
        module.to(self.device, self.weights)
        if self.channels_last:
            module.to(memory_format=torch.channels_last)
        if self.compile and compiled:
            module.compile(backend=self.compile, dynamic=False)


@contextmanager
def exactly() -> Iterator[None]:
    """Let float32 be float32: TF32, torch's default for convolutions on a GPU, keeps ten bits of it."""
    matmul = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = matmul


@contextmanager
def eagerly() -> Iterator[None]:
    """Run what is compiled as it is written, so that a trial of other shapes leaves no trace in the compiler."""
    with torch.compiler.set_stance("force_eager"):
        yield
