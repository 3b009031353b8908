"""A claim with every kind of figure, on made-up cells: nothing is trained."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import date

import numpy as np

from suite.assess import Evidence, assess_claim
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

PAPER = Paper("made_up", "On Made-up <b>Layers</b>", "2501.00001", "v1", "https://example.org/code")
PROFILE = Profile(
    name="tiny",
    scope="proxy",
    summary="made-up numbers",
    seeds=(0, 1, 2),
    deviations=(Deviation("data", "ImageNet-1k", "none at all"),),
)
LAYERS, STAGES, IMAGES, TOKENS, CHANNELS = 5, 4, 6, 7, 12
WIDTHS = (8, 16, 24)
STEPS = (30, 60, 90, 120)
HOSTILE = '<script>alert("x")</script> & <img src=http://example.org/x>'


# ---------------------------------------------------------------- cells


def network(role: str, *, trained: bool = True):
    def cell(profile: Profile, seed: int) -> Cell:
        label = f"measure {'trained' if trained else 'untrained'} {role}, seed {seed}"
        return Cell("measure", {"role": role, "trained": trained}, seed, code="c0de", label=label)

    return cell


def student(method: str, *, layers: tuple[int, ...] | None = None, width: int = 24, steps: int = STEPS[-1], **options):
    chosen = ({} if layers is None else {"student_layers": list(layers)}) | options

    def cell(profile: Profile, seed: int) -> Cell:
        spec = {
            "method": {"name": method, "options": chosen},
            "teacher": {"weights": "trained"},
            "target": "features",
            "student": {"config": {"embed_dim": width}},
            "recipe": {"epochs": steps},
        }
        return Cell("train", spec, seed, code="c0de", label=f"{method} -> plain {width}, seed {seed}")

    return cell


def _noise(cell: Cell) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(sorted(cell.identity["spec"].items())).encode()) + cell.seed)


def _network_arrays(cell: Cell) -> dict[str, np.ndarray]:
    rng, trained = _noise(cell), cell.spec["trained"]
    layers = STAGES if cell.spec["role"] == "swin" else LAYERS
    bowl = (np.linspace(-1, 1, layers) ** 2 if trained else np.zeros(layers))[:, None] + 1.0
    profile = {
        name: bowl + 0.02 * rng.standard_normal((layers, IMAGES))
        for name in ("magnitude", "entropy_global", "flatness")
    }
    dims = np.sort(rng.integers(1, TOKENS + 1, (IMAGES, 4)), axis=1)
    arrays = profile | {
        "flatness_permuted": profile["flatness"] * 0.5,
        "images": np.int64(IMAGES),
        "tokens": np.full(layers, TOKENS),
        "channels": np.full(layers, CHANNELS),
    }
    for layer in range(layers):
        arrays[f"pooled.{layer:02d}"] = rng.standard_normal((IMAGES, CHANNELS))
        arrays[f"amplitude.{layer:02d}"] = rng.uniform(0.5, 1.5, CHANNELS)
    last = f"{layers - 1:02d}"
    arrays[f"svd_dims.{last}"] = dims
    for name in ("shared_dims", "null_shared_dims", "null_svd_dims"):
        arrays[f"{name}.{last}"] = np.minimum(dims + 3, CHANNELS)
    for name in ("sep_curve", "sep_sorted", "sep_curve_permuted"):
        power = rng.uniform(0.5, 1.5, CHANNELS)
        arrays[f"{name}.{last}"] = np.cumsum(power / power.sum())
    return arrays


def _student_arrays(cell: Cell) -> dict[str, np.ndarray]:
    rng = _noise(cell)
    steps = np.array([share * cell.spec["recipe"]["epochs"] // STEPS[-1] for share in STEPS])
    ahead = 4.0 if cell.spec["method"]["name"] == "spectral_kd" else 0.0
    trajectory = 60 + 0.1 * steps + ahead * np.linspace(1, -1, len(steps)) + 0.05 * rng.standard_normal(len(steps))
    profile = np.linspace(1, 2, 4) + 0.05 * rng.standard_normal((len(steps), 4))
    return {
        "steps": steps,
        "width": np.int64(cell.spec["student"]["config"]["embed_dim"]),
        "trajectory": trajectory,
        "accuracy_last": np.float64(trajectory[-1]),
        "profile.entropy_global": profile,
        "profile.magnitude": profile + 1,
    }


def fill(store: Store, claim: Claim, profile: Profile = PROFILE) -> None:
    """Write every cell the claim asks for."""
    readings = [r for c in claim.criteria for r in (c.evidence, *(control.evidence for control in c.controls))]
    for cell in dict.fromkeys(cell for reading in readings for cell in reading.cells(profile)):
        if store.state(cell.key).word != "done":
            arrays = _network_arrays(cell) if cell.study == "measure" else _student_arrays(cell)
            store.begin(cell).finish(arrays, [], seconds=1.5, device="cpu")


# ---------------------------------------------------------------- claims


def _mean(name: str):
    return lambda result: float(np.mean(result.arrays[name], axis=1)[0] - np.mean(result.arrays[name], axis=1).min())


def _gain(*results) -> float:
    values = [float(result.arrays["accuracy_last"]) for result in results]
    return sum(values[::2]) - sum(values[1::2])


def _late(one, other) -> float:
    return float(one.arrays["profile.entropy_global"][-1, -1] - other.arrays["profile.entropy_global"][-1, -1])


def _nearer(alone, ours, teacher) -> float:
    return float(np.mean(np.asarray(teacher.arrays["magnitude"])) * _late(alone, ours))


def _alike(one, _) -> float:
    return 0.5 + _mean("flatness")(one)


def _slope(*results) -> float:
    gains = [
        float(a.arrays["accuracy_last"] - b.arrays["accuracy_last"])
        for a, b in zip(results[::2], results[1::2], strict=True)
    ]
    return float(np.polyfit(np.log2(WIDTHS), gains, 1)[0])


CAIT, UNTRAINED, SWIN = network("cait"), network("cait", trained=False), network("swin")
SOFT, LAST, FIRST = student("soft_kd"), student("spectral_kd", layers=(-1,)), student("spectral_kd", layers=(0,))
LONG = student("spectral_kd", layers=(-1,), steps=360), student("soft_kd", steps=360)
ZERO = student("spectral_kd", layers=(-1,), weight=0.0)
BY_WIDTH = tuple(
    one
    for width in WIDTHS
    for one in (student("spectral_kd", layers=(-1,), width=width), student("soft_kd", width=width))
)

READINGS: dict[str, tuple[PerSeed, PerSeed]] = {  # figure: the claim's reading, its control's
    "": (PerSeed((CAIT,), _mean("flatness")), PerSeed((UNTRAINED,), _mean("flatness"))),
    "depth:entropy_global": (PerSeed((CAIT,), _mean("entropy_global")), PerSeed((UNTRAINED,), _mean("entropy_global"))),
    "depth:flatness": (PerSeed((CAIT,), _mean("flatness")), PerSeed((UNTRAINED,), _mean("flatness"))),
    "scatter:magnitude:entropy_global": (
        PerSeed((CAIT,), _mean("magnitude")),
        PerSeed((UNTRAINED,), _mean("magnitude")),
    ),
    "matrix:amplitude": (PerSeed((CAIT, SWIN), _alike), PerSeed((UNTRAINED,), _mean("flatness"))),
    "matrix:cka": (PerSeed((CAIT, SWIN), _alike), PerSeed((UNTRAINED,), _mean("flatness"))),
    "ranks": (PerSeed((CAIT,), _mean("magnitude")), PerSeed((UNTRAINED,), _mean("magnitude"))),
    "pattern": (PerSeed((CAIT,), _mean("magnitude")), PerSeed((UNTRAINED,), _mean("magnitude"))),
    "paired": (PerSeed((LAST, SOFT), _gain), PerSeed((FIRST, SOFT), _gain)),
    "trajectory": (PerSeed((LAST, SOFT), _gain), PerSeed((FIRST, SOFT), _gain)),
    "student-depth": (PerSeed((LAST, SOFT), _late), PerSeed((ZERO, SOFT), _late)),
    "trend": (PerSeed(BY_WIDTH, _slope), PerSeed(BY_WIDTH[::-1], _slope)),
}
EXTRA: dict[str, tuple[str, PerSeed, PerSeed]] = {  # further cases of a kind: key, readings
    "two_lengths": ("trajectory", PerSeed((*LONG, LAST, SOFT), _gain), PerSeed((*LONG, FIRST, SOFT), _gain)),
    "mirror": ("student-depth", PerSeed((SOFT, LAST, CAIT), _nearer), PerSeed((SOFT, FIRST, CAIT), _nearer)),
}


def criterion(key: str, figure: str, reading, control, **changes) -> Criterion:
    options = {
        "key": key,
        "sentence": f"The {key} is large.",
        "quantity": Quantity(f"size of {key}", "bits", "more"),
        "region": Region.at_least(0.3),
        "because": "nothing smaller would be called large",
        "evidence": reading,
        "negative_controls": (Control("untrained", "before any training", control),),
        "positive_controls": (Control("planted", "a value planted well inside", Constant(lambda: 0.9)),),
        "published": (Published(PAPER, "Table 1, row <3>", 0.25),),
        "figure": figure,
    }
    return Criterion(**(options | changes))


def every_figure() -> Claim:
    """One criterion a kind of figure."""
    criteria = [
        criterion(figure.replace(":", "_").replace("-", "_") or "interval", figure, *readings)
        for figure, readings in READINGS.items()
    ]
    criteria += [criterion(key, *rest) for key, rest in EXTRA.items()]
    criteria[0] = replace(criteria[0], expected={"tiny": Expected(Verdict.NOT_SEEN_HERE, "a guess", date(2026, 1, 2))})
    return Claim("every_figure", "Every figure can be drawn.", (PAPER,), "section 3", tuple(criteria), notes="Made up.")


def hostile() -> Claim:
    """A claim whose every text would break out of HTML if it could."""
    one = criterion(
        "sneaky",
        "",
        *READINGS[""],
        sentence=HOSTILE,
        because=HOSTILE,
        quantity=Quantity(HOSTILE, '"bits"', HOSTILE),
        published=(Published(PAPER, HOSTILE, text=HOSTILE),),
        negative_controls=(Control("null", HOSTILE, READINGS[""][1]),),
        deviations=(Deviation(HOSTILE, HOSTILE, HOSTILE),),
    )
    exact = criterion(
        "exact",
        "",
        Constant(lambda: float("nan")),
        None,
        negative_controls=(),
        positive_controls=(),
        control_free=HOSTILE,
    )
    return Claim("hostile", HOSTILE, (PAPER,), HOSTILE, (one, exact), notes=HOSTILE)


def judged(claim: Claim, root, *, filled: bool = True, profile: Profile = PROFILE):
    """Evidence and assessments of a claim."""
    store = Store(root)
    if filled:
        fill(store, claim, profile)
    evidence = Evidence(profile, store)
    return evidence, assess_claim(claim, evidence)
