"""The command line: ``python -m suite COMMAND``; ``nox -s claims`` is ``python -m suite claims``."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from suite.errors import SuiteError
from suite.options import DEVICE, EXPORT, INLINE, LOCAL, SLURM, evidence_folder, parse

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from suite.assess import Assessment, Evidence
    from suite.claim import Claim
    from suite.evidence.store import Store
    from suite.profile import Profile
    from suite.run.executors import Executor
    from suite.run.executors.launch import Launch
    from suite.run.plan import Plan
    from suite.show.page.item import Judged

RECORDED = Path("claims") / "recorded.jsonl"
OK, NOT_OK, USAGE, INTERRUPTED = 0, 1, 2, 130
PORTS = range(1, 2**16)
DATA_SETS = ("torch/", "hfds/", "hfids/", "wds/", "tfds/")  # what timm reads besides folders


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # noqa: PLC0415 - commands import what they use, so that help is instant

    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(stderr=stderr, width=140)
    return console


def _selected(options: argparse.Namespace) -> list[Claim]:
    from suite import catalog  # noqa: PLC0415

    patterns = list(options.only or [])
    if getattr(options, "claim", None):
        patterns.append(options.claim)
    return catalog.select(catalog.discover(), patterns)


def _session(options: argparse.Namespace) -> tuple[list[Claim], Profile, Evidence]:
    """What every command that looks at claims needs: the claims, the profile, access to its evidence."""
    from suite.assess import Evidence  # noqa: PLC0415

    chosen = _profile(options)
    return _selected(options), chosen, Evidence(chosen, _store(options))


def _profile(options: argparse.Namespace) -> Profile:
    """The profile as the options ask for it."""
    from dataclasses import replace  # noqa: PLC0415

    from suite import profile  # noqa: PLC0415
    from suite.evidence.runtime import driver_version, resolve_device, why_no_cuda  # noqa: PLC0415
    from suite.run.resources import device_of  # noqa: PLC0415
    from suite.scope import as_measured  # noqa: PLC0415

    released = tuple(Path(folder) for folder in options.released or ())
    for folder in released:
        if not folder.is_dir():
            raise SuiteError(f"--released {folder}: no such folder; clone the authors' repository there first")
    images = _images(options.images or "")
    chosen = profile.load(options.profile, released=released, images=images, weights=_weights(options.weights or ()))
    chosen = as_measured(chosen)
    if options.seeds is not None:
        chosen = chosen.with_seeds(options.seeds)
    for name, default in (("device", DEVICE), ("evidence", evidence_folder())):
        if getattr(options, name) != default:
            chosen = chosen.asked_with(f"--{name}", getattr(options, name))
    for option, name in (("--with", "bundles"), ("--prefer", "preferred")):
        for file in getattr(options, name, None) or ():
            chosen = chosen.asked_with(option, file)
    asked = device_of(chosen) if options.device == DEVICE else options.device
    device = resolve_device(asked, here=_computes_here(options))
    if asked == DEVICE and device == "cpu" and _computes_here(options) and driver_version():
        _say(f"no GPU is used, though a driver answers: {why_no_cuda()}")
    return replace(chosen, device=device)


def _store(options: argparse.Namespace) -> Store:
    """The evidence; with bundles, those as well."""
    from suite.evidence.store import Store  # noqa: PLC0415

    root = Path(options.evidence)
    if not (getattr(options, "bundles", None) or getattr(options, "preferred", None)):
        return Store(root)
    from suite.evidence.bundles.bundle import open_bundle  # noqa: PLC0415
    from suite.evidence.bundles.lent import Lent  # noqa: PLC0415

    opened = [[open_bundle(Path(file), root) for file in files or ()] for files in (options.bundles, options.preferred)]
    options.lender = Lent(root, *opened)
    return cast("Store", options.lender)


def _say_whose(options: argparse.Namespace) -> None:
    """Name the bundles whose cells a command used; nothing where there are none."""
    lender = getattr(options, "lender", None)
    for text in lender.lent() if lender is not None else ():
        _say(text)


def _images(given: str) -> str:
    """A folder or a tar file that is there, or the name of a timm data set."""
    if given and not Path(given).exists() and not given.startswith(DATA_SETS):
        raise SuiteError(f"--images {given}: no such folder; give one, or a timm data set such as hfds/NAME")
    return given


def _weights(given: Sequence[str]) -> dict[str, Path]:
    """Files by the network's name in the profile."""
    found: dict[str, Path] = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not (name and equals and Path(file).is_file()):
            raise SuiteError(f"--weights {text}: give NAME=FILE, a network of the profile and a file that is there")
        found[name] = Path(file)
    return found


