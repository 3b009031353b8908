"""The nine findings: every claim belongs to one, and every sentence is borne out by the verdicts it speaks of."""

from pathlib import Path

import pytest

from suite import catalog, profile
from suite.assess import Evidence, assess
from suite.evidence.store import Store
from suite.show.findings import fill, rows

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
