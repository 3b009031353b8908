"""Every claim says all that a reader and the judge need: source, region with reason, controls, cost, command."""

import ast
import importlib
import re

import pytest

from suite import catalog, profile
from suite.claim import Constant
from suite.errors import Unavailable
from suite.judge import Verdict

CLAIMS = catalog.discover()
CRITERIA = [(claim, criterion) for claim in CLAIMS for criterion in claim.criteria]


def _name(value):
    return value.key


@pytest.mark.parametrize("claim", CLAIMS, ids=_name)
def test_a_claim_opens_with_what_a_person_wants_to_know(claim):
    text = importlib.import_module(f"claims.{claim.key}").__doc__
    assert text.splitlines()[0].endswith("."), "the first line is the finding, as a sentence"
    for word in ("Cost:", "Expect:", "Command:"):
        assert word in text, f"{claim.key} does not say {word}"
    assert claim.sentence.endswith(".")
    assert claim.papers
    assert claim.where


@pytest.mark.parametrize(("claim", "criterion"), CRITERIA, ids=[f"{a.key}.{b.key}" for a, b in CRITERIA])
def test_a_criterion_is_complete(claim, criterion):
    del claim
    assert re.fullmatch(r"[a-z0-9_]+", criterion.key)
    assert criterion.sentence.endswith(".")
    assert criterion.because, "a region needs its reason"
    assert criterion.published, "what the paper prints, or that it prints nothing"
    assert criterion.quantity.larger
    declared = {expected.verdict for expected in criterion.expected.values()} == {Verdict.UNVERIFIABLE}
    assert criterion.negative_controls or criterion.control_free or declared, "no control in which it must fail"
    assert len({control.key for control in criterion.controls}) == len(criterion.controls)
    if criterion.control_free:
        assert isinstance(criterion.evidence, Constant) or criterion.needs
    for expected in criterion.expected.values():
        assert expected.because
        assert expected.verdict not in (Verdict.ERROR, Verdict.SMOKE)


@pytest.mark.parametrize(("claim", "criterion"), CRITERIA, ids=[f"{a.key}.{b.key}" for a, b in CRITERIA])
def test_a_verdict_is_expected_of_every_criterion_that_a_profile_computes(claim, criterion):
    del claim
    for name in ("desk", "released"):
        assert (name in criterion.expected) == _computed(criterion, profile.load(name)), f"expected at {name}"


def _computed(criterion, scale):
    """Whether the profile asks the criterion and leaves nothing that it needs to a longer one."""
    try:
        return criterion.asked_at(scale) and criterion.evidence.cells(scale) is not None
    except Unavailable:
        return False


def test_expectations_name_profiles_that_exist():
    known = set(profile.names())
    for claim, criterion in CRITERIA:
        assert set(criterion.expected) <= known, f"{claim.key}.{criterion.key}"


def test_what_a_criterion_needs_some_profile_has():
    shipped = [profile.load(name) for name in profile.names()]
    for claim, criterion in CRITERIA:
        assert any(criterion.asked_at(one) for one in shipped), f"{claim.key}.{criterion.key}"


def test_a_copy_of_a_profile_is_asked_the_same(tmp_path):
    for name in profile.names():
        path = tmp_path / f"my-{name}.toml"
        path.write_text(f'extends = "{name}"\n')
        ours, mine = profile.load(name), profile.load(str(path))
        assert [one.asked_at(mine) for _, one in CRITERIA] == [one.asked_at(ours) for _, one in CRITERIA]


def test_the_suite_never_imports_claims():
    from pathlib import Path

    import suite

    for path in Path(suite.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "claims" for name in names), path


@pytest.mark.parametrize("package", ["judge", "measure"])
def test_judge_and_measure_import_nothing_else_of_ours(package):
    from pathlib import Path

    import suite

    for path in (Path(suite.__file__).parent / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.split(".")[0] in ("suite", "baselines", "claims"):
                    assert name.startswith(f"suite.{package}"), f"{path} imports {name}"