def _computes_here(options: argparse.Namespace) -> bool:
    """Whether the command computes cells on this machine: only then must it have the device."""
    remote = getattr(options, "executor", None) in (SLURM, EXPORT)
    return options.command in ("claims", "compute") and not remote and not getattr(options, "dry_run", False)


def _assessed(claims: Sequence[Claim], evidence: Evidence) -> list[Assessment]:
    """The verdicts of the session's profile and those on released figures."""
    return [one for session in _sessions(claims, evidence) for one in session.assessments]


def _released(claims: Sequence[Claim], evidence: Evidence) -> list[Evidence]:
    """The figures that authors released, as evidence beside the session's own, if a claim asks for them."""
    from suite import profile  # noqa: PLC0415
    from suite.assess import Evidence  # noqa: PLC0415
    from suite.claim.schema import RELEASED  # noqa: PLC0415

    asked = any(RELEASED in criterion.needs for claim in claims for criterion in claim.criteria)
    if not asked or not evidence.profile.computes or evidence.profile.scope == "smoke":
        return []
    return [Evidence(profile.load(RELEASED, released=evidence.profile.released), evidence.store)]


def _show_released(claims: Sequence[Claim], evidence: Evidence, console: Console) -> None:
    """What the released figures say of every finding: the strongest evidence, before anything is computed."""
    from suite import catalog  # noqa: PLC0415
    from suite.assess import assess  # noqa: PLC0415
    from suite.show.findings import rows, text  # noqa: PLC0415
    from suite.show.terminal import line  # noqa: PLC0415

    for released in _released(claims, evidence):
        found = [row for row in rows(catalog.findings(), assess(claims, released)) if row.counts]
        if found:
            line(console, "What the figures say that the authors released:", "bold")
            line(console, text(found, columns=("released",), width=min(console.width, 100)))


def _copies_differ(claims: Sequence[Claim], evidence: Evidence) -> bool:
    """Compare given copies of released files with the embedded figures; each that is not equal is named once."""
    from suite.claim import originals_of  # noqa: PLC0415
    from suite.evidence.released import Match, check, report  # noqa: PLC0415

    originals = originals_of(claims)
    if not evidence.profile.released or not originals:
        return False
    checked = check(originals, evidence.profile.released)
    for words in report(checked):
        _say(words)
    return any(one.match in (Match.DIFFERENT, Match.UNREADABLE) for one in checked)


def _show(assessments: list[Assessment], evidence: Evidence, options: argparse.Namespace, console: Console) -> int:
    """Print and store the verdicts; the exit status is by the rule."""
    from suite.assess import tally  # noqa: PLC0415
    from suite.evidence.disk import writing  # noqa: PLC0415
    from suite.show.summary import as_json, write_json  # noqa: PLC0415
    from suite.show.terminal import print_verdicts  # noqa: PLC0415

    if options.json:
        print(json.dumps(as_json(assessments), indent=1, allow_nan=False))
    else:
        print_verdicts(assessments, console)
    root = evidence.store.root
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        write_json(root / f"claims-{evidence.profile.name}.json", assessments)
    return OK if tally(assessments).ok else NOT_OK


