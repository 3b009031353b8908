"""Claims about fake cells: one that stands, one of everything that can go wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from fake_studies import make
from suite.claim import Claim, Constant, Control, Criterion, Expected, NeverReleased, Paper, PerSeed, Quantity
from suite.evidence.released import Original
from suite.judge import Observed, Region, Sampling, Verdict

PAPER = Paper("fake", "On Fake Cells", "2501.00001", "v1", "https://example.org/fake")
PROFILE_TOML = """
scope = "proxy"
seeds = 4
summary = "fake cells"

[networks.cait]
timm = "nothing"
"""
MEANS = {"high": 0.30, "low": 0.02}
REGISTERED = date(2026, 1, 2)


def cells(role: str, does: str = "value", **changes):
    """The subject of a reading: (profile, seed) -> cell."""

    def cell(profile, seed):
        value = MEANS.get(role, 0.3) + 0.005 * (seed % 3)
        return make(f"{role}, seed {seed}", does=does, value=value, seed=seed, device=profile.device, **changes)

    return cell


def reading(role: str, does: str = "value", value=lambda result: float(result.arrays["value"]), **changes) -> PerSeed:
    return PerSeed((cells(role, does, **changes),), value)


def criterion(key: str, evidence, control=None, expected=None, **changes) -> Criterion:
    return Criterion(
        key=key,
        sentence=f"The value of {key} is at least 0.14.",
        quantity=Quantity("value", "bits", "more"),
        region=Region.at_least(0.14),
        because="a tenth is the smallest that counts",
        evidence=evidence,
        negative_controls=(Control("null", "numbers that mean nothing", control or reading("low")),),
        positive_controls=(Control("planted", "a value planted well inside", Constant(lambda: 0.5)),),
        expected={"toy": Expected(expected, "computed beforehand", REGISTERED)} if expected else {},
        **changes,
    )


def claim(key: str, *criteria: Criterion) -> Claim:
    return Claim(key, f"Claim {key}.", (PAPER,), "section 3", criteria)


def nowhere(profile, seed):
    return make("x", study="fake_studies.single", recipe=profile.network("cait")["recipe"])


def of_its_profile(profile, seed):
    return make("x", seed=seed, network=profile.network("cait")["timm"])


def without_network(profile, seed):
    return make("x", recipe=profile.network("swin"))


def raises(_result):
    raise TypeError("unsupported operand")


def single(_log) -> Observed:
    return Observed((0.3,), Sampling.SINGLE, standard_error=0.01)


RELEASED_LOG = Original("https://example.org/authors", "c" * 40, "log.txt", 1, "", Path.read_text, lambda: "embedded")


SOUND = claim(
    "sound",
    criterion("holds", reading("high"), expected=Verdict.SEEN_HERE),
    criterion("fails", reading("low"), expected=Verdict.NOT_SEEN_HERE),
)
FAULTS = {
    "broken": criterion("broken", reading("broken", "raise")),
    "nan": criterion("nan", reading("high", value=lambda _: float("nan"))),
    "crooked": criterion("crooked", reading("high", value=raises)),
    "lacking": criterion("lacking", PerSeed((nowhere,), lambda _: 0.3)),
}
FAULTY = claim("faulty", *FAULTS.values(), criterion("holds", reading("high")))
IMPOSSIBLE = claim(
    "impossible",
    criterion("network", PerSeed((without_network,), lambda _: 0.3)),
    criterion("never", NeverReleased("the weights were never released")),
)
EXACT = claim("exact", criterion("count", Constant(lambda: 1.0), control=Constant(lambda: 0.0)))


OWN = claim("own", criterion("own", PerSeed((of_its_profile,), lambda _: 0.3)))
