"""What the repository promises a newcomer: a licence, pinned versions, a README whose commands exist."""

import re
import tomllib
from pathlib import Path

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


def test_commands_of_the_readme_exist():
    readme = (ROOT / "README.md").read_text()
    sessions = re.findall(r"^nox -s (\w+)", readme, flags=re.MULTILINE)
    defined = re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text())
    assert sessions
    assert set(sessions) <= set(defined)
    commands = re.findall(r"^python -m suite ([^#\n]*)", readme, flags=re.MULTILINE)
    assert commands
    for command in commands:
        parse(command.split())
    for passed in re.findall(r"^nox -s claims -- ([^#\n]*)", readme, flags=re.MULTILINE):
        parse(["claims", *passed.split()])


def test_the_readme_shows_a_verdict_for_every_desk_criterion():
    from suite import catalog

    readme = (ROOT / "README.md").read_text()
    table = readme.partition("<!-- verdicts:begin -->")[2].partition("<!-- verdicts:end -->")[0]
    for claim in catalog.discover():
        for criterion in claim.criteria:
            if "desk" in criterion.expected:
                row = re.search(rf"^\| {claim.key}<br>{criterion.key} \|.*$", table, flags=re.MULTILINE)
                assert row, f"{claim.key}.{criterion.key} is not in the README: python -m suite table --into README.md"
                assert criterion.expected["desk"].verdict in row.group(), row.group()