def _claims(options: argparse.Namespace) -> int:
    from suite.run.execute import Outcome  # noqa: PLC0415
    from suite.run.executors import run  # noqa: PLC0415
    from suite.run.plan import CachePolicy, plan  # noqa: PLC0415
    from suite.run.progress import Progress  # noqa: PLC0415

    if options.slurm and options.executor != SLURM:
        raise SuiteError(f"--slurm changes what a job asks for: add --executor {SLURM}")
    console, errors = _console(), _console(stderr=True)
    claims, profile, evidence = _session(options)
    made = plan(claims, profile, evidence.store, cache=CachePolicy(options.cache))
    workers = _workers(options, profile)
    if options.dry_run:
        _print_plan(made, profile, evidence, workers=workers)
        return OK
    if options.executor == EXPORT:
        return _export(options, made, profile, evidence)
    executor = _executor(options, made, profile, evidence)
    if not options.json:
        _show_released(claims, evidence, console)
    with Progress(made, errors, workers=workers) as progress:
        outcomes = run(made, executor, progress)
    sessions = _sessions(claims, evidence)
    assessments = [assessment for session in sessions for assessment in session.assessments]
    status = _show(assessments, evidence, options, console)
    everything = _everything(options, evidence, sessions)
    if evidence.profile.scope != "smoke":
        _if_possible("the report page", "report", lambda: _write_report(evidence, everything))
    if options.sync:  # after the page, whose figures the view holds
        _sync_if_installed(everything, evidence)
    if _copies_differ(claims, evidence):
        status = NOT_OK
    failed = any(outcome in (Outcome.FAILED, Outcome.KILLED) for outcome in outcomes.values())
    if failed:
        _say(f"some cells failed: '{profile.asking('status')}' tells why")
    return NOT_OK if failed else status


def _workers(options: argparse.Namespace, profile: Profile) -> int | None:
    """Cells computed at once on this machine; None where others compute them."""
    if options.executor in (SLURM, EXPORT):
        return None
    if options.executor == INLINE:
        return 1
    from suite.run.devices import workers  # noqa: PLC0415

    return options.workers or workers(profile.device)


def _executor(options: argparse.Namespace, made: Plan, profile: Profile, evidence: Evidence) -> Executor:
    from suite.evidence.store import Store  # noqa: PLC0415
    from suite.run.executors import Work, here  # noqa: PLC0415

    lone = Store(evidence.store.root)  # what is lent is read only when it is judged
    work = Work(lone, profile.device, options.threads, again=options.cache == "always")
    workers = _workers(options, profile)
    if workers is None:
        from suite.run.executors.slurm import Slurm  # noqa: PLC0415

        return Slurm(work, profile, _launch(options, profile, evidence), overrides=dict(options.slurm or ()))
    if options.executor == LOCAL:
        from suite.run.executors.local import Local  # noqa: PLC0415

        return Local(work, workers)
    return here(work, made, workers)


def _launch(options: argparse.Namespace, profile: Profile, evidence: Evidence) -> Launch:
    """How a process elsewhere computes cells of this session: the same options, with paths that hold anywhere."""
    from suite.run.executors.launch import Launch  # noqa: PLC0415

    own = options.profile.endswith(".toml")
    given = ["--profile", str(Path(options.profile).resolve()) if own else options.profile]
    given += ["--evidence", str(evidence.store.root.resolve()), "--device", profile.device]
    given += ["--seeds", str(options.seeds)] if options.seeds is not None else []
    images = options.images or ""
    given += ["--images", str(Path(images).resolve()) if Path(images).is_dir() else images] if images else []
    for name, file in profile.weights.items():
        given += ["--weights", f"{name}={file.resolve()}"]
    given += ["--threads", str(options.threads)] if options.threads != 1 else []
    given += ["--again"] if options.cache == "always" else []
    return Launch(tuple(given))


def _export(options: argparse.Namespace, made: Plan, profile: Profile, evidence: Evidence) -> int:
    from suite.evidence.store import Store  # noqa: PLC0415
    from suite.run.executors.export import lines  # noqa: PLC0415
    from suite.run.jobs import Ledger, without_submitted  # noqa: PLC0415

    left, _ = without_submitted(made, Ledger(Store(evidence.store.root)))
    if len(left.to_run) < len(made.to_run):
        _say(f"{len(made.to_run) - len(left.to_run)} cells are submitted or running and left out: see status")
    print(*lines(left, profile, _launch(options, profile, evidence)), sep="\n")
    return OK


