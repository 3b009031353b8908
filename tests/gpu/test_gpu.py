"""One training step, measurements, resuming, a student that needs too much memory, two processes, speed."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import rates
import torch
from full_profile import LAST, asked, block, load_profile, write_images

from baselines.feature_mse import FeatureMSE
from suite.errors import Stopped
from suite.evidence.store import Store
from suite.measure.stream import measured
from suite.models import build, fused_cait
from suite.models.fused_cait import fuse
from suite.run.execute import Outcome, execute
from suite.studies.cells import student
from suite.train.numerics import Numerics
from suite.train.student import Student

IMAGES = 48  # 6 classes of 8: one step an epoch at a batch of as many
ONE_STEP = {"batch": IMAGES, "micro_batch": 12}
# Relative differences of loss and gradient norm after one step. In single precision, sums in another order; in half,
# roundings to 8 and 11 bits in every layer of a short network.
CLOSE = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images"))


def profile(folder, images, device="cpu", **recipe):
    folder.mkdir(parents=True, exist_ok=True)
    return load_profile(folder, images, compute={"device": device}, distill={"recipe": {**ONE_STEP, **recipe}})


def students(made):
    """Two that differ in what they train: parameters and batch norm of their own; none."""
    projector = student("projector_kd_released", LAST, weights="random")
    features = student("feature_mse", LAST, weights="random")
    return [projector(made, 0), features(made, 0)]


def compute(folder, cells, device):
    store = Store(folder / "evidence")
    outcomes = execute(store, cells, device=device, report=lambda *_: None)
    return store, [outcomes[cell.key] for cell in cells]


def trained(folder, images, device, **recipe):
    """Results of the students, in their order."""
    cells = students(profile(folder, images, **recipe))
    store, outcomes = compute(folder, cells, device)
    assert outcomes == [Outcome.DONE] * len(cells)
    return [store.read(cell) for cell in cells]


@pytest.fixture(scope="module")
def reference(images, tmp_path_factory):
    """The students as the CPU trains them in single precision."""
    return trained(tmp_path_factory.mktemp("reference"), images, "cpu")


def near(found, expected, tolerance):
    return found == pytest.approx(expected, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_training_step_is_the_cpus(images, reference, tmp_path, device, precision):
    if (device, precision) == ("cpu", "float16"):
        pytest.skip("torch's loss scaling has no use on a CPU")
    for mine, theirs in zip(trained(tmp_path, images, device, precision=precision), reference, strict=True):
        first, expected = mine.metrics[0], theirs.metrics[0]
        for name in ("loss", "gradient"):
            assert near(first[name], expected[name], CLOSE[precision]), f"{name}: {first[name]} for {expected[name]}"
        assert np.isfinite(mine.arrays["trajectory"]).all()


def features():
    """Features of three layers: images, tokens, channels."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(8, 16, 12, generator=generator) * scale for scale in (1.0, 0.5, 3.0)]


def test_measurements_are_the_cpus(device, tmp_path):
    layers = features()
    found = measured([layer.to(device) for layer in layers], seed=0)
    expected = measured(layers, seed=0)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        if np.issubdtype(values.dtype, np.number):
            np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_training_that_was_stopped_goes_on_where_it_was(images, tmp_path, device, monkeypatch):
    whole = trained(tmp_path / "whole", images, device)
    begin = Student.begin

    def stops(self):
        if self.done == 1:
            raise Stopped("the machine is taken away")
        begin(self)

    made = profile(tmp_path / "parts", images)
    with monkeypatch.context() as patch:
        patch.setattr(Student, "begin", stops)
        _, outcomes = compute(tmp_path / "parts", students(made), device)
        assert outcomes == [Outcome.KILLED] * 2
    store, outcomes = compute(tmp_path / "parts", students(made), device)
    assert outcomes == [Outcome.DONE] * 2
    for cell, expected in zip(students(made), whole, strict=True):
        for mine, theirs in zip(store.read(cell).metrics, expected.metrics, strict=True):
            assert near(mine["loss"], theirs["loss"], 0.0 if device == "cpu" else 1e-4)


def test_a_student_that_needs_too_much_memory_ends_alone(images, reference, tmp_path, device, monkeypatch):
    def greedy(_self, feature, _target):
        return feature.sum() * torch.empty(1 << 50, device=device)[0]  # a petabyte and more: a real refusal

    monkeypatch.setattr(FeatureMSE, "loss", greedy)
    cells = students(profile(tmp_path, images))
    store, outcomes = compute(tmp_path, cells, device)
    assert outcomes == [Outcome.DONE, Outcome.FAILED]
    assert re.search("memory|allocate", store.state(cells[1].key).detail, flags=re.IGNORECASE)
    survivor = store.read(cells[0])
    assert near(survivor.metrics[-1]["loss"], reference[0].metrics[-1]["loss"], 0.0 if device == "cpu" else 1e-3)
    if device == "cuda":
        assert torch.cuda.memory_allocated() < 64 * 2**20, "what the failed student held is free"


