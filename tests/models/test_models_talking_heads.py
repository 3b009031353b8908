"""The kernel of Triton: timm's results in its interpreter, machine code for GPUs, and the rule that chooses it.

A process runs either the interpreter or the compiler, so each has one of its own.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from suite.models import fused_cait
from suite.models.fused_cait import fuse

TRITON = pytest.mark.skipif(find_spec("triton") is None, reason="there is no Triton here: it comes with torch for CUDA")
HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
H100 = 232_448  # bytes of shared memory that a program may have (CUDA C programming guide, compute capability 9.0)


def in_a_process(*command, folder, **variables):
    places = os.pathsep.join(map(str, (ROOT, HERE)))
    mine = {"PYTHONPATH": places, "TRITON_CACHE_DIR": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        env={**os.environ, **mine, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("triton")
    return in_a_process(str(HERE / "interpreted_kernel.py"), folder=folder, TRITON_INTERPRET="1")


@TRITON
def test_the_kernel_is_as_right_as_plain_products(found):
    """In half precision it rounds no map, and is never further away than products that round each.

    In single precision both are far within what the rule of choice allows, 1e-5.
    """
    assert {dtype for dtype, *_ in found["errors"]} == {"torch.float32", "torch.float16"}
    for dtype, shape, tile, error, plain in found["errors"]:
        bound = 5e-6 if dtype == "torch.float32" else max(1.1 * plain, 1e-3)
        assert error < bound, (dtype, shape, tile, plain)


@TRITON
def test_it_reads_and_writes_nothing_else(found):
    assert found["outside"] == {"error": 0.0, "untouched": True}


@TRITON
def test_it_is_chosen_where_it_is_right_and_faster_and_nowhere_else(found):
    chosen = found["choices"]
    assert chosen.pop("fast") == [16, 32, 8]
    assert chosen == dict.fromkeys(("measured", "wrong", "broken", "bfloat16"))


@TRITON
def test_timms_module_gives_timms_result_through_it(found):
    network = found["network"]
    assert network["taken"] == ["torch.float32", "torch.float16"], "autocast's numbers reach it"
    assert network["single"] < 1e-5
    assert network["half"] < 1.1 * network["timms_half"]


COMPILE = """
import json, sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from suite.models import talking_heads

found = []
for numbers, tile in (("fp16", talking_heads.TILES[0]), ("fp32", talking_heads.TILES[-1])):
    sizes = {"H": 8, "HP": 8, "D": 48, "DP": 64, "R": tile.queries, "K": tile.keys, "PRECISION": "ieee"}
    kinds = {name: "constexpr" if name in sizes else f"*{numbers}" for name in talking_heads._kernel.arg_names}
    source = ASTSource(talking_heads._kernel, kinds | {"tokens": "i32", "scale": "fp32"}, constexprs=sizes)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": tile.warps})
    found.append([made.metadata.shared, len(made.asm["cubin"])])
json.dump(found, sys.stdout)
"""


@TRITON
def test_it_is_compiled_for_an_h100_and_fits_its_shared_memory(tmp_path):
    """No GPU is needed for that: the compiler comes with Triton. The interpreter takes what a compiler refuses."""
    for shared, code in in_a_process("-c", COMPILE, folder=tmp_path, TRITON_INTERPRET="0"):
        assert 0 < shared <= H100
        assert code > 0


def attention():
    module = torch.nn.Sequential(fused_cait.TalkingHeadAttn(8, num_heads=2)).eval()
    fuse(module)
    return module


def test_no_kernel_is_taken_on_a_cpu_nor_where_gradients_are_wanted(monkeypatch):
    class Qkv:
        is_cuda, requires_grad = True, True

    monkeypatch.setattr(fused_cait, "TRITON", True)
    assert not fused_cait._may_take_the_kernel(torch.zeros(1))
    assert not fused_cait._may_take_the_kernel(Qkv())
    with torch.no_grad():
        assert fused_cait._may_take_the_kernel(Qkv())
        monkeypatch.setattr(fused_cait, "TRITON", False)
        assert not fused_cait._may_take_the_kernel(Qkv())


def test_autocast_is_off_for_the_maps_and_on_around_them(monkeypatch):
    seen = {}
    module = attention()
    softmax = torch.Tensor.softmax

    def noted(maps, *given, **named):
        seen["maps"] = maps.dtype, torch.is_autocast_enabled("cpu")
        return softmax(maps, *given, **named)

    monkeypatch.setattr(torch.Tensor, "softmax", noted)
    x = torch.randn(1, 5, 8)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        out = module(x)
        assert torch.is_autocast_enabled("cpu")
    assert seen["maps"] == (torch.bfloat16, False)
    assert out.dtype == torch.bfloat16