def _compute(options: argparse.Namespace) -> int:
    from suite.run.compute import choose, compute  # noqa: PLC0415
    from suite.run.executors import Work  # noqa: PLC0415
    from suite.run.executors.inline import Inline  # noqa: PLC0415
    from suite.run.progress import Progress  # noqa: PLC0415

    claims, profile, evidence = _session(options)
    made, blocked = choose(claims, profile, evidence.store, options.keys)
    for one in blocked:
        _say(f"blocked: {one.cell}: {one.why}; compute that first")
    work = Work(evidence.store, profile.device, options.threads, again=options.again)
    with Progress(made, _console(stderr=True), workers=1) as progress:
        done = compute(made, Inline(work), progress)
    return OK if done and not blocked else NOT_OK


def _print_plan(
    made: Plan, profile: Profile, evidence: Evidence, *, workers: int | None = 1, failures: bool = False
) -> None:
    """What there is, what jobs have in hand, and what the rest costs."""
    from suite.evidence.store import Store  # noqa: PLC0415
    from suite.run.costs import estimate  # noqa: PLC0415
    from suite.run.jobs import Ledger, without_submitted  # noqa: PLC0415
    from suite.show.terminal import print_plan  # noqa: PLC0415

    left, looks = without_submitted(made, Ledger(Store(evidence.store.root)))
    costs = estimate(left, profile, workers=workers)
    print_plan(left, profile, costs, _console(), looks=looks, failures=failures)


def _if_possible(view: str, command: str, make: Callable[[], None]) -> None:
    """Bring a view up to date; it shows what is stored, so no verdict and no exit status depends on it."""
    from suite.errors import one_line  # noqa: PLC0415

    try:
        make()
    except Exception as fault:  # noqa: BLE001 - whatever a view raises, the evidence is complete
        _say(f"{view} is not up to date: {one_line(fault)}; 'python -m suite {command}' tries again")


def _sync_if_installed(sessions: Sequence[Judged], evidence: Evidence) -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    def synchronise() -> None:
        from suite.show.mlflow.view import sync  # noqa: PLC0415

        sync(evidence.store.root, [one for session in sessions for one in session.assessments])

    if find_spec("mlflow") is None:
        _say("MLflow is not installed: the evidence is complete without it; 'python -m suite sync' adds the view")
    else:
        _if_possible("MLflow", "sync", synchronise)


def _say(text: str) -> None:
    print(f"suite: {text}", file=sys.stderr)


def _sessions(claims: Sequence[Claim], evidence: Evidence) -> list[Judged]:
    """The session's profile, judged, and the figures that authors released."""
    from suite.show.page.report import judge_profiles  # noqa: PLC0415

    profiles = [one.profile for one in (evidence, *_released(claims, evidence))]
    return judge_profiles(claims, profiles, evidence.store)


def _others(evidence: Evidence) -> list[Profile]:
    """Every other profile that was judged here before and has evidence; released figures are always judged."""
    from suite.claim.schema import RELEASED  # noqa: PLC0415
    from suite.show.page.others import judged_before  # noqa: PLC0415

    found = []
    for name, words in judged_before(evidence.store.root, but=(evidence.profile.name, RELEASED)).items():
        try:
            asked = parse(words)
            asked.bundles = asked.preferred = None  # bundles are this session's own
            asked.command = "report"  # nothing of it is computed here
            found.append(_profile(asked))
        except SuiteError as reason:
            _say(f"evidence of profile {name} is not shown: {reason}")
    return found


def _everything(options: argparse.Namespace, evidence: Evidence, sessions: Sequence[Judged] = ()) -> list[Judged]:
    """The verdicts of every claim at the session's profiles and at every other profile that has evidence.

    Page and MLflow show all of it, whatever claims the command selected; ``sessions`` is what was judged already.
    """
    from suite import catalog  # noqa: PLC0415
    from suite.show.page.report import judge_profiles  # noqa: PLC0415

    claims = catalog.discover()
    if options.only or not sessions:
        sessions = _sessions(claims, evidence)
    return [*sessions, *judge_profiles(claims, _others(evidence), evidence.store)]


def _write_report(evidence: Evidence, sessions: Sequence[Judged]) -> None:
    """Write the page of some sessions' verdicts."""
    from suite.evidence.disk import writing  # noqa: PLC0415
    from suite.show.page.report import write_report  # noqa: PLC0415
    from suite.show.recorded import history  # noqa: PLC0415

    with writing(evidence.store.root):
        page = write_report(evidence.store.root, sessions, history=history(RECORDED))
    _say(f"the report page is {page}")