@pytest.mark.gpus(2)
def test_two_processes_come_to_the_result_of_one(images, tmp_path):
    """Over NCCL; over gloo on a CPU, ``tests/run/test_execute_together.py`` launches it the same way."""
    from test_execute_together import launch

    folder = tmp_path / "two"
    cells = asked(replace(profile(folder, images, "cuda"), device="cuda"))
    alone, outcomes = compute(tmp_path / "one", cells, "cuda")
    assert set(outcomes) == {Outcome.DONE}
    setting = SimpleNamespace(profile=folder / "tiny-full.toml", images=images)
    done = launch(folder, setting, keys=[cell.key for cell in cells])
    assert done.returncode == 0, done.stderr[-2000:]
    together = Store(folder / "evidence")
    for cell in cells:
        for mine, theirs in zip(together.read(cell).metrics, alone.read(cell).metrics, strict=True):
            assert near(mine["loss"], theirs["loss"], 1e-3)


# -------------------------------------------------------------------------------------------------- speed

SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2}
FROZEN = {  # what is measured on each device: timm name, size of images, batch, batches
    "cpu": (("deit_tiny_patch16_224", 32, 2, 2, SMALL),),
    "cuda": (
        ("deit_tiny_patch16_224", 224, 256, 20, {}),
        ("cait_s24_224", 224, 128, 10, {}),
        ("swin_small_patch4_window7_224", 224, 128, 10, {}),
    ),
}


def test_the_speed_of_forward_passes_is_recorded(device, evidence):
    import timm

    found = {}
    for name, size, batch, batches, changes in FROZEN[device]:
        network = timm.create_model(name, num_classes=10, **changes).eval().to(device)
        pixels = torch.randn(batch, 3, size, size, device=device)
        each = rates.flops(network, pixels)
        rate = rates.forward_rate(network, pixels, batches=batches, autocast=torch.bfloat16)
        used = rates.utilisation(rate, each, rates.name_of(device))
        found[name] = {"images_per_second": rate, "flops_per_image": each, "utilisation": used}
        assert rate > 0
        assert each > 0
        assert used is None or 0 < used < 1, "more than the peak: the count, the clock or the peak is wrong"
    content = rates.write(evidence, device, {"forward, bfloat16": found})
    assert content["environment"]["device"] == device
    assert len(list(evidence.glob("*.json"))) == 1


TEACHER = {"cpu": (SMALL | {"init_values": 1.0}, 32, 2, 2), "cuda": ({"init_values": 1.0}, 224, 256, 10)}


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_the_ways_of_the_teacher_agree_and_their_speed_is_recorded(device, evidence, monkeypatch, precision):
    """CaiT by timm's products, by tiles with weights cast once, and with the kernel where it is faster."""
    changes, side, batch, batches = TEACHER[device]
    numerics = Numerics(device, precision)
    network = build({"timm": "cait_s24_224", "overrides": changes}, classes=10, seed=0).eval().requires_grad_(False)
    numerics.place(network)
    pixels = numerics.pixels(torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(0)))
    found, logits = {}, {}

    def measure(way):
        half = precision == "float16"
        rate = rates.forward_rate(network, pixels, batches=batches, autocast=torch.float16, half=half)
        found[way] = {"images_per_second": rate}
        with torch.inference_mode(), numerics.autocast():
            logits[way] = network(pixels).double().cpu()

    measure("timm")
    with monkeypatch.context() as patch:
        patch.setattr(fused_cait, "TRITON", False)
        assert fuse(network) == len(network.blocks)
        measure("tiles")
    measure("as a block asks it")
    for way, values in logits.items():
        apart = float((values - logits["timm"]).abs().max() / logits["timm"].abs().max())
        found[way]["apart_from_timm"] = apart
        assert apart < CLOSE[precision], way
    found["kernel"] = kernels()
    rates.write(evidence, device, {f"teacher, {precision}": found})


def kernels():
    """Which tiles of the kernel were chosen, by shape; empty where it was not asked for."""
    if not fused_cait.TRITON:
        return {}
    from suite.models import talking_heads

    return {str(asked): tile for asked, tile in talking_heads._chosen.items()}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_speed_of_training_is_recorded(images, tmp_path, device, evidence, precision):
    """As a block trains: images from disk, teacher, all students, evaluation left out."""
    made = profile(tmp_path, images, precision=precision)
    cells = block(made)
    store, outcomes = compute(tmp_path, cells, device)
    assert set(outcomes) == {Outcome.DONE}
    found = [store.read(cell).metrics[-1]["images_per_second"] for cell in cells]
    assert all(math.isfinite(rate) and rate > 0 for rate in found)
    rates.write(evidence, device, {f"training, tiny networks, {precision}": {"images_per_second": min(found)}})


def test_peaks_are_those_of_the_data_sheets():
    assert rates.peak("NVIDIA H100 80GB HBM3") == rates.peak("NVIDIA H200") == 989.4e12
    assert rates.peak("NVIDIA H100 PCIe") == 756e12
    assert rates.peak("NVIDIA A100-SXM4-80GB") == 312e12
    assert rates.peak("NVIDIA A10") == 125e12
    assert rates.peak("CPU") is None
    assert rates.utilisation(1000.0, 98.94e9, "NVIDIA H200") == pytest.approx(0.1)
    assert rates.utilisation(1000.0, 1.0, "a GPU of tomorrow") is None
