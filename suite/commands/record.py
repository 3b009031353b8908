"""Add what was measured to the log of recorded values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common
from suite.errors import SuiteError

if TYPE_CHECKING:
    import argparse

    from suite.session import Session


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_session(parser)


def run(session: Session, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Add one entry a criterion whose value is new."""
    from suite.assess import assess, open_evidence
    from suite.show.recorded import record

    claims, evidence = common.chosen(session), open_evidence(session)
    if evidence.profile.modified:
        changes = ", ".join(evidence.profile.modified)
        raise SuiteError(f"only a profile as it is can be recorded; this one has {changes}")
    if not common.RECORDED.parent.is_dir():
        raise SuiteError(f"there is no folder {common.RECORDED.parent}: values are recorded in the project's root")
    print(f"{record(common.RECORDED, assess(claims, evidence))} entries added to {common.RECORDED}")
    return common.OK
