"""What the repository promises a newcomer: a licence, pinned versions, a README whose commands exist."""

import io
import re
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

import suite
from suite.options import parse

ROOT = Path(__file__).resolve().parents[1]


def requirement_names(requirements):
    return {re.split(r"[<>=~!\[; ]", text, maxsplit=1)[0].lower() for text in requirements}


def test_continuous_integration_runs_every_python_that_is_promised():
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    promised = sorted(re.findall(r"Python :: (3\.\d+)", "\n".join(classifiers)))
    workflow = (ROOT / ".github/workflows/tests.yml").read_text()
    assert promised == re.findall(r'"(3\.\d+)"', workflow.partition("matrix:")[2].partition("]")[0])
    assert promised[0] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"][2:]


def test_workflows_name_sessions_and_files_that_exist_and_no_step_twice():
    sessions = re.findall(r"@nox\.session(?:\([^)]*\))?\ndef (\w+)", (ROOT / "noxfile.py").read_text())
    named, commands = [], []
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        text = path.read_text()
        named += re.findall(r"^ +sessions: (\w+)$", text, flags=re.MULTILINE)
        commands += re.findall(r"^ +- run: (.+)$", text, flags=re.MULTILINE)
        for used in re.findall(r"uses: \./(\S+)", text):
            assert (ROOT / used).is_file(), used
    assert {"minimums", "site"} <= set(named) <= set(sessions)
    assert len(commands) == len(set(commands))
    always = re.findall(r"set -- ([\w ]+)", (ROOT / ".ci/run").read_text())
    assert set(always[0].split()) <= set(sessions)


def test_every_package_says_that_it_is_typed_and_the_project_how_it_may_be_used():
    for package in ("suite", "baselines", "claims"):
        assert (ROOT / package / "py.typed").is_file()
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert f"version: {suite.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_direct_dependency_is_pinned_to_what_was_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = requirement_names(project["project"]["dependencies"])
    for group in (*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()):
        wanted |= requirement_names(group)
    pinned = requirement_names(
        line for line in (ROOT / "ci/constraints.txt").read_text().splitlines() if not line.startswith("#")
    )
    assert wanted == pinned


READMES = sorted(path for path in ROOT.glob("**/*.md") if not any(part.startswith(".") for part in path.parts))
TABLES = {
    "README.md": ("findings",),
    "claims/README.md": ("verdicts", "words", "comparison"),
    "reproductions/README.md": ("reproductions",),
}


def between(text, marker):
    return text.partition(f"<!-- {marker}:begin -->")[2].partition(f"<!-- {marker}:end -->")[0].strip()


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_every_readme_exists(path):
    text = path.read_text()
    defined = re.findall(r"@nox\.session(?:\([^)]*\))?\ndef (\w+)", (ROOT / "noxfile.py").read_text())
    shown = re.findall(r"^nox -s ([\w ]+?)(?: --|  |$)", text, flags=re.MULTILINE)
    assert {name for names in shown for name in names.split()} <= set(defined)
    for command in re.findall(r"^python -m suite ([^#\n]*)", text, flags=re.MULTILINE):
        parse(command.split())
    for passed in re.findall(r"^nox -s claims -- ([^#\n]*)", text, flags=re.MULTILINE):
        parse(["claims", *passed.split()])


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_every_readme_leads_somewhere(path):
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
        assert (path.parent / link).exists(), link


def test_the_first_page_is_short():
    assert (ROOT / "README.md").stat().st_size <= 8 * 1024


@pytest.mark.parametrize(("name", "marker"), [(name, each) for name, markers in TABLES.items() for each in markers])
def test_generated_tables_are_filled(name, marker):
    text = (ROOT / name).read_text()
    assert between(text, marker).startswith("|"), f"python -m suite table --into {name}"


def test_the_first_page_says_of_released_figures_what_the_judge_says():
    from suite import catalog
    from suite.assess import assess, open_evidence
    from suite.session import Session
    from suite.show.findings import rows

    released = assess(catalog.discover(), open_evidence(Session(profile="released")))
    table = between((ROOT / "README.md").read_text(), "findings")
    for row in rows(catalog.findings(), released, strict=True):
        assert f"| **{row.finding.title}** | {row.cell('released')} |" in table, (
            "python -m suite table --into README.md"
        )


def test_the_log_of_reproductions_shows_every_entry():
    from suite import catalog
    from suite.show import reproductions

    rows = reproductions.table(reproductions.read(ROOT / "reproductions"), catalog.discover())
    table = between((ROOT / "reproductions/README.md").read_text(), "reproductions")
    for row in rows:
        assert "".join(reproductions.as_markdown([row]).splitlines()[2:]) in table, (
            "python -m suite table --into reproductions/README.md"
        )


def test_the_words_are_those_of_the_judge():
    from suite.show.verdicts import meanings_table

    assert between((ROOT / "claims/README.md").read_text(), "words") == meanings_table().strip()


def test_the_table_shows_a_verdict_for_every_criterion_expected_at_the_desk():
    from suite import catalog

    table = between((ROOT / "claims/README.md").read_text(), "verdicts")
    for claim in catalog.discover():
        for criterion in claim.criteria:
            if "desk" in criterion.expected:
                row = re.search(rf"^\| {claim.key}<br>{criterion.key} \|.*$", table, flags=re.MULTILINE)
                assert row, f"{claim.key}.{criterion.key}: python -m suite table --into claims/README.md"
                assert criterion.expected["desk"].verdict in row.group(), row.group()


def test_the_example_of_a_claim_is_one_that_runs(tmp_path, monkeypatch):
    """Copied as it stands, computed at smoke scale, judged."""
    from suite.assess import assess, open_evidence
    from suite.judge import Verdict
    from suite.run import executors
    from suite.run.plan import CachePolicy, plan
    from suite.run.progress import Progress
    from suite.session import Session

    text = (ROOT / "claims/README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    made = {}
    exec(compile(code, "claims/example.py", "exec"), made)  # noqa: S102 - it is our own README
    session = Session(profile="smoke", evidence=str(tmp_path), seeds=1)
    evidence = open_evidence(session, here=True)
    assert {each.verdict for each in assess([made["CLAIM"]], evidence)} == {Verdict.NOT_RUN}
    planned = plan([made["CLAIM"]], evidence.profile, evidence.store, cache=CachePolicy("only-missing"))
    work = executors.Work(evidence.own, "cpu", 1)
    with Progress(planned, Console(file=io.StringIO()), workers=1) as progress:
        executors.run(planned, executors.here(work, planned, 1), progress)
    judged = assess([made["CLAIM"]], open_evidence(session))
    assert {each.verdict for each in judged} == {Verdict.SMOKE}, [each.judgement.reason for each in judged]
