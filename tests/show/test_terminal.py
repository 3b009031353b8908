"""The terminal says everything without colour, at any width, and never hides a departure."""

import io
import re
from dataclasses import replace

import pytest
import synthetic
from rich.console import Console

from suite.assess import Evidence, assess
from suite.claim import Unavailable
from suite.judge import Verdict, further
from suite.run.costs import Cost, Estimate, estimate
from suite.run.plan import plan
from suite.show.describe import outlook
from suite.show.terminal import expected_false, outcome, print_claims, print_plan, print_verdicts

UNKNOWN = Cost("measure", 9, None, None, "")


def squeezed(text):
    """The words of a text, without the table around them."""
    return " ".join(re.sub(r"[─│┃━]", " ", text).split())


@pytest.mark.parametrize("width", [80, 100, 118, 140, 160])
def test_every_fact_is_there_at_every_width(judged, show, width):
    text = show(print_verdicts, judged, width=width)
    assert max(map(len, text.splitlines())) <= width
    for words in (
        "● seen here",
        "◌ not seen here",
        "✓ reproduced",
        "∅ uninformative",
        "? inconclusive",
        "proxy",
        "5,717,416",
    ):
        assert words in text, words
    flat = squeezed(text)
    for words in ("made_up: Made-up numbers are large.", "arXiv:2501.00001v1", "section 3", "none at all"):
        assert words in flat, words
    for column in text.split("\n"):
        assert not column.rstrip().endswith("…"), "nothing is cut off"


def test_brackets_are_not_taken_for_markup(judged, show):
    text = squeezed(show(print_verdicts, judged, width=160))
    assert "[of seeds]" in text
    assert "[0.280, 0.316]" in text


def test_colour_adds_nothing_that_is_not_in_the_words(judged):
    plain, coloured = io.StringIO(), io.StringIO()
    print_verdicts(judged, Console(file=plain, width=140))
    print_verdicts(judged, Console(file=coloured, width=140, force_terminal=True, color_system="truecolor"))
    assert "\x1b[" not in plain.getvalue()
    assert "\x1b[" in coloured.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured.getvalue()) == plain.getvalue()


def test_a_departure_is_marked_and_fails(evidence, show):
    surprise = synthetic.criterion("surprise", "high", expected=synthetic.registered(Verdict.NOT_SEEN_HERE))
    assessments = assess([synthetic.claim(criteria=(surprise,))], evidence)
    for width in (80, 140):
        text = squeezed(show(print_verdicts, assessments, width=width))
        assert {"NOT", "as", "recorded:", "seen", "here"} <= set(text.partition("taken together")[0].split())
        assert "FAILED: not as expected: made_up.surprise (seen here, not not seen here)" in text


def test_a_session_in_order_says_so(judged):
    assert outcome(judged) == (
        "OK: 2 verdicts of 5 as expected (0 registered before their evidence, 2 recorded after it)"
    )
    assert outcome(judged[-1:]) == "OK: no verdict is expected to compare with"


def test_what_is_missing_comes_with_the_command(evidence, show):
    claim = synthetic.claim(criteria=(synthetic.criterion("gone", "broken"), synthetic.criterion("gone_too", "broken")))
    text = squeezed(show(print_verdicts, assess([claim], evidence)))
    command = "python -m suite claims -k made_up --profile tiny"
    assert f"not run: gone, gone_too: {command}" in text
    assert text.count(command) == 1
    assert "FAILED: nothing was measured" in text


def test_what_no_command_could_get_says_why(evidence, show):
    gone = synthetic.criterion("logs", "high", evidence=Elsewhere())
    text = squeezed(show(print_verdicts, assess([synthetic.claim(criteria=(gone,))], evidence)))
    assert "not run: logs: profile tiny has no network for 'swin'" in text


class Elsewhere:
    """A reading of what the profile cannot supply."""

    def cells(self, profile):
        raise Unavailable(f"profile {profile.name} has no network for 'swin'")

    def observe(self, access):
        self.cells(access.profile)


def test_an_error_says_what_broke(tmp_path, show):
    evidence = synthetic.evidence(tmp_path, ("low",))
    synthetic.fail(evidence.store, "high", 0)
    text = squeezed(
        show(print_verdicts, assess([synthetic.claim(criteria=(synthetic.criterion("a", "high"),))], evidence))
    )
    assert "error in a: " in text
    assert "loss is nan" in text
    assert "FAILED" in text


