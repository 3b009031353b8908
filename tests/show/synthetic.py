"""Claims whose truth is known, on cells whose numbers are made up: nothing is trained, torch is not needed."""

from __future__ import annotations

from datetime import date

import numpy as np

from suite.assess import Evidence
from suite.claim import (
    Claim,
    Constant,
    Control,
    Criterion,
    Deviation,
    Expected,
    Paper,
    PerSeed,
    Published,
    Quantity,
)
from suite.evidence.cell import Cell
from suite.evidence.store import Store
from suite.judge import Region, Verdict
from suite.profile import Profile

PAPER = Paper("fake", "On Made-up Numbers", "2501.00001", "v1", "https://example.org/fake")
SECOND = Paper("second", "More | of Them", "2501.00002", "v2", "https://example.org/second")
PARAMETERS = 5_717_416
MEANS = {"high": 0.30, "higher": 0.31, "low": 0.02, "edge": 0.14, "broken": float("nan")}
SECONDS = {"network": 60.0, "measured": 4.0}
REGISTERED = date(2026, 1, 2)

PROFILE = Profile(
    name="tiny",
    scope="proxy",
    summary="made-up numbers",
    seeds=(0, 1, 2, 3),
    deviations=(Deviation("data", "ImageNet-1k", "none at all"),),
)
PROFILE_TOML = """
scope = "proxy"
seeds = 4
summary = "made-up numbers"

[[deviations]]
what = "data"
paper = "ImageNet-1k"
ours = "none at all"
"""


def value(role: str, seed: int) -> float:
    """The role's mean with a spread of about 0.01 over seeds."""
    return MEANS[role] + 0.01 * ((7 * seed) % 5 - 2) / 1.5


def network(profile: Profile, seed: int) -> Cell:
    return Cell(
        study="network",
        spec={"network": {"timm": "toy"}, "data": {"source": "digits", "digest": "ab" * 32}, "recipe": {"epochs": 2}},
        seed=seed,
        code="c0de",
        device=profile.device,
        label=f"train toy, seed {seed}",
        weight=10,
    )


def measured(role: str):
    def cell(profile: Profile, seed: int) -> Cell:
        return Cell(
            study="measured",
            spec={
                "method": {"name": role, "options": {"layers": [1, 2]}},
                "data": {"source": "digits", "digest": "ab" * 32},
                "recipe": {"epochs": 2, "lr@peak (x)": 1e-3},
            },
            seed=seed,
            code="c0de",
            needs={"network": network(profile, seed)},
            device=profile.device,
            label=f"measure {role}, seed {seed}",
            weight=0.5,
        )

    return cell


def fill(
    store: Store, roles: tuple[str, ...], seeds: tuple[int, ...] = (0, 1, 2, 3), profile: Profile = PROFILE
) -> None:
    """Write the cells of some roles, and the networks they need, as if they had been computed."""
    for seed in seeds:
        for role, cell in (("", network(profile, seed)), *((role, measured(role)(profile, seed)) for role in roles)):
            if store.state(cell.key).word == "done":
                continue
            draft = store.begin(cell)
            metrics = [{"epoch": epoch, "loss": 1.0 / epoch, "top1@5 (val)": 10.0 * epoch} for epoch in (1, 2, 3)]
            arrays = {"value": np.float64(value(role, seed)) if role else np.float64(90.0), "layers": np.arange(3.0)}
            draft.finish(arrays, metrics, seconds=SECONDS[cell.study], device="cpu")


def fail(store: Store, role: str, seed: int, profile: Profile = PROFILE) -> None:
    store.begin(measured(role)(profile, seed)).fail("Traceback\nValueError: loss is nan", seconds=1.0, device="cpu")


def reading(role: str) -> PerSeed:
    return PerSeed((measured(role),), lambda result: float(result.arrays["value"]))


def criterion(key: str, role: str, control: str = "low", **changes) -> Criterion:
    options = {
        "key": key,
        "sentence": f"The {role} value [of seeds] is at least 0.14.",
        "quantity": Quantity("value", "bits", "more"),
        "region": Region.at_least(0.14),
        "because": "no size is printed; a tenth is the smallest that counts",
        "evidence": reading(role),
        "negative_controls": (Control("null", "numbers that mean nothing", reading(control)),),
        "positive_controls": (Control("planted", "a value planted well inside", Constant(lambda: 0.5)),),
        "published": (Published(PAPER, "Table 1", 0.25),),
    }
    return Criterion(**(options | changes))


def exact(key: str = "size", **changes) -> Criterion:
    options = {
        "sentence": "The network has 5,717,416 parameters.",
        "quantity": Quantity("parameters", "", "a larger network"),
        "region": Region.equal(PARAMETERS, 0),
        "because": "it is printed",
        "evidence": Constant(lambda: float(PARAMETERS)),
        "negative_controls": (),
        "positive_controls": (),
        "control_free": "a count cannot be otherwise",
        "published": (Published(PAPER, "Table 2", float(PARAMETERS)),),
    }
    return criterion(key, "high", **(options | changes))


def registered(verdict: Verdict) -> dict[str, Expected]:
    return {"tiny": Expected(verdict, "computed beforehand", REGISTERED)}


def claim(key: str = "made_up", criteria: tuple[Criterion, ...] | None = None, **changes) -> Claim:
    if criteria is None:
        criteria = (
            criterion("holds", "high", expected=registered(Verdict.SEEN_HERE)),
            criterion("fails", "low", control="high", expected=registered(Verdict.NOT_SEEN_HERE)),
            criterion("vacuous", "high", control="higher"),
            criterion("open", "edge"),
            exact(),
        )
    options = {
        "sentence": "Made-up numbers are large.",
        "papers": (PAPER,),
        "where": "section 3",
        "deviations": (Deviation("images", "one class", "none"),),
    }
    return Claim(key=key, criteria=criteria, **(options | changes))


def evidence(root, roles: tuple[str, ...] = ("high", "higher", "low", "edge"), profile: Profile = PROFILE) -> Evidence:
    """Evidence in which the given roles are computed."""
    store = Store(root)
    fill(store, roles, profile.seeds, profile)
    return Evidence(profile, store)
