"""Write page, verdicts, bundle and badge into a folder that any static host can serve."""

from __future__ import annotations

from pathlib import Path
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
    typed.add_bundles(parser)
    parser.add_argument("folder", metavar="DIR", help="the folder; it is made, and files of these names replaced")
    parser.add_argument("--by", default="anonymous", metavar="NAME", help="who ran this (default: anonymous)")
    parser.add_argument("--url", metavar="URL", help="where the folder will be served, for the commands")


def run(session: Session, options: argparse.Namespace) -> int:
    """Judge, and write everything that a reader needs to judge it again."""
    from suite.assess import open_evidence
    from suite.evidence.bundles.bundle import is_address
    from suite.evidence.disk import writing
    from suite.show import badge, reproductions
    from suite.show.files import replace_text
    from suite.show.page import report, shared
    from suite.show.recorded import history

    if options.url and not is_address(options.url):
        raise SuiteError(f"--url {options.url}: give an address that begins with http:// or https://")
    folder = Path(options.folder)
    evidence = open_evidence(session)
    evidence.for_others = True
    name = f"{evidence.profile.name}.tar.gz"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    packed, _ = common.pack(session, evidence, folder / name)
    address = f"{options.url.rstrip('/')}/{name}" if options.url else ""
    bundle = reproductions.Packed(name, packed.sha256, address)
    sessions = common.everything(session, evidence)
    assessments = common.assessments_of(sessions)
    own = [one for one in assessments if one.profile.name == evidence.profile.name]
    entry = reproductions.entry(own, packed.manifest, bundle, who=options.by)
    given = f"{address}#sha256={packed.sha256}" if address else name
    judge = f"{session.portable().command('judge')} --with {given}"
    beside = shared.Shared(name, packed.sha256, packed.cells, judge, packed.manifest["command"])
    sections = [shared.evidence(beside), *common.others(evidence, entry)]
    with writing(folder):
        report.write_report(evidence.own.root, sessions, history=history(common.RECORDED), more=sections, into=folder)
        replace_text(folder / "badge.svg", badge.svg(assessments))
        reproductions.write(folder / "reproduction.json", entry)
    print(f"{folder / 'index.html'}: the page, with claims.json and figures")
    print(f"{folder / name}: {packed.cells} cells, {packed.size / 2**20:.1f} MiB, sha256 {packed.sha256}")
    print(f"{folder / 'badge.svg'}: {': '.join(badge.words(assessments))}")
    print(f"{folder / 'reproduction.json'}: add it to {reproductions.FOLDER}/ under a name of your own")
    print(f"a reader judges it with: {judge}")
    common.say_whose(evidence)
    return common.OK
