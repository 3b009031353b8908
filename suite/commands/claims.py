"""Compute what is missing, judge, show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite import options as typed
from suite.commands import _common as common
from suite.errors import SuiteError
from suite.options import EXECUTORS, EXPORT, INLINE, LOCAL, SLURM

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from suite.assess import Evidence, Judged
    from suite.claim import Claim
    from suite.run.executors import Executor
    from suite.run.executors.launch import Launch
    from suite.run.plan import Plan
    from suite.session import Session

CACHES = ("only-missing", "always", "never")


def add(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    typed.add_session(parser)
    typed.add_bundles(parser)
    typed.add_shown(parser)
    parser.add_argument(
        "--executor",
        choices=EXECUTORS,
        help="who computes: this process, local processes, jobs of a SLURM cluster, or nobody: print one shell line "
        "a job (default: inline for one worker, else local)",
    )
    parser.add_argument(
        "--slurm",
        action="append",
        type=typed.pair,
        metavar="KEY=VALUE",
        help="a parameter of submitit, in place of the profile's (repeatable)",
    )
    parser.add_argument(
        "--workers", type=typed.positive, metavar="N", help="processes (default: one a core, or one a GPU)"
    )
    typed.add_threads(parser)
    parser.add_argument(
        "--cache", choices=CACHES, default=CACHES[0], help=f"which cells to compute (default: {CACHES[0]})"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print cells, what is cached and the cost; compute nothing"
    )
    parser.add_argument(
        "--no-sync", dest="sync", action="store_false", help="leave MLflow as it is; 'sync' brings it up to date"
    )


def run(session: Session, options: argparse.Namespace) -> int:
    """Compute the cells that the claims need, judge them, and show the verdicts everywhere."""
    from suite.assess import open_evidence
    from suite.run import executors
    from suite.run.execute import Outcome
    from suite.run.plan import CachePolicy, plan
    from suite.run.progress import Progress

    if options.slurm and options.executor != SLURM:
        raise SuiteError(f"--slurm changes what a job asks for: add --executor {SLURM}")
    errors = common.console(stderr=True)
    claims = common.chosen(session)
    evidence = open_evidence(session, here=options.executor not in (SLURM, EXPORT) and not options.dry_run)
    common.say_of_device(session, evidence, here=not options.dry_run and options.executor not in (SLURM, EXPORT))
    made = plan(claims, evidence.profile, evidence.store, cache=CachePolicy(options.cache))
    workers = _workers(options, evidence)
    if options.dry_run:
        common.print_left(made, evidence, workers=workers)
        return common.OK
    _note(session, made, evidence)
    if options.executor == EXPORT:
        return _export(options, made, evidence)
    executor = _executor(options, made, evidence)
    if made.to_run and not options.json:  # else the screen says it at once
        _show_released(claims, evidence)
    with Progress(made, errors, workers=workers, status=session.command("status")) as progress:
        outcomes = executors.run(made, executor, progress)
    sessions = common.judged(claims, evidence)
    status = common.show(common.assessments_of(sessions), evidence, common.form(session, options))
    _views(session, options, evidence, sessions)
    differ = common.copies_differ(claims, evidence)
    failed = any(outcome in (Outcome.FAILED, Outcome.KILLED) for outcome in outcomes.values())
    if failed:
        common.say(f"some cells failed: '{session.command('status')}' tells why")
    common.say_whose(evidence)
    return common.NOT_OK if failed or differ else status


def _note(session: Session, made: Plan, evidence: Evidence) -> None:
    """Keep beside the evidence what was asked for, and what is to be computed.

    Raises:
        Unwritable: something is to be computed, and nothing can be written.
    """
    from suite.evidence.disk import Unwritable
    from suite.run import planned
    from suite.session import keep

    if not made.to_run and not any(step.state.word == "done" and not step.state.origin for step in made.steps):
        return
    try:
        keep(session, evidence.own.root, [step.cell.key for step in made.steps])
        planned.write(evidence.own.root, [step.cell for step in made.to_run])
    except Unwritable:
        if made.to_run:
            raise


def _show_released(claims: Sequence[Claim], evidence: Evidence) -> None:
    """What the released figures say of every finding: the strongest evidence, before anything is computed."""
    from suite import catalog
    from suite.assess import assess, released_beside
    from suite.show.findings import rows, text
    from suite.show.terminal import line

    console = common.console()
    released = released_beside(claims, evidence)
    found = [] if released is None else rows(catalog.findings(), assess(claims, released))
    found = [row for row in found if row.counts]
    if found:
        line(console, "What the figures say that the authors released:", "bold")
        line(console, text(found, columns=("released",), width=min(console.width, 100)))


def _views(session: Session, options: argparse.Namespace, evidence: Evidence, sessions: Sequence[Judged]) -> None:
    """Bring page and MLflow up to date."""
    smoke = evidence.profile.scope == "smoke"
    if smoke and not options.sync:
        return
    everything = common.everything(session, evidence, sessions)
    if not smoke:
        common.if_possible(
            "the report page", session.command("report"), lambda: common.write_page(evidence, everything)
        )
    if options.sync:  # after the page, whose figures the view holds
        _sync_if_installed(session, evidence, everything)


def _sync_if_installed(session: Session, evidence: Evidence, sessions: Sequence[Judged]) -> None:
    from importlib.util import find_spec

    def synchronise() -> None:
        from suite.show.mlflow import view

        view.sync(evidence.own.root, common.assessments_of(sessions))

    sync = session.command("sync")
    if find_spec("mlflow") is None:
        common.say(f"MLflow is not installed: the evidence is complete without it; '{sync}' adds the view")
    else:
        common.if_possible("MLflow", sync, synchronise)


def _workers(options: argparse.Namespace, evidence: Evidence) -> int | None:
    """Cells computed at once on this machine; None where others compute them."""
    if options.executor in (SLURM, EXPORT):
        return None
    if options.executor == INLINE:
        return 1
    from suite.run.devices import workers

    return options.workers or workers(evidence.profile.device)


def _executor(options: argparse.Namespace, made: Plan, evidence: Evidence) -> Executor:
    from suite.run.executors import Work, here

    profile = evidence.profile
    work = Work(evidence.own, profile.device, options.threads, again=options.cache == "always")
    workers = _workers(options, evidence)
    if workers is None:
        from suite.run.executors.slurm import Slurm
        from suite.run.memory import measured

        typed_in, lines = dict(options.slurm or ()), measured(made.steps)
        return Slurm(work, profile, _launch(options, evidence), overrides=typed_in, lines=lines)
    if options.executor == LOCAL:
        from suite.run.executors.local import Local

        return Local(work, workers)
    return here(work, made, workers)


def _launch(options: argparse.Namespace, evidence: Evidence) -> Launch:
    """How a process elsewhere computes planned cells: they say all that matters but where evidence lies."""
    from suite.run.executors.launch import Launch

    given = ["--evidence", str(evidence.own.root.resolve())]
    given += ["--threads", str(options.threads)] if options.threads != 1 else []
    given += ["--again"] if options.cache == "always" else []
    return Launch(tuple(given))


def _export(options: argparse.Namespace, made: Plan, evidence: Evidence) -> int:
    from suite.run.executors.export import lines
    from suite.run.jobs import Ledger, without_submitted

    left, _ = without_submitted(made, Ledger(evidence.own))
    if len(left.to_run) < len(made.to_run):
        common.say(f"{len(made.to_run) - len(left.to_run)} cells are submitted or running and left out: see status")
    print(*lines(left, evidence.profile, _launch(options, evidence)), sep="\n")
    return common.OK
