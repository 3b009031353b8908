"""Printed tables and accuracies: their arithmetic, their nulls, and released files in their stead."""

from dataclasses import replace

import numpy as np
import pytest
from made_releases import judge

from claims import released_headline_effects, released_rank_gap
from claims._released_nulls import null_gap, one_direction, steps
from claims._released_printed import ACCURACY, printed_gap, printed_share
from claims._released_tables import PATTERNS, RANKS, tokens_of
from claims.published import PATTERN_TABLE, RANK_TABLE
from suite.evidence.released import PatternTable, RankTable, binomial_error
from suite.judge import Verdict

EVERY_ROW = pytest.mark.parametrize("row", RANKS.rows.values(), ids=list(RANKS.rows))


@EVERY_ROW
@pytest.mark.parametrize("shape", [steps, one_direction])
def test_the_null_passes_through_the_printed_shared_ranks_and_descends(row, shape):
    spectrum = shape(row)
    assert spectrum.shape == (row.channels,)
    assert spectrum.sum() == pytest.approx(1)
    assert (np.diff(spectrum) <= 1e-15).all()
    assert (spectrum > 0).all()
    for percent, dims in row.shared.items():
        assert spectrum[:dims].sum() == pytest.approx(percent / 100)


def test_fewer_independent_tokens_widen_the_gap_without_rotation():
    row = RANKS.row("CaiT-S24")
    gaps = [null_gap(row, steps, tokens=tokens) for tokens in (196, 98, 49)]
    assert gaps[0] + 0.1 < gaps[1] < gaps[2] - 0.1


def test_the_null_is_the_same_every_time_and_hardly_depends_on_the_draw():
    row = RANKS.row("CaiT-S24")
    assert null_gap(row, steps) == null_gap(row, steps)
    assert null_gap(row, steps, seed=5) == pytest.approx(null_gap(row, steps), abs=0.03)


def _write_ranks(folder, rows):
    path = folder / RANK_TABLE.file
    path.parent.mkdir(parents=True)
    percents = list(RANKS.row("CaiT-S24").own)
    header = ["Model", "Dims", *(f"SVD {p}%" for p in percents), *(f"Dataset {p}%" for p in percents)]
    cells = [[row.model, row.channels, *row.own.values(), *row.shared.values()] for row in rows]
    lines = [header, ["--"] * len(header), *cells]
    path.write_text("\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines) + "\n")
    return folder


def _write_patterns(folder, rows):
    path = folder / PATTERN_TABLE.file
    path.parent.mkdir(parents=True)
    percents = list(PATTERNS.rows["CaiT-S24"].fractions)
    header = ["Model", "Dimension (D)", "Num Tokens", *(f"d/D @ {p}%" for p in percents)]
    cells = [[f'"{row.model}"', row.channels, row.tokens, *row.fractions.values()] for row in rows]
    path.write_text("\n".join(",".join(map(str, line)) for line in (header, *cells)) + "\n")
    return folder


def _criterion(key):
    return next(c for c in released_rank_gap.CLAIM.criteria if c.key == key)


def _observe(key, table):
    return _criterion(key).evidence.value(table)


def test_features_without_rotation_have_no_gap_above_the_null():
    row = RANKS.row("CaiT-S24")
    own = round(row.shared[95] / 2 ** null_gap(row, steps))
    replaced = RankTable("table", {"CaiT-S24": replace(row, own={**row.own, 95: own})})
    assert _observe("gap_above_null", replaced).values[0] == pytest.approx(0, abs=0.02)


def test_copies_of_the_tables_take_the_place_of_the_embedded_ones_and_are_cited(tmp_path):
    rows = {**RANKS.rows, "CaiT-S24": replace(RANKS.row("CaiT-S24"), own={80: 14, 90: 34, 95: 62, 99: 121})}
    _write_patterns(_write_ranks(tmp_path, rows.values()), PATTERNS.rows.values())
    found = judge(released_rank_gap.CLAIM, tmp_path)
    assert "log2(302 / 62)" in found["gap_above_null"].observed.note
    assert "svd_rank_table.md:4)" in found["gap_above_null"].observed.note


def test_tables_in_which_things_are_as_claimed_are_recognised():
    wide = {
        model: replace(row, shared={p: max(dims, row.channels // 2) for p, dims in row.shared.items()})
        for model, row in RANKS.rows.items()
    }
    observed = _observe("no_small_shared_basis", RankTable("table", wide))
    assert _criterion("no_small_shared_basis").region.contains(observed.values[0], observed.values[0])
    whole = {model: replace(row, tokens=1000 * tokens_of(model)) for model, row in PATTERNS.rows.items()}
    observed = _observe("thousand_images", PatternTable("table", whole))
    assert _criterion("thousand_images").region.contains(observed.values[0], observed.values[0])


def test_a_truncated_table_is_an_error_that_names_what_is_missing(tmp_path):
    _write_ranks(tmp_path, list(RANKS.rows.values())[:5])
    found = judge(released_rank_gap.CLAIM, tmp_path)["no_small_shared_basis"]
    assert found.verdict is Verdict.ERROR
    assert "rows are missing, ViT-Base (CLIP, OpenAI)" in found.judgement.reason


def test_embedded_tables_are_cited_by_line_and_never_called_measured():
    found = judge(released_rank_gap.CLAIM)
    assert "log2(302 / 61) = 2.31" in found["gap_above_null"].observed.note
    assert "(svd_pca/svd_rank_table.md:4)" in found["gap_above_null"].observed.note
    for assessment in found.values():
        assert any("no network was run here" in deviation.ours for deviation in assessment.deviations)
        assert not assessment.departs, assessment.judgement.reason


def test_gaps_of_printed_accuracies_add_up_and_errors_as_independent():
    observed = printed_gap("Lift, mse", "Lift", "plain, spectral", "plain").value()
    assert observed.values[0] == pytest.approx((76.61 - 75.41) - (75.07 - 74.86))
    errors = [binomial_error(percent, 50_000) for percent in (76.61, 75.41, 75.07, 74.86)]
    assert observed.standard_error == pytest.approx(np.hypot(np.hypot(*errors[:2]), np.hypot(*errors[2:])))
    back = printed_gap("Lift", "Lift, mse").value()
    assert back.values[0] == pytest.approx(-printed_gap("Lift, mse", "Lift").value().values[0])


def test_the_error_of_a_share_is_that_of_repeated_runs():
    rng = np.random.default_rng(0)
    names = ("plain, logits", "Lift, logits + spectral", "plain")
    part, whole, base = (
        ACCURACY[name] + rng.normal(0, binomial_error(ACCURACY[name], 50_000), 200_000) for name in names
    )
    observed = printed_share(*names).value()
    assert observed.values[0] == pytest.approx(np.median((part - base) / (whole - base)), abs=0.002)
    assert observed.standard_error == pytest.approx(np.std((part - base) / (whole - base)), rel=0.03)
    assert printed_share("plain, logits", "plain, logits").value().standard_error == pytest.approx(0)


def test_headline_effects_are_as_expected():
    found = judge(released_headline_effects.CLAIM)
    assert not [key for key, assessment in found.items() if assessment.departs]
