"""Every method in one table, the one in README.md."""

from dataclasses import dataclass

import torch

from baselines.protocol import AttentionShape, MapShape, Method, Network
from baselines.registry import METHODS, build


def _transformer(*, depth: int, width: int, heads: int, prefix: int, class_layers: int) -> Network:
    """Shapes of a plain transformer at 224 pixels in patches of 16, with 1000 classes."""
    shape = MapShape(width, 14, 14)
    attention = AttentionShape(heads=heads, width=width // heads, tokens=prefix + 196, prefix=prefix)
    return Network(
        depth=depth,
        maps=dict.fromkeys(range(depth), shape),
        final=shape,
        classes=1000,
        pooled=width,
        attention=dict.fromkeys(range(depth), attention),
        class_heads=dict.fromkeys(range(class_layers), heads),
    )


DEIT_TINY = _transformer(depth=12, width=192, heads=3, prefix=1, class_layers=12)
"""The student at which parameters are counted."""

CAIT_S24 = _transformer(depth=24, width=384, heads=8, prefix=0, class_layers=2)
"""The teacher."""


@dataclass(frozen=True)
class Entry:
    """One method.

    Attributes:
        name: As in `METHODS`.
        title: As written in a table.
        paper: Authors and where the paper is.
        year: Of the paper.
        aligns: What is compared.
        published: Options as printed, "name value, …".
        licence: Of the authors' code.
        differs: Their paper against their code, or ours against both.
        parameters: Trainable parameters beside the student's, DeiT-Tiny from CaiT-S24 with default options.
    """

    name: str
    title: str
    paper: str
    year: int
    aligns: str
    published: str
    licence: str
    differs: str
    parameters: int


def entries() -> list[Entry]:
    """Every method there is, by year and name."""
    found = [_entry(name, method) for name, method in METHODS.items()]
    return sorted(found, key=lambda entry: (entry.year, entry.name))


def _entry(name: str, method: type[Method]) -> Entry:
    made = build(name, student=DEIT_TINY, teacher=CAIT_S24, generator=torch.Generator().manual_seed(0))
    return Entry(
        name=name,
        title=method.title,
        paper=method.paper,
        year=method.year,
        aligns=method.aligns,
        published=", ".join(f"{option} {_written(value)}" for option, value in method.published.items()),
        licence=method.licence,
        differs=method.differs,
        parameters=sum(p.numel() for p in made.parameters() if p.requires_grad),
    )


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def markdown() -> str:
    """The table."""
    head = "| method | paper | year | aligns | published options | licence of their code | what differs | parameters |"
    lines = [head, "| --- | --- | --- | --- | --- | --- | --- | ---: |"]
    for entry in entries():
        cells = (
            f"{entry.title}<br>`{entry.name}`",
            entry.paper,
            str(entry.year),
            entry.aligns,
            entry.published,
            entry.licence,
            entry.differs,
            f"{entry.parameters:,}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