def _report(options: argparse.Namespace) -> int:
    _, _, evidence = _session(options)
    _write_report(evidence, _everything(options, evidence))
    return OK


def _noise(options: argparse.Namespace) -> int:
    from suite.show.noise import print_noise, tables  # noqa: PLC0415

    claims, _, evidence = _session(options)
    found = tables(claims, evidence)
    if not found:
        raise SuiteError("none of these claims compares methods with one another: give no -k, or another")
    for reference, unit, rows in found:
        print_noise(rows, reference, unit, _console())
    return OK


def _judge(options: argparse.Namespace) -> int:
    claims, _, evidence = _session(options)
    differ = _copies_differ(claims, evidence)
    status = _show(_assessed(claims, evidence), evidence, options, _console())
    return NOT_OK if differ else status


def _list(options: argparse.Namespace) -> int:
    if options.profile is not None:
        from suite.profile import resolved  # noqa: PLC0415

        print(resolved(options.profile), end="")
        return OK
    from suite.show.terminal import print_claims  # noqa: PLC0415

    print_claims(_selected(options), _console())
    return OK


def _explain(options: argparse.Namespace) -> int:
    from suite.show.explain import explain  # noqa: PLC0415
    from suite.show.recorded import history  # noqa: PLC0415

    claims, _, evidence = _session(options)
    explain(_assessed(claims, evidence), _console(), history=history(RECORDED))
    return OK


def _what_if(options: argparse.Namespace) -> int:
    from suite.show.explain import what_if  # noqa: PLC0415

    claims, _, evidence = _session(options)
    what_if(claims, evidence, _console(), margin=options.margin, seeds=options.foreseen)
    return OK


def _status(options: argparse.Namespace) -> int:
    from suite.run.plan import plan  # noqa: PLC0415

    claims, profile, evidence = _session(options)
    _print_plan(plan(claims, profile, evidence.store), profile, evidence, failures=True)
    return OK


def _gc(options: argparse.Namespace) -> int:
    from suite import catalog, profile  # noqa: PLC0415
    from suite.evidence.store import Store  # noqa: PLC0415
    from suite.run.garbage import asked_for  # noqa: PLC0415

    store = Store(Path(options.evidence))
    profiles = [profile.load(name) for name in (*profile.names(), *(options.profile or ()))]
    garbage = store.garbage(asked_for(catalog.discover(), profiles, store))
    if options.dry_run:
        print(*(f"{path.parent.name}/{path.name}" for path in garbage), f"{len(garbage)} folders to delete", sep="\n")
        return OK
    count, size = store.delete(garbage)
    print(f"{count} folders deleted, {size / 2**20:.1f} MiB; kept every cell that a profile asks for")
    return OK


def _goldens(options: argparse.Namespace) -> int:
    from suite.show.goldens import check_folder, print_checks  # noqa: PLC0415

    checks, unknown = check_folder(Path(options.folder))
    print_checks(checks, unknown, _console())
    return OK if all(check.ok for check in checks) else NOT_OK


def _sync(options: argparse.Namespace) -> int:
    from suite.show.mlflow.view import export, sync  # noqa: PLC0415

    _, _, evidence = _session(options)
    assessments = [one for session in _everything(options, evidence) for one in session.assessments]
    server = options.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    if server:
        done = export(server, evidence.store.root, assessments)
        print(f"{server}: {done.created} runs written, {done.replaced} replaced, {done.unchanged} right already")
    else:
        sync(evidence.store.root, assessments, rebuild=options.rebuild)
    return OK


def _ui(options: argparse.Namespace) -> int:
    from suite.show.mlflow.ui import print_links, serve  # noqa: PLC0415
    from suite.show.mlflow.view import sync  # noqa: PLC0415

    running = _is_ours(options.port, Path(options.evidence))
    claims, _, evidence = _session(options)
    sync(evidence.store.root, [one for session in _everything(options, evidence) for one in session.assessments])
    if running:
        print_links(evidence.store.root, port=options.port, claims=[claim.key for claim in claims])
        _say(f"the UI of this evidence is running already, at port {options.port}; it shows what is new")
        return OK
    return serve(evidence.store.root, port=options.port, claims=[claim.key for claim in claims])


