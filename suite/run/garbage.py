"""Which cells are still asked for: what is not may be deleted, so in doubt everything is."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from suite.errors import SuiteError, Unavailable, one_line
from suite.evidence.draft import RECORD
from suite.run.plan import asked, cells_of
from suite.studies import cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suite.claim import Claim
    from suite.evidence.store import Store
    from suite.profile import Profile

_DEVICES = ("cpu", "cuda")


def _seeds(store: Store) -> int:
    """One more than the largest seed on disk: cells of ``--seeds N`` are asked for as much as the profile's."""
    most = 0
    for key in store.keys():  # noqa: SIM118 - a method, not a mapping
        try:
            record = json.loads((store.folder(key) / RECORD).read_text(encoding="utf-8"))
            most = max(most, int(record["seed"]) + 1)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # damaged: it has no seed to keep others for
    return most


def _of_current_code(store: Store) -> set[str]:
    """Cells of images and weights that are not at hand here, as long as the code that computed them is as it was."""
    found: set[str] = set()
    for key in store.keys():  # noqa: SIM118 - a method, not a mapping
        with suppress(OSError, ValueError, KeyError, TypeError, SuiteError):  # damaged, or of code that is gone
            record = json.loads((store.folder(key) / RECORD).read_text(encoding="utf-8"))
            study = record["study"]
            spec = record["spec"]
            if study == cells.TRAIN:
                found |= {key} if record["code"] == cells.code_of(spec) else set()
            elif study == cells.MEASURE and spec["data"].get("source") == cells.MEASURED:
                found |= {key} if record["code"] == cells.measuring_code(spec) else set()
    return found


def asked_for(claims: Sequence[Claim], profiles: Iterable[Profile], store: Store) -> set[str]:
    """Keys of every cell that a claim needs at any of the profiles, on any device, with any seed on disk.

    Of frozen networks, and of training as printed, these are all that today's code computed.

    Raises:
        SuiteError: it cannot be told for one of them, so nothing may be deleted.
    """
    keys = _of_current_code(store)
    seeds = _seeds(store)
    for profile in profiles:
        wide = replace(profile, seeds=tuple(range(max(seeds, len(profile.seeds)))))
        for name, reading in asked(claims, profile):
            for device in _DEVICES:
                try:
                    keys |= {cell.key for cell in cells_of(reading, replace(wide, device=device))}
                except Unavailable:
                    continue  # this profile cannot have such cells
                except Exception as fault:
                    raise SuiteError(
                        f"cannot tell which cells {name} needs at {profile.name} ({one_line(fault)}): mend this "
                        "first; nothing was deleted"
                    ) from fault
    return keys
