"""Cells that somebody still needs; anything else may be deleted. When unsure, keep."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from suite.errors import SuiteError
from suite.run.jobs import Ledger
from suite.run.plan import asked, cells_of
from suite.run.planned import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from suite.claim import Claim
    from suite.evidence.store import Store
    from suite.profile import Profile
    from suite.session import Kept

_DEVICES = ("cpu", "cuda")


def asked_for(claims: Sequence[Claim], sessions: Iterable[Kept], profiles: Iterable[Profile], store: Store) -> set[str]:
    """Keys of every cell that a stored session or a profile needs, or that a job has in hand.

    Of a session these are the cells that today's code would compute for it. Where that cannot be told of all of them
    here - images or weights are elsewhere, a claim or the profile is broken - they are also those that it asked for
    when it was last run.

    Args:
        claims: all there are.
        sessions: as stored beside the evidence.
        profiles: more of them, with the seeds that they state.
        store: whose jobs are looked at.
    """
    keys: set[str] = set()
    for one in sessions:
        told = False
        try:
            found, told = _cells(claims, one.session.load())
            keys |= found
        except SuiteError:  # the profile is gone, or what it was given
            pass
        keys |= set() if told else set(one.cells)
    for profile in profiles:
        keys |= _cells(claims, profile)[0]
    ledger = Ledger(store)
    return keys | {key for key, look in ledger.looks(_planned(store)).items() if look.active}


def _cells(claims: Sequence[Claim], profile: Profile) -> tuple[set[str], bool]:
    """Keys of what the claims need at a profile, on any device, and whether these are all."""
    keys: set[str] = set()
    told = True
    for _, reading in asked(claims, profile):
        for device in _DEVICES:
            try:
                keys |= {cell.key for cell in cells_of(reading, replace(profile, device=device))}
            except Exception:  # noqa: BLE001 - whatever is wrong with a reading, nothing is deleted for it
                told = False
    return keys, told


def _planned(store: Store) -> list[str]:
    return [path.stem for path in sorted((store.root / FOLDER).glob("*.json"))]


def unneeded_plans(store: Store, keep: set[str]) -> list[Path]:
    """Files of planned cells that nobody needs."""
    return [store.root / FOLDER / f"{key}.json" for key in _planned(store) if key not in keep]
