"""Studies for tests: a cell's spec says what happens to it. No torch and no scipy, so that processes start at once."""

from __future__ import annotations

from suite.evidence.cell import Cell


def make(name: str = "", *, does: str = "value", study: str = "fake_studies.single", **changes) -> Cell:
    """A cell that does something; every other keyword that is no field of a cell becomes part of its spec."""
    fields = {key: changes.pop(key) for key in ("seed", "needs", "device", "weight", "group", "code") if key in changes}
    return Cell(study, {"does": does, "name": name, **changes}, **({"seed": 0, "code": "c0de"} | fields), label=name)


def ignore(key: str, fraction: float, text: str) -> None:
    """A report nobody reads."""
