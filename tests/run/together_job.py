"""What every process of a test's job runs: the block of ``full_profile``, noting gradients and weights as it goes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch
from full_profile import block

from suite import profile as profiles
from suite.evidence.store import Store
from suite.run.execute import execute
from suite.train.student import Student

RANK = int(os.environ.get("RANK", "0"))


def note_updates(folder: Path) -> None:
    """After every update, keep this process's gradients and weights of every student."""
    update = Student.update
    seen: dict[str, list[dict[str, torch.Tensor]]] = {}

    def noted(self, numbers) -> None:
        update(self, numbers)
        both = dict(self.both.named_parameters())
        seen.setdefault(self.key, []).append(
            {f"gradient {name}": p.grad.clone() for name, p in both.items() if p.grad is not None}
            | {f"weight {name}": p.detach().clone() for name, p in both.items()}
        )
        torch.save(seen, folder / f"seen-{RANK}.pt")

    Student.update = noted


def die_after(steps: int) -> None:
    """Kill the second process at its first step beyond ``steps``."""
    begin = Student.begin

    def mortal(self) -> None:
        if self.done == steps:
            os.kill(os.getpid(), signal.SIGKILL)
        begin(self)

    if RANK == 1:
        Student.begin = mortal


def main() -> None:
    folder, profile, images, steps = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    note_updates(folder)
    if steps:
        die_after(steps)
    cells = block(profiles.load(profile, images=images))
    store = Store(folder / "evidence")
    report = lambda _key, _fraction, text: print(f"process {RANK}: {text}", flush=True)  # noqa: E731
    for part in (cells, cells[:1]):  # the second time it is there already
        outcomes = execute(store, part, device="cpu", report=report)
        print(f"process {RANK}: {' '.join(outcomes.values())}", flush=True)


if __name__ == "__main__":
    main()
