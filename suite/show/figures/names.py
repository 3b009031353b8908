"""What the curves are called: a network or a student in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from suite.methods import methods
from suite.show.runs import group_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from suite.evidence.cell import Cell, Result

ARRAYS = {
    "entropy_global": ("entropy, one range for all layers", "bits"),
    "entropy_layer": ("entropy, each layer's own range", "bits"),
    "entropy_standardised": ("entropy of standardised tokens", "bits"),
    "magnitude": ("mean |activation|", "activation units"),
    "scale": ("root mean square of activations", "activation units"),
    "intensity": ("mean |FFT over channels| / C", "activation units"),
    "flatness": ("spectral flatness, bins 1 and up", "0 to 1"),
    "flatness_permuted": ("spectral flatness, channels shuffled", "0 to 1"),
    "dc_share": ("share of spectral energy at DC", "0 to 1"),
    "low_pass": ("share of energy in low frequencies", "0 to 1"),
}
_LAYERS = {(-1,): "last layer", (0,): "first layer", (0, -1): "first + last layer"}


def axis(name: str) -> str:
    """What an array holds, with its unit, for an axis."""
    words, unit = ARRAYS.get(name, (name.replace("_", " "), "no unit"))
    return f"{words} [{unit}]"


def network(cell: Cell) -> str:
    """``"trained cait"``."""
    return group_of(cell.label or cell.study).removeprefix("measure ")


def student(cell: Cell) -> str:
    """``"SpectralKD, last layer"``: the method and what sets this student apart."""
    known = methods()
    method, options = cell.spec["method"]["name"], dict(cell.spec["method"]["options"])
    parts = [known[method].title if method in known else method.replace("_", " ")]
    parts += _layers(options)
    parts += [f"{name.replace('_', ' ')} {value:g}" for name, value in options.items() if _is_number(value)]
    if options.get("logits") is False:
        parts.append("no logits")
    parts += _target(cell.spec)
    return ", ".join(parts)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _layers(options: Mapping[str, Any]) -> list[str]:
    taken: Sequence[int] | None = options.get("student_layers")
    if taken is None:
        return []
    return [_LAYERS.get(tuple(taken), f"{len(taken)} layers")]


def _target(spec: Mapping[str, Any]) -> list[str]:
    """What it learns from, where that is not the features of a trained teacher."""
    said = ["random teacher"] if spec["teacher"].get("weights") == "random" else []
    return said + ([spec["target"].replace("_", " ")] if spec["target"] != "features" else [])


def width(result: Result) -> float:
    """Channels of a student."""
    return float(result.arrays["width"])


def steps(result: Result) -> int:
    """How many steps a student was trained."""
    return int(result.arrays["steps"][-1])
