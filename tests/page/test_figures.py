"""Figures: every kind draws, shows region and interval, follows from its data alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from page_examples import EXTRA, PROFILE, READINGS, criterion, every_figure, judged

from suite import catalog
from suite.claim import Constant, Unavailable
from suite.errors import SuiteError
from suite.judge import Region, Verdict
from suite.show.figures.drawing import figure_of
from suite.show.figures.export import inline, png, svg
from suite.show.figures.kinds import KINDS, parse
from suite.show.figures.palette import LIGHT
from suite.show.figures.series import Series

KEYS = [criterion.key for criterion in every_figure().criteria]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return judged(every_figure(), tmp_path_factory.mktemp("evidence"))


def drawn(session, key: str):
    evidence, assessments = session
    assessment = next(one for one in assessments if one.criterion.key == key)
    return assessment, figure_of(assessment, evidence)


def axes_of(figure, label: str):
    return next((axes for axes in figure.axes if axes.get_label() == label), None)


def texts(figure) -> list[str]:
    found = [text.get_text().replace("\n", " ") for axes in figure.axes for text in axes.texts]
    return found + [axes.get_xlabel() for axes in figure.axes] + [axes.get_ylabel() for axes in figure.axes]


def labelled(axes, label: str) -> list:
    return [artist for artist in axes.get_children() if artist.get_label() == label]


def test_every_kind_has_an_example():
    assert {name.partition(":")[0] for name in READINGS} == set(KINDS)
    assert {figure for figure, *_ in EXTRA.values()} <= set(KINDS)


@pytest.mark.parametrize("key", KEYS)
def test_the_strip_shows_region_interval_control_and_published_value(session, key):
    assessment, drawing = drawn(session, key)
    strip = axes_of(drawing.figure, "strip")
    region = labelled(strip, "claimed region")
    assert len(region) == 1
    assert to_hex(region[0].get_facecolor()) == LIGHT.region
    left, right = strip.get_xlim()
    assert region[0].get_x() == pytest.approx(0.3)
    assert region[0].get_x() + region[0].get_width() == pytest.approx(right)

    interval = assessment.judgement.interval
    (bar,) = labelled(strip, "interval: measured")
    assert to_hex(bar.get_color()) == LIGHT.ours
    assert bar.get_xdata() == pytest.approx([interval.low, interval.high])
    assert left < interval.low
    assert interval.high < right

    (grey,) = labelled(strip, "interval: must fail: untrained")
    control = assessment.judgement.controls[0].interval
    assert to_hex(grey.get_color()) == LIGHT.control
    assert grey.get_xdata() == pytest.approx([control.low, control.high])

    diamonds = [line for line in strip.lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in diamonds] == [0.25]
    assert left < 0.25 < right
    assert "3 seeds" in " ".join(texts(drawing.figure))
    assert strip.get_xlabel() == f"size of {key} [bits]"


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("interval", "paired")])
def test_every_plot_has_axes_with_names_and_no_legend(session, key):
    _, drawing = drawn(session, key)
    plot = axes_of(drawing.figure, "plot")
    assert plot.get_xlabel()
    assert plot.get_ylabel()
    assert all(axes.get_legend() is None for axes in drawing.figure.axes)


@pytest.mark.parametrize(
    "key", ["depth_entropy_global", "ranks", "trajectory", "student_depth", "trend", "two_lengths"]
)
def test_curves_have_one_thin_line_a_seed_a_mean_and_a_band(session, key):
    _, drawing = drawn(session, key)
    plot = axes_of(drawing.figure, "plot")
    thin = [line for line in plot.lines if line.get_linewidth() == 0.6]
    means = [line for line in plot.lines if line.get_linewidth() in (1.4, 2.0)]
    assert len(thin) == len(PROFILE.seeds) * len(means)
    rows = np.array([line.get_ydata() for line in thin])
    for mean in means:  # every mean is the mean of three of the thin lines
        assert any(
            np.allclose(rows[start : start + 3].mean(axis=0), mean.get_ydata())
            for start in range(0, len(rows), 3)
            if len(rows[start]) == len(mean.get_ydata())
        )
    assert len(plot.collections) >= len(means)


def test_a_band_is_the_interval_of_the_mean():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((6, 3))
    low, high = Series("a", np.arange(3.0), y).band()
    half = 2.5705818 * y.std(axis=0, ddof=1) / np.sqrt(6)  # Student t, 5 degrees of freedom
    assert np.allclose((low, high), (y.mean(axis=0) - half, y.mean(axis=0) + half), rtol=1e-6)


def test_the_depth_profile_shows_the_layers_and_both_controls(session):
    assessment, drawing = drawn(session, "depth_flatness")
    plot = axes_of(drawing.figure, "plot")
    assert {"trained cait", "untrained"} <= set(texts(drawing.figure))
    mean = next(line for line in plot.lines if line.get_linewidth() == 2.0)
    expected = np.mean([r.arrays["flatness"].mean(axis=1) for r in assessment.cells if _trained(r)], axis=0)
    assert np.allclose(mean.get_ydata(), expected)
    assert mean.get_xdata() == pytest.approx(np.linspace(0, 1, 5))


def _trained(result) -> bool:
    return float(np.ptp(result.arrays["flatness"].mean(axis=1))) > 0.5


def test_the_trajectory_marks_where_the_sign_flips_and_shades_the_region(session):
    assessment, drawing = drawn(session, "trajectory")
    plot = axes_of(drawing.figure, "plot")
    (flip,) = labelled(plot, "sign flip")
    assert 60 < flip.get_xdata()[0] < 90  # the made-up lead falls from +4 to -4 over 30 ... 120 steps
    (area,) = labelled(plot, "claimed region")
    assert area.get_y() == pytest.approx(assessment.judgement.region.low)
    assert any(text.startswith("sign flips at") for text in texts(drawing.figure))


def test_two_lengths_share_a_relative_axis(session):
    _, drawing = drawn(session, "two_lengths")
    plot = axes_of(drawing.figure, "plot")
    assert plot.get_xlim()[1] == pytest.approx(100)
    assert any("360 steps" in text for text in texts(drawing.figure))
    assert not labelled(plot, "claimed region")  # the axis shows a gap, the region is of a difference of gaps


def test_the_matrix_outlines_one_cell_a_stage_and_prints_every_number(session):
    _, drawing = drawn(session, "matrix_amplitude")
    plot = axes_of(drawing.figure, "plot")
    matched = [patch for patch in plot.patches if patch.get_label() == "matched layers"]
    assert [(patch.get_x(), patch.get_y()) for patch in matched] == [(0, 0), (1, 0), (2, 4), (3, 4)]
    assert sum(isinstance(patch, Rectangle) for patch in plot.patches) == 5 * 4 + 4
    assert len(plot.texts) >= 5 * 4


def test_ranks_show_the_null_and_both_caps(session):
    _, drawing = drawn(session, "ranks")
    levels = [
        line.get_ydata()[0] for line in axes_of(drawing.figure, "plot").lines if to_hex(line.get_color()) == LIGHT.third
    ]
    assert levels == [7, 12]
    assert any("null" in text for text in texts(drawing.figure))


def test_the_pattern_has_its_corridor_and_a_null(session):
    evidence, assessments = session
    one = next(each for each in assessments if each.criterion.key == "pattern")
    narrow = replace(one, criterion=replace(one.criterion, region=Region.at_most(0.05)))
    figure = figure_of(narrow, evidence).figure
    (corridor,) = labelled(axes_of(figure, "plot"), "claimed region")
    height = np.ptp(corridor.get_paths()[0].vertices[:, 1])
    assert height == pytest.approx(1.1)
    assert "white noise, sorted" in texts(figure)


def test_paired_gives_every_seed_a_line_of_its_own(session):
    _, drawing = drawn(session, "paired")
    strip = axes_of(drawing.figure, "strip")
    assert [label.get_text() for label in strip.get_yticklabels()] == ["seed 0", "seed 1", "seed 2"] * 2
    dots = [line for line in strip.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    assert len({float(line.get_ydata()[0]) for line in dots}) >= 6


def test_the_student_profile_is_of_the_array_the_reading_took(session):
    _, drawing = drawn(session, "mirror")
    assert "its teacher" in texts(drawing.figure)
    assert "shape" in axes_of(drawing.figure, "plot").get_ylabel()
    _, drawing = drawn(session, "student_depth")
    assert "entropy" in axes_of(drawing.figure, "plot").get_ylabel()


# ---------------------------------------------------------------- files


def test_equal_evidence_gives_equal_files(session, tmp_path):
    again = judged(every_figure(), tmp_path)
    for key in ("depth_entropy_global", "paired", "pattern"):
        one, other = drawn(session, key)[1].figure, drawn(again, key)[1].figure
        assert svg(one) == svg(other)
        assert png(one) == png(other)


def test_a_file_is_whole_and_without_a_date(session):
    text = svg(drawn(session, "depth_entropy_global")[1].figure)
    ET.fromstring(text)  # noqa: S314 - our own file
    assert "202" not in re.sub(r"[\d.]*\d\.\d+", "", text).split("<style")[0]
    assert png(drawn(session, "paired")[1].figure).startswith(b"\x89PNG")


def test_an_inline_figure_follows_the_page(session):
    text = svg(drawn(session, "depth_entropy_global")[1].figure)
    element = inline(text, prefix="card-", description="words")
    assert not set(LIGHT.roles().values()) & set(re.findall(r"#[0-9a-f]{6}", element))
    assert all(name.startswith("card-") for name in re.findall(r'\bid="([^"]+)"', element))
    assert set(re.findall(r"url\(#([^)]+)\)", element)) <= set(re.findall(r'\bid="([^"]+)"', element))
    assert "http" not in element
    coordinates = re.findall(r'\s(?:d|x|y|transform)="([^"]*)"', element)
    assert coordinates
    assert not any(re.search(r"\.\d{3}", one) for one in coordinates)
    assert 'aria-label="words"' in element
    shown = ET.fromstring(element)  # noqa: S314
    given_texts = [node.text for node in ET.fromstring(text).iter() if node.tag.endswith("text")]  # noqa: S314
    assert [node.text for node in shown.iter() if node.tag.endswith("text")] == given_texts


# ---------------------------------------------------------------- what cannot be drawn


def test_missing_cells_name_the_command(tmp_path):
    evidence, assessments = judged(every_figure(), tmp_path, filled=False)
    for assessment in assessments:
        assert assessment.verdict is Verdict.NOT_RUN
        with pytest.raises(Unavailable, match=r"not computed.*python -m suite claims -k every_figure"):
            figure_of(assessment, evidence)


def test_an_unknown_kind_is_named():
    with pytest.raises(SuiteError, match=r"no kind of figure 'dpeth': choose from depth, "):
        parse("dpeth:entropy_global")


def test_curves_need_a_reading_per_seed(tmp_path):
    constant = criterion("c", "depth:flatness", Constant(lambda: 1.0), None, negative_controls=(), control_free="exact")
    evidence, assessments = judged(replace(every_figure(), criteria=(constant,)), tmp_path)
    with pytest.raises(SuiteError, match="reading per seed"):
        figure_of(assessments[0], evidence)


def test_every_claim_asks_for_a_kind_that_exists():
    for claim in catalog.discover():
        for one in claim.criteria:
            parse(one.figure)