def _is_ours(port: int, root: Path) -> bool:
    """Whether the UI of this evidence is running at a port; looks before MLflow does, which takes ten seconds.

    Raises:
        SuiteError: something else holds the port; the message says what to do.
    """
    from suite.show.links import HOST  # noqa: PLC0415
    from suite.show.mlflow.ui import served  # noqa: PLC0415

    if port not in PORTS:
        raise SuiteError(f"--port {port}: give one from {PORTS[0]} to {PORTS[-1]}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closing connection is no user
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if served(port) == root.resolve():
                return True
            raise SuiteError(f"--port {port} cannot be used ({error.strerror}): give another one") from None
    return False


def _table(options: argparse.Namespace) -> int:
    from suite.show.summary import as_markdown, update_readme  # noqa: PLC0415

    claims, _, evidence = _session(options)
    text = as_markdown(_assessed(claims, evidence))
    if options.into is None:
        print(text)
    else:
        update_readme(Path(options.into), text)
    return OK


def _bundle(options: argparse.Namespace) -> int:
    from suite.evidence.bundles.archive import require_name  # noqa: PLC0415
    from suite.evidence.bundles.pack import pack  # noqa: PLC0415
    from suite.run.plan import plan  # noqa: PLC0415

    path = Path(options.file)
    require_name(path)
    claims, profile, evidence = _session(options)
    made = plan(claims, profile, evidence.store)
    done = [step.cell.key for step in made.steps if step.state.word == "done"]
    packed = pack(path, evidence.store, done, [profile], _portable(options, profile))
    print(
        f"{path}: {packed.cells} cells, {packed.size / 2**20:.1f} MiB, without {packed.left_out / 2**20:.1f} MiB of "
        f"weights; judged elsewhere with: python -m suite judge --profile {profile.name} --with {path.name}"
    )
    if len(done) < len(made.steps):
        _say(f"{len(made.steps) - len(done)} cells that the profile asks for are not finished, so not packed")
    return OK


def _portable(options: argparse.Namespace, profile: Profile) -> str:
    """The command that computes the packed cells from nothing, without the names of this machine's folders."""
    asked = [word for text in options.only or () for word in ("-k", text)]
    given = ["--profile", Path(options.profile).name]
    given += ["--seeds", str(options.seeds)] if options.seeds is not None else []
    given += ["--device", profile.device] if profile.device != "cpu" else []
    given += ["--images", "DIR"] if options.images else []
    return shlex.join(("python", "-m", "suite", "claims", *asked, *given))


def _record(options: argparse.Namespace) -> int:
    from suite.assess import assess  # noqa: PLC0415
    from suite.show.recorded import record  # noqa: PLC0415

    claims, profile, evidence = _session(options)
    if profile.modified:
        raise SuiteError(f"only a profile as it is can be recorded; this one has {', '.join(profile.modified)}")
    print(f"{record(RECORDED, assess(claims, evidence))} entries added to {RECORDED}")
    return OK


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "claims": _claims,
    "compute": _compute,
    "judge": _judge,
    "list": _list,
    "status": _status,
    "record": _record,
    "explain": _explain,
    "what-if": _what_if,
    "gc": _gc,
    "goldens": _goldens,
    "sync": _sync,
    "ui": _ui,
    "table": _table,
    "report": _report,
    "noise": _noise,
    "bundle": _bundle,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 if all is as expected, 1 if a verdict departs, something failed or nothing was measured, 2 for a
        fault the user can mend (one line says how), 130 after Ctrl-C.
    """
    try:
        options = parse(arguments)
        status = COMMANDS[options.command](options)
        _say_whose(options)
        sys.stdout.flush()
    except SuiteError as error:
        _say(str(error))
        return USAGE
    except KeyboardInterrupt as how:
        _say(str(how) or "stopped; what is finished is kept, the rest resumes when run again")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read has seen enough; Python would complain when it flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        _say(f"{error.filename or 'a file'}: {error.strerror or error}")
        return USAGE
    return status
