"""The command line: ``python -m suite COMMAND``; ``nox -s claims`` is ``python -m suite claims``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from suite import __version__
from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from suite.assess import Assessment, Evidence
    from suite.claim import Claim
    from suite.profile import Profile

EVIDENCE = "SUITE_EVIDENCE"
RECORDED = Path("claims") / "recorded.jsonl"
CACHES = ("only-missing", "always", "never")
OK, NOT_OK, USAGE, INTERRUPTED = 0, 1, 2, 130


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # noqa: PLC0415 - commands import what they use, so that help is instant

    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(stderr=stderr, width=140)
    return console


def _session(options: argparse.Namespace) -> tuple[list[Claim], Profile, Evidence]:
    """What every command that looks at claims needs: the claims, the profile, access to its evidence."""
    from suite import catalog, profile  # noqa: PLC0415
    from suite.assess import Evidence  # noqa: PLC0415
    from suite.evidence.runtime import resolve_device  # noqa: PLC0415
    from suite.evidence.store import Store  # noqa: PLC0415

    patterns = list(options.only or [])
    if getattr(options, "claim", None):
        patterns.append(options.claim)
    claims = catalog.select(catalog.discover(), patterns)
    released = tuple(Path(folder) for folder in getattr(options, "released", None) or ())
    for folder in released:
        if not folder.is_dir():
            raise SuiteError(f"--released {folder}: no such folder; clone the authors' repository there first")
    try:
        device = resolve_device(options.device)
    except ValueError as error:
        raise SuiteError(str(error)) from None
    chosen = profile.load(options.profile, device=device, released=released)
    if options.seeds is not None:
        chosen = chosen.with_seeds(options.seeds)
    return claims, chosen, Evidence(chosen, Store(Path(options.evidence)))


def _show(assessments: list[Assessment], evidence: Evidence, options: argparse.Namespace, console: Console) -> int:
    """Print and store the verdicts; the exit status is by the rule."""
    from suite.assess import tally  # noqa: PLC0415
    from suite.show.summary import as_json, write_json  # noqa: PLC0415
    from suite.show.terminal import print_verdicts  # noqa: PLC0415

    if options.json:
        print(json.dumps(as_json(assessments), indent=1, allow_nan=False))
    else:
        print_verdicts(assessments, console)
    evidence.store.root.mkdir(parents=True, exist_ok=True)
    write_json(evidence.store.root / f"claims-{evidence.profile.name}.json", assessments)
    return OK if tally(assessments).ok else NOT_OK


def _claims(options: argparse.Namespace) -> int:
    from suite.assess import assess  # noqa: PLC0415
    from suite.run.execute import Outcome  # noqa: PLC0415
    from suite.run.plan import CachePolicy, measured_costs, plan, seconds_left  # noqa: PLC0415
    from suite.run.pool import run  # noqa: PLC0415
    from suite.run.progress import Progress  # noqa: PLC0415

    console, errors = _console(), _console(stderr=True)
    claims, profile, evidence = _session(options)
    policy = CachePolicy(options.cache)
    made = plan(claims, profile, evidence.store, cache=policy)
    workers = options.workers or (1 if profile.device == "cuda" else os.cpu_count() or 1)
    if options.dry_run:
        from suite.show.terminal import print_plan  # noqa: PLC0415

        estimate = seconds_left(made.to_run, workers, measured_costs(made.steps))
        print_plan(made, profile, estimate, console)
        return OK
    with Progress(made, errors, workers=workers) as progress:
        outcomes = run(
            made,
            evidence.store,
            device=profile.device,
            workers=workers,
            threads=options.threads,
            progress=progress,
            again=policy is CachePolicy.ALWAYS,
        )
    assessments = assess(claims, evidence)
    status = _show(assessments, evidence, options, console)
    _sync_if_possible(assessments, evidence, errors)
    if any(outcome in (Outcome.FAILED, Outcome.KILLED) for outcome in outcomes.values()):
        errors.print("some cells failed: python -m suite status tells why")
        return NOT_OK
    return status


def _sync_if_possible(assessments: list[Assessment], evidence: Evidence, errors: Console) -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec("mlflow") is None:
        errors.print(
            "MLflow is not installed: the evidence is complete without it; 'python -m suite sync' adds the view"
        )
        return
    from suite.show.mlflow_export import sync  # noqa: PLC0415

    sync(evidence.store.root, assessments)


def _judge(options: argparse.Namespace) -> int:
    from suite.assess import assess  # noqa: PLC0415

    claims, _, evidence = _session(options)
    return _show(assess(claims, evidence), evidence, options, _console())


def _list(options: argparse.Namespace) -> int:
    from suite import catalog  # noqa: PLC0415
    from suite.show.terminal import print_claims  # noqa: PLC0415

    print_claims(catalog.select(catalog.discover(), options.only or []), _console())
    return OK


def _explain(options: argparse.Namespace) -> int:
    from suite.assess import assess  # noqa: PLC0415
    from suite.show.explain import explain  # noqa: PLC0415
    from suite.show.recorded import history  # noqa: PLC0415

    claims, _, evidence = _session(options)
    explain(assess(claims, evidence), _console(), history=history(RECORDED))
    return OK


def _what_if(options: argparse.Namespace) -> int:
    from suite.show.explain import what_if  # noqa: PLC0415

    claims, _, evidence = _session(options)
    what_if(claims, evidence, _console(), margin=options.margin, seeds=options.n)
    return OK


def _status(options: argparse.Namespace) -> int:
    from suite.run.plan import measured_costs, plan, seconds_left  # noqa: PLC0415
    from suite.show.terminal import print_plan  # noqa: PLC0415

    claims, profile, evidence = _session(options)
    made = plan(claims, profile, evidence.store)
    print_plan(made, profile, seconds_left(made.to_run, 1, measured_costs(made.steps)), _console(), failures=True)
    return OK


def _gc(options: argparse.Namespace) -> int:
    from suite import profile  # noqa: PLC0415
    from suite.evidence.store import Store  # noqa: PLC0415
    from suite.run.plan import plan  # noqa: PLC0415

    store, keep = Store(Path(options.evidence)), set[str]()
    for name in profile.names():
        options.profile = name
        claims, chosen, _ = _session(options)
        keep |= {step.cell.key for step in plan(claims, chosen, store).steps}
    if options.dry_run:
        stale = [key for key in store.keys() if key not in keep]  # noqa: SIM118 - a method, not a mapping
        print(f"{len(stale)} cells that no profile asks for any more:", *stale, sep="\n  ")
        return OK
    count, size = store.collect_garbage(keep)
    print(f"deleted {count} folders, {size / 2**20:.1f} MiB; kept the cells that a profile asks for")
    return OK


def _goldens(options: argparse.Namespace) -> int:
    from suite.show.goldens import check_folder, print_checks  # noqa: PLC0415

    checks = check_folder(Path(options.folder))
    print_checks(checks, _console())
    return OK if all(check.ok for check in checks) else NOT_OK


def _sync(options: argparse.Namespace) -> int:
    from suite.assess import assess  # noqa: PLC0415
    from suite.show.mlflow_export import sync  # noqa: PLC0415

    claims, _, evidence = _session(options)
    sync(evidence.store.root, assess(claims, evidence), rebuild=options.rebuild)
    return OK


def _ui(options: argparse.Namespace) -> int:
    from suite.assess import assess  # noqa: PLC0415
    from suite.show.mlflow_export import serve, sync  # noqa: PLC0415

    claims, _, evidence = _session(options)
    sync(evidence.store.root, assess(claims, evidence))
    return serve(evidence.store.root, port=options.port, claims=claims)


def _readme(options: argparse.Namespace) -> int:
    from suite.assess import assess  # noqa: PLC0415
    from suite.show.summary import as_markdown, update_readme  # noqa: PLC0415

    claims, _, evidence = _session(options)
    text = as_markdown(assess(claims, evidence))
    if options.into is None:
        print(text)
    else:
        update_readme(Path(options.into), text)
    return OK


def _record(options: argparse.Namespace) -> int:
    from suite.assess import assess  # noqa: PLC0415
    from suite.show.recorded import record  # noqa: PLC0415

    claims, profile, evidence = _session(options)
    if profile.modified:
        raise SuiteError(f"only a profile as it is can be recorded; this one has {', '.join(profile.modified)}")
    print(f"{record(RECORDED, assess(claims, evidence))} entries added to {RECORDED}")
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m suite", description="Check what papers claim about distilling Vision Transformers."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    session = argparse.ArgumentParser(add_help=False)
    session.add_argument(
        "-k", dest="only", action="append", metavar="TEXT", help="only claims whose name contains TEXT (repeatable)"
    )
    session.add_argument(
        "--profile", default="desk", metavar="NAME", help="scale, by name or as a .toml file (default: desk)"
    )
    session.add_argument("--seeds", type=int, metavar="N", help="use N seeds instead of the profile's own")
    session.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    session.add_argument(
        "--evidence",
        default=os.environ.get(EVIDENCE, "evidence"),
        metavar="DIR",
        help=f"where evidence lies (default: ${EVIDENCE}, else ./evidence)",
    )
    session.add_argument(
        "--released", action="append", metavar="DIR", help="an author's repository as cloned (repeatable)"
    )
    shown = argparse.ArgumentParser(add_help=False)
    shown.add_argument("--json", action="store_true", help="print the verdicts as JSON instead of a table")

    claims = commands.add_parser("claims", parents=[session, shown], help="compute what is missing, judge, show")
    claims.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core; 1 on a GPU)")
    claims.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads a process (default: 1)")
    claims.add_argument(
        "--cache", choices=CACHES, default=CACHES[0], help="which cells to compute (default: only-missing)"
    )
    claims.add_argument(
        "--dry-run", action="store_true", help="print cells, what is cached and the time; compute nothing"
    )
    claims.set_defaults(run=_claims)

    simple = (
        ("judge", _judge, [session, shown], "judge existing evidence; compute nothing"),
        ("list", _list, [session], "the claims and their criteria"),
        ("status", _status, [session], "what is computed, missing, failed or damaged"),
        ("record", _record, [session], "add what was measured to the log of recorded values"),
    )
    for name, run, parents, text in simple:
        commands.add_parser(name, parents=parents, help=text).set_defaults(run=run)

    explain = commands.add_parser("explain", parents=[session], help="why this verdict, and what would change it")
    explain.add_argument("claim", help="a claim's name, or part of it")
    explain.set_defaults(run=_explain)
    what_if = commands.add_parser("what-if", parents=[session], help="judge again with another margin or more seeds")
    what_if.add_argument("claim", help="a claim's name, or part of it")
    what_if.add_argument("--margin", type=float, help="widen every region by this much, in its own unit")
    what_if.add_argument("--n", type=int, help="as if there were this many seeds of the same mean and spread")
    what_if.set_defaults(run=_what_if)
    collect = commands.add_parser("gc", parents=[session], help="delete cells that no profile asks for any more")
    collect.add_argument("--dry-run", action="store_true", help="only list them")
    collect.set_defaults(run=_gc)
    goldens = commands.add_parser("goldens", help="check our implementations against a folder of numbers")
    goldens.add_argument(
        "folder", nargs="?", default="tests/golden", help="folder of .npz files (default: tests/golden)"
    )
    goldens.set_defaults(run=_goldens)
    sync = commands.add_parser("sync", parents=[session], help="bring the MLflow store up to date with the evidence")
    sync.add_argument("--rebuild", action="store_true", help="build it anew")
    sync.set_defaults(run=_sync)
    ui = commands.add_parser("ui", parents=[session], help="start the MLflow UI on the evidence")
    ui.add_argument("--port", type=int, default=5000, help="port on this machine (default: 5000)")
    ui.set_defaults(run=_ui)
    readme = commands.add_parser("table", parents=[session], help="the verdicts as a Markdown table")
    readme.add_argument("--into", metavar="FILE", help="replace the table in this file")
    readme.set_defaults(run=_readme)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 if all is as registered, 1 if a verdict departs or something failed, 2 for a fault the user can
        mend (one line says how), 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except SuiteError as error:
        print(f"suite: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("suite: stopped; what is finished is kept, the rest resumes when run again", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return OK
    return status
