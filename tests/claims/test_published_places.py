"""Every printed value says where it is printed; every criterion is its own sentence; claims name their finding."""

import re

import pytest

from suite import catalog

CLAIMS = [one for one in catalog.discover() if one.key.startswith(("released_", "published_", "multi_"))]
PRINTED = [
    pytest.param(published, id=f"{claim.key}.{criterion.key}.{place}")
    for claim in CLAIMS
    for criterion in claim.criteria
    for place, published in enumerate(criterion.published)
]
PLACES = ("abstract", "figure", "table", "text on", "README", "released logs")


@pytest.mark.parametrize("published", PRINTED)
def test_a_printed_value_says_where_it_is_printed(published):
    assert published.paper.arxiv
    assert re.fullmatch(r"v[0-9]+", published.paper.version)
    assert any(place in published.where for place in PLACES), published.where
    if "table" in published.where:
        assert published.row
        assert published.column
    assert published.value is not None or published.text


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.key)
def test_a_criterion_is_readable_alone(claim):
    for criterion in claim.criteria:
        first = criterion.sentence.split()[0]
        assert first not in ("So", "It", "Its", "This", "They", "The other"), criterion.sentence