def test_what_would_settle_it_has_a_price(judged, show):
    """One more seed costs a network (60 s), its measurement and the control's (4 s each)."""
    inconclusive = next(assessment for assessment in judged if assessment.verdict is Verdict.INCONCLUSIVE)
    more = inconclusive.judgement.more
    hours, minutes = divmod(more.likely * 68 // 60, 60)
    assert outlook(inconclusive) == f"{further(more, 'seed')}, {hours} h {minutes:02d} min of computing"
    text = show(print_verdicts, [inconclusive], width=160)
    assert all(word in text.split() for word in outlook(inconclusive).split())


def test_false_verdicts_are_counted_by_claim(judged, evidence):
    """Three sampled decisions, one claim: 0.05; the exact one carries no risk, the second claim as much again."""
    assert "2 decisions by samples in 1 claim" in expected_false(judged)
    assert "at most 0.05 claims" in expected_false(judged)
    both = [*judged, *assess([synthetic.claim("again")], evidence)]
    assert "at most 0.1 claims" in expected_false(both)
    exact = [assessment for assessment in judged if assessment.criterion.key == "size"]
    assert "none can be decided wrongly by chance" in expected_false(exact)


def test_a_changed_profile_says_so(evidence, show):
    changed = Evidence(evidence.profile.with_seeds(3), evidence.store)
    text = squeezed(show(print_verdicts, assess([synthetic.claim()], changed)))
    assert "profile tiny was changed (3 seeds)" in text
    assert "OK: no verdict is expected" in text


def test_smoke_is_only_ever_smoke(evidence, show):
    smoke = Evidence(replace(evidence.profile, name="smoke", scope="smoke"), evidence.store)
    text = show(print_verdicts, assess([synthetic.claim()], smoke))
    assert "○ smoke" in text
    assert "seen here" not in text
    assert "reproduced" not in text


@pytest.fixture
def planned(tmp_path):
    evidence = synthetic.evidence(tmp_path, ("high", "low"))
    claims = [synthetic.claim(), synthetic.claim("again", (synthetic.criterion("same", "high"),))]
    (evidence.store.folder(synthetic.measured("low")(evidence.profile, 1).key) / "arrays.npz").write_bytes(b"cut")
    evidence.store.begin(synthetic.measured("edge")(evidence.profile, 2))
    synthetic.fail(evidence.store, "edge", 3)
    return plan(claims, evidence.profile, evidence.store), evidence.profile


def test_the_dry_run_counts_shared_cells_once(planned, show):
    made, profile = planned
    text = squeezed(show(print_plan, made, profile, estimate(made, profile), width=120))
    assert "train toy 0-3 done 4 - again (1), made_up (4)" in text
    assert "measure higher 0-3 missing 4 4 made_up (1)" in text
    assert "measure edge 0-3 missing 2, partial 1, failed 1 4 made_up (1)" in text
    assert "measure low 0-3 done 3, damaged 1 1" in text
    assert "20 cells (done 11, missing 6, partial 1, failed 1, damaged 1); 9 to compute, about 36 s" in text
    assert "2 cells failed or damaged: python -m suite status --profile tiny tells why" in text


def test_the_status_tells_why(planned, show):
    made, profile = planned
    text = squeezed(show(print_plan, made, profile, Estimate((UNKNOWN,)), width=200, failures=True))
    assert "failed: measure edge, seed 3 (measured-" in text
    assert "ValueError: loss is nan" in text
    assert "damaged: measure low, seed 1" in text
    assert "arrays.npz has 3 of" in text
    assert "9 to compute, time unknown" in text
    assert "measure: 9 cells, unknown: no cell of this study was ever measured" in text


def test_what_cannot_be_asked_is_named(evidence, show):
    from suite.claim import Unavailable

    class Impossible:
        def cells(self, _profile):
            raise Unavailable("profile tiny has no network for 'resnet'")

        observe = cells

    claim = synthetic.claim(criteria=(synthetic.criterion("far", "high", evidence=Impossible()),))
    text = squeezed(show(print_plan, plan([claim], evidence.profile, evidence.store), evidence.profile, Estimate()))
    assert "cannot be asked at tiny: made_up.far: profile tiny has no network for 'resnet'" in text
    assert "nothing to compute" in text


def test_the_list_says_where_each_criterion_is_printed(show):
    text = squeezed(show(print_claims, [synthetic.claim()], width=160))
    for words in (
        "made_up: Made-up numbers",
        "section 3",
        "holds",
        "≥ 0.14 bits",
        "0.25 bits (fake, Table 1)",
        "5,717,416",
    ):
        assert words in text, words
