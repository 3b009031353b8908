"""The words in which one verdict is told."""

import pytest

from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Published
from suite.show.describe import could_have_seen


@pytest.mark.parametrize(
    ("value", "ends"),
    [(-0.16, "the printed 0.16 is smaller"), (-0.48, "the printed 0.48 is as large"), (None, "one run each")],
)
def test_a_printed_difference_is_held_against_what_it_could_have_seen(value, ends):
    said = could_have_seen(Published(DISTILLATION_DYNAMICS, "table", value, error=0.17), "points")
    assert said.startswith("an effect of 0.26 points, with a chance of one in three: ")
    assert said.endswith(ends)
