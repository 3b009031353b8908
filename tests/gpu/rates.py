"""How fast a device measures and trains, against what it could do; kept in a dated file."""

from __future__ import annotations

import json
import re
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from suite.evidence.runtime import environment

# Dense peak of the tensor cores in half precision, 1e12 operations a second, from NVIDIA's data sheets: H100 SXM and
# H200 989.4 (1,979 with sparsity), H100 PCIe 756, H100 NVL 835, A100 312, L40S 362, A10 125, V100 125, T4 65.
PEAKS = (
    (r"H200|H100.*(SXM|HBM3)", 989.4),
    (r"H100.*NVL", 835.0),
    (r"H100.*PCIe", 756.0),
    (r"A100", 312.0),
    (r"L40S", 362.0),
    (r"A10\b|V100", 125.0),
    (r"\bT4\b", 65.0),
)


def peak(name: str) -> float | None:
    """Operations a second of a GPU in half precision; None if it is none that is known."""
    return next((1e12 * value for pattern, value in PEAKS if re.search(pattern, name)), None)


def flops(network: torch.nn.Module, pixels: torch.Tensor) -> float:
    """Floating-point operations of one image's forward pass, as torch counts them: a product and a sum are two."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(pixels[:1])
    return float(counter.get_total_flops())


def utilisation(images_per_second: float, flops_per_image: float, name: str) -> float | None:
    """Share of a GPU's peak that useful operations make up; None for what is no GPU that is known."""
    top = peak(name)
    return None if top is None else images_per_second * flops_per_image / top


def forward_rate(
    network: torch.nn.Module, pixels: torch.Tensor, *, batches: int, autocast: torch.dtype, half: bool = True
) -> float:
    """Images a second of forward passes, in half precision unless told otherwise, once it is warm."""
    device = pixels.device.type
    with torch.inference_mode(), torch.autocast(device, dtype=autocast, enabled=half):
        for _ in range(2):
            network(pixels)
        _finished(device)
        began = time.perf_counter()
        for _ in range(batches):
            network(pixels)
        _finished(device)
    return batches * len(pixels) / (time.perf_counter() - began)


def _finished(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def name_of(device: str) -> str:
    """What computes."""
    return torch.cuda.get_device_name() if device == "cuda" else "CPU"


def write(folder, device: str, measured: dict) -> dict:
    """Add what was measured to today's file of this device; the file's content."""
    day = time.strftime("%Y-%m-%d")
    file = folder / f"{day}-{re.sub(r'[^A-Za-z0-9]+', '-', name_of(device)).strip('-')}.json"
    content = json.loads(file.read_text()) if file.exists() else {"date": day, "environment": environment(device)}
    content |= measured
    file.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    return content
