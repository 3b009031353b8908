"""The fused CaiT teacher against timm's own, and both against the student they teach."""

from __future__ import annotations

import copy

import pytest
import torch
from bench_timing import Seconds, added, always, take_turns

from suite.models import build
from suite.models.fused_cait import fuse

CAIT_S24 = {"timm": "cait_s24_224", "overrides": {"init_values": 1.0}}
DEIT_T = {"timm": "deit_tiny_patch16_224"}
BATCHES = {1: 7, 8: 3, 32: 1}  # images: turns
# Of timm's processor time, at most, for the clock is no measure beside other programs; one image leaves little to gain.
LIMITS = {1: 1.0, 8: 1 / 1.5, 32: 1 / 1.5}
EVERY = 6  # attention is timed on every sixth layer: all do the same work


@pytest.fixture(scope="module")
def timms():
    return build(CAIT_S24, seed=0).eval()


@pytest.fixture(scope="module")
def fused(timms):
    network = copy.deepcopy(timms)
    assert fuse(network) == len(network.blocks)
    return network


@pytest.fixture(scope="module")
def student():
    return build(DEIT_T, seed=0).eval()


@pytest.fixture(params=[1, 2])
def threads(request):
    """A CPU's threads: what a worker has, and two of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def forward(module, inputs):
    def task():
        with torch.inference_mode():
            module(inputs)

    return task


def some_layers(network, part, inputs):
    """The same part of every sixth block, one after the other, on the same tokens."""
    parts = [part(block) for block in network.blocks[::EVERY]]

    def task():
        with torch.inference_mode():
            for each in parts:
                each(inputs)

    return task


@pytest.mark.parametrize("batch", BATCHES)
def test_the_fused_teacher_is_faster(timms, fused, student, threads, batch, ledger):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, 3, 224, 224, generator=generator)
    patches = torch.randn(batch, timms.patch_embed.num_patches, timms.embed_dim, generator=generator)
    with torch.inference_mode():
        expected = timms(images)
        assert (fused(images) - expected).abs().max() < 1e-5 * expected.abs().max()
    times = take_turns(
        BATCHES[batch],
        fused=always(forward(fused, images)),
        timm=always(forward(timms, images)),
        student=always(forward(student, images)),
        fused_attention=always(some_layers(fused, lambda block: block.attn, patches)),
        timm_attention=always(some_layers(timms, lambda block: block.attn, patches)),
        linear=always(some_layers(timms, lambda block: lambda x: (block.attn.qkv(x), block.attn.proj(x)), patches)),
    )
    for name in ("fused_attention", "timm_attention", "linear"):  # of the whole network
        times[name] = added(*[times[name]] * EVERY)
    times["fused_maps"], times["timm_maps"] = (
        Seconds(times[name].wall - times["linear"].wall, times[name].cpu - times["linear"].cpu)
        for name in ("fused_attention", "timm_attention")
    )
    ledger.show(forward(fused, images))

    def compare(what: str, ours: str, reference: str, limit: float | None = None) -> None:
        what = f"CaiT-S24 224 px, {batch} images: {what}"
        ledger.compare(what, times[ours], times[reference], threads=threads, limit=limit)

    limit = LIMITS[batch] if threads == 1 else None  # more threads wait for each other where other programs run
    compare("fused / timm", "fused", "timm", limit)
    compare("fused attention / timm's", "fused_attention", "timm_attention")
    compare("the same without the linear layers, which both share", "fused_maps", "timm_maps")
    compare("timm's attention / whole network", "timm_attention", "timm")
    compare("fused attention / whole network", "fused_attention", "fused")
    compare("timm / DeiT-T", "timm", "student")
    compare("fused / DeiT-T", "fused", "student")
    assert limit is None or times["fused"].cpu < limit * times["timm"].cpu
