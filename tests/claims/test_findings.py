"""The nine findings: every claim belongs to one, and every sentence is borne out by the verdicts it speaks of."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from suite import catalog, profile
from suite.assess import Evidence, assess
from suite.claim import Lies
from suite.evidence.store import Store
from suite.show.findings import fill, remarks, rows

FINDINGS = catalog.findings()
CLAIMS = catalog.discover()


@pytest.fixture(scope="module")
def released():
    """Every criterion, judged on the released figures."""
    return assess(CLAIMS, Evidence(profile.load("released"), Store(Path("no-store"))))


def test_every_claim_belongs_to_a_finding_and_every_finding_has_claims():
    assert {claim.finding for claim in CLAIMS} == {finding.key for finding in FINDINGS}


def test_findings_are_told_apart_and_are_sentences():
    assert len({finding.key for finding in FINDINGS}) == len({finding.title for finding in FINDINGS}) == len(FINDINGS)
    for finding in FINDINGS:
        assert finding.sentence.endswith(".")
        assert all(sentence.text.endswith(".") for sentence in finding.sentences)


def test_every_criterion_a_sentence_speaks_of_is_of_its_finding():
    of = {f"{claim.key}.{criterion.key}": claim.finding for claim in CLAIMS for criterion in claim.criteria}
    for finding in FINDINGS:
        for sentence in finding.sentences:
            assert {of[name] for name in sentence.verdicts} == {finding.key}


def test_every_finding_has_a_released_row_whose_sentence_its_verdicts_bear_out(released):
    for row in rows(FINDINGS, released, strict=True):
        assert row.counts["released"]
        assert row.sentence != row.finding.sentence
        assert "{" not in row.sentence


def test_sentences_on_released_figures_can_all_be_filled(released):
    sentences = [s for finding in FINDINGS for s in finding.sentences if s.profile == "released"]
    assert len(sentences) == len(FINDINGS)
    for sentence in sentences:
        assert fill(sentence, released)


REMARKS = [(finding, sentence) for finding in FINDINGS for group in finding.remarks for sentence in group]
LOW_HIGH = {Lies.ABOVE: (0.5, 1.5), Lies.BELOW: (-1.5, -0.5), Lies.AROUND: (-0.5, 0.5)}


def bearing_out(finding, sentence):
    """Assessments whose numbers lie as a sentence says."""
    found = {}
    for place, lies in sentence.shows.items():
        name, kind, control = re.fullmatch(r"([\w.]+)(?:([/-])(\w+))?", place).groups()
        low, high = LOW_HIGH[lies]
        interval = SimpleNamespace(estimate=(low + high) / 2, low=low, high=high)
        one = found.setdefault(name, {"interval": None, "controls": {}})
        if control:
            one["controls"].setdefault(control, {})["interval" if kind == "/" else "contrast"] = interval
        else:
            one["interval"] = interval
    return [
        SimpleNamespace(
            name=name,
            claim=SimpleNamespace(finding=finding.key),
            profile=SimpleNamespace(name=sentence.profile),
            judgement=SimpleNamespace(
                interval=one["interval"],
                controls=[
                    SimpleNamespace(name=key, interval=each.get("interval"), contrast=each.get("contrast"))
                    for key, each in one["controls"].items()
                ],
            ),
        )
        for name, one in found.items()
    ]


@pytest.mark.parametrize(
    ("finding", "sentence"), REMARKS, ids=lambda one: getattr(one, "key", getattr(one, "text", ""))
)
def test_a_remark_speaks_of_numbers_that_there_are_and_is_said_where_they_bear_it_out(finding, sentence):
    there = {
        f"{claim.key}.{criterion.key}": {control.key for control in criterion.controls}
        for claim in CLAIMS
        if claim.finding == finding.key
        for criterion in claim.criteria
    }
    for place in sentence.shows:
        name, _, control = re.fullmatch(r"([\w.]+)([/-]?)(\w*)", place).groups()
        assert not control or control in there[name], place
        assert name in there, place
    evidence = bearing_out(finding, sentence)
    said = fill(sentence, evidence)
    assert said.startswith(f"{sentence.profile}: ")
    assert "{" not in said
    assert said.endswith(".")
    assert said in remarks(finding, evidence)


def test_without_numbers_nothing_is_remarked():
    assert [said for finding in FINDINGS for said in remarks(finding, [])] == []
