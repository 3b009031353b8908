"""Evidence of the desk profile with made-up numbers: every cell as it would look if it had been computed."""

from __future__ import annotations

import numpy as np

from suite.measure.probes import find
from suite.train.recipe import Evaluate

IMAGES, TEST_VIEWS = 597, 4 * 597
PER_IMAGE = (
    *("magnitude", "scale", "intensity"),
    *("entropy_global", "entropy_layer", "entropy_standardised"),
    *("dc_share", "flatness", "flatness_permuted", "low_pass", "low_pass_permuted"),
)
# Tokens and channels of every layer of the networks of the desk profile, by timm's name.
LAYERS = {
    "cait_s24_224": [(16, 48)] * 24,
    "deit_tiny_patch16_224": [(16, 24)] * 12,
    "swin_small_patch4_window7_224": [(256, 16), (64, 32), (16, 64), (4, 128)],
    "resnet18": [(64, 16), (16, 32), (4, 64), (4, 128)],
}


def measure(cell, random):
    shapes = LAYERS[cell.spec["network"]["timm"]]
    found = {name: random.random((len(shapes), IMAGES)) for name in PER_IMAGE}
    found |= {"clipped_share": np.zeros(len(shapes)), "images": np.int64(IMAGES)}
    found |= dict(zip(("tokens", "channels"), np.array(shapes).T, strict=True))
    for number, (_, channels) in enumerate(shapes):
        found[f"pooled.{number:02d}"] = random.standard_normal((IMAGES, channels)).astype(np.float32)
        found |= {f"{name}.{number:02d}": random.random(channels) for name in ("amplitude", "amplitude_permuted")}
    last, channels = f"{len(shapes) - 1:02d}", shapes[-1][1]
    for name in ("svd_dims", "shared_dims", "shared_dims_centred", "null_svd_dims", "null_shared_dims"):
        found[f"{name}.{last}"] = random.integers(1, 4, (IMAGES, 4))
    for name in ("shared_spectrum", "captured", "sep_curve", "sep_sorted", "sep_curve_permuted"):
        found[f"{name}.{last}"] = np.sort(random.random(channels))
    angles = (f"{kind}_{halves}" for kind in ("angles", "matched", "centred") for halves in ("cross", "split"))
    found |= {f"{name}.{last}": random.random(IMAGES) for name in ("participation", *angles)}
    given = {*find(cell.spec["probe"]).ARRAYS, "images", "tokens", "channels"}
    return {name: values for name, values in found.items() if name.partition(".")[0] in given}, []


def train(cell, random):
    epochs = sorted(Evaluate.of(cell.spec["evaluate"]).after(cell.spec["recipe"]["epochs"]))
    steps = 6 * np.array(epochs)
    correct = random.random(TEST_VIEWS) < 0.8
    trajectory = np.append(np.linspace(20, 79, len(steps) - 1), 100 * correct.mean())
    found = {"accuracy_last": trajectory[-1], "accuracy_best": trajectory.max(), "correct": correct}
    found |= {"steps": steps, "trajectory": trajectory, "parameters": np.int64(50_000), "width": np.int64(24)}
    depth = cell.spec["student"].get("config", {"depth": 12})["depth"]
    for name in ("magnitude", "entropy_global", "entropy_layer", "entropy_standardised", "flatness"):
        found[f"profile.{name}"] = random.random((len(steps), depth))
    return found, [{"step": int(step), "loss": 1.0, "accuracy": 50.0} for step in steps]


def super_resolution(cell, random):
    errors = ("error", "error_moved", "error_framed", "error_even", "bicubic_error", "bicubic_error_moved")
    modules = 4 if cell.spec["network"]["module"] != "branch_free" else 0
    found = {name: 1 + random.random((2, 16)) for name in errors}
    found |= {name: random.random((2, modules)) for name in ("centroid", "centroid_noise", "centroid_planted")}
    found |= {name: random.random(modules) for name in ("cka", "cka_planted")}
    return found | {"parameters": np.int64(20_000), "multiply_adds": np.float64(5e7)}, []


MADE_UP = {"measure": measure, "train": train, "super_resolution": super_resolution}


def fill(store, steps):
    """Write every cell as if it had been computed."""
    random = np.random.default_rng(0)
    for step in steps:
        draft = store.begin(step.cell)
        if step.cell.spec.get("evaluate", {}).get("weights"):
            (draft.folder / "weights.safetensors").write_bytes(random.bytes(3_000_000))
        arrays, metrics = MADE_UP[step.cell.study](step.cell, random)
        draft.finish({name: np.asarray(values) for name, values in arrays.items()}, metrics, seconds=1.0, device="cpu")
