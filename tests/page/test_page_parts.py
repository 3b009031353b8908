"""Parts of the page: markup, small pictures, colours."""

from __future__ import annotations

import re

import pytest
from html_page import Page
from hypothesis import given
from hypothesis import strategies as st

from suite.judge import Interval, Region, Verdict
from suite.show.figures.judged import Judged as What
from suite.show.figures.judged import Row
from suite.show.figures.palette import DARK, LIGHT
from suite.show.links import slug
from suite.show.page import palette
from suite.show.page.markup import Markup, join, tag
from suite.show.page.spark import WIDTH, spark
from suite.show.verdicts import LOOKS


def test_markup_escapes_all_but_itself():
    assert tag("p", "<i>", Markup("<i></i>"), class_="a b", data_x='"', hidden=True, title=None) == (
        '<p class="a b" data-x="&quot;" hidden>&lt;i&gt;<i></i></p>'
    )
    assert tag("input", type="text") == '<input type="text">'
    assert join(["a", None, Markup("<br>")], " & ") == "a &amp;  &amp; <br>"


@given(st.text(max_size=30))
def test_any_text_survives(words):
    page = Page(f"<p>{tag('em', words, title=words)}</p>")
    assert "".join(page.words).replace("\r\n", "\n").replace("\r", "\n") == words.replace("\r\n", "\n").replace(
        "\r", "\n"
    )
    assert page.of("em")[0]["title"] == words


@given(st.text(max_size=30))
def test_slugs_are_safe(name):
    assert re.fullmatch(r"[A-Za-z0-9._-]*", slug(name))


numbers = st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1e-16, 5717416.0])


@given(
    estimate=numbers, half=st.floats(0, 1e6), bound=numbers, printed=st.lists(numbers, max_size=2), loose=st.booleans()
)
def test_a_spark_stays_within_its_box(estimate, half, bound, printed, loose):
    ends = (float("-inf"), float("inf")) if loose else (estimate - half, estimate + half)
    row = Row("measured", "", Interval(estimate, *ends, 3, 0.95, None, None, ""))
    drawn = spark(What("q", "", Region.at_most(bound), (row,), tuple((value, "") for value in printed)))
    places = [float(x) for x in re.findall(r'(?:\bx=|cx=)"([^"]+)"', drawn)]
    places += [float(x) for x in re.findall(r"[MH](-?[\d.]+)", drawn)]
    assert all(0 <= x <= WIDTH for x in places)
    assert "nan" not in drawn
    Page(drawn)


def test_a_spark_keeps_the_order_of_numbers():
    row = Row("measured", "", Interval(2.0, 1.0, 3.0, 3, 0.95, None, None, ""))
    drawn = spark(What("q", "", Region.at_least(2.5), (row,), ((0.0, ""),)))
    low, high = map(float, re.search(r'class="s-ours" d="M([\d.]+) 8H([\d.]+)"', drawn).groups())
    region = float(re.search(r'x="([\d.]+)"', drawn)[1])
    printed = float(re.search(r'class="s-published" d="M([\d.]+)', drawn)[1])
    assert printed < low < region < high
    assert (region - low) / (high - low) == pytest.approx(0.75, abs=0.01)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, definition of contrast ratio."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_can_be_read_in_light_and_dark(verdict):
    look = LOOKS[verdict]
    assert contrast(look.text, look.ground) >= 4.5
    assert contrast(look.dark_text, look.dark_ground) >= 4.5
    assert LOOKS[verdict].meaning


@pytest.mark.parametrize("index", [0, 1])
def test_text_of_the_page_and_of_figures_can_be_read(index):
    base = {name: colours[index] for name, colours in palette.BASE.items()}
    for name in ("ink", "muted", "accent", "alert"):
        for ground in ("page", "raised"):
            assert contrast(base[name], base[ground]) >= 4.5, (name, ground)
    roles = (LIGHT, DARK)[index].roles()
    for role in ("ink", "muted", "ours", "second", "third", "published", "control"):
        assert contrast(roles[role], base["raised"]) >= 4.5, role
    assert contrast(roles["ink"], roles["region"]) >= 7


def test_roles_have_colours_of_their_own():
    for theme in (LIGHT, DARK):
        assert len(set(theme.roles().values())) == len(theme.roles())
