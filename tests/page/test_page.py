"""The page: well-formed, whole, quiet about the network, deaf to hostile text."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace

import matplotlib as mpl
import numpy as np
import pytest
from html_page import Page
from page_examples import HOSTILE, PROFILE, every_figure, hostile, judged

from suite.assess import Judged
from suite.show.figures import drawing, shelf
from suite.show.page import report
from suite.show.page.document import Stamp
from suite.show.page.item import shown
from suite.show.recorded import Entry

STAMP = Stamp("2026-01-02 03:04 UTC", "c0ffee", "a machine")
ENTRIES = [
    Entry("2025-12-01", "abc", "m", "tiny", "every_figure.interval", "inconclusive", 0.5, 0.1, 0.9, 2),
    Entry("2025-12-03", "abd", "m", "tiny", "every_figure.interval", "inconclusive", 0.5, 0.1, 0.9, 2),
    Entry("2025-12-05", "abe", "m", "tiny", "every_figure.interval", "reproduced", 0.9, 0.8, 1.0, 3),
    Entry("2025-12-24", "def", "m", "other", "every_figure.interval", "consistent", 7.25, 7.0, 7.5, 2),
]


def write(root, claim, *, filled=True, history=None, profile=PROFILE) -> str:
    evidence, assessments = judged(claim, root, filled=filled, profile=profile)
    path = report.write_report(root, [Judged(evidence, tuple(assessments))], history=history, stamp=STAMP)
    assert path == root / "report" / "index.html"
    return path.read_text(encoding="utf-8")


def small():
    """Two criteria are enough where the whole page is not what matters."""
    claim = every_figure()
    return replace(claim, criteria=claim.criteria[:2])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(scope="module")
def source(root) -> str:
    return write(root, every_figure(), history={"every_figure.interval": ENTRIES})


@pytest.fixture(scope="module")
def page(source) -> Page:
    return Page(source)


# ---------------------------------------------------------------- form


def test_every_id_is_unique_and_every_anchor_is_there(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    anchors = {attributes["href"][1:] for attributes in page.of("a") if attributes["href"].startswith("#")}
    assert anchors <= set(ids)
    assert len(page.of("main")) == len(page.of("h1")) == 1


def test_every_row_has_its_card(page):
    rows, cards = page.of("tbody", "item"), page.of("article")
    assert len(rows) == len(cards) == len(page.of("details")) - len(page.of("details", "runs"))
    assert [card["id"] for card in cards] == [f"every_figure.{one.key}.tiny" for one in every_figure().criteria]
    openers = [link["href"] for link in page.of("a", "opens")]
    assert openers == [f"#{card['id']}" for card in cards]
    assert len(page.of("a", "tile")) == len(rows)


def test_rows_have_as_many_cells_as_columns(source):
    head = re.search(r'<table class="matrix">.*?</thead>', source, re.DOTALL)[0]
    columns = len(re.findall(r"<th[ >]", head))
    for row in re.findall(r'<tr class="row">.*?</tr>', source, re.DOTALL):
        assert len(re.findall(r"<t[dh][ >]", row)) == columns


def test_nothing_is_fetched(page, source):
    for name, attributes in page.elements:
        for key, value in attributes.items():
            if key in ("src", "srcset", "href", "xlink:href", "action", "data", "poster"):
                assert name == "a" or (value or "").startswith("#"), f"<{name} {key}={value!r}>"
            assert "url(" not in (value or "") or re.fullmatch(r"url\(#[\w.-]+\)", value), value
    styles = re.search(r"<style>(.*?)</style>", source, re.DOTALL)[1]
    assert "url(" not in styles
    assert "@import" not in styles
    script = re.search(r"<script>(.*?)</script>", source, re.DOTALL)[1]
    assert not re.search(r"https?:|fetch\(|XMLHttp|import\(", script)
    assert not page.of("link")
    assert not page.of("img")


def test_files_beside_the_page_are_there(page, root):
    local = [a["href"] for a in page.of("a") if not a["href"].startswith(("#", "http"))]
    assert local
    for name in local:
        assert (root / "report" / name).exists(), name
    assert len(list((root / "report" / "figures").glob("*.svg"))) == len(every_figure().criteria)
    found = json.loads((root / "report" / "claims.json").read_text())
    assert len(found["criteria"]) == len(every_figure().criteria)


# ---------------------------------------------------------------- content


def test_a_card_says_everything(source):
    card = Page(re.search(r'<article id="every_figure.interval.tiny".*?</article>', source, re.DOTALL)[0]).text
    for wanted in (
        "Every figure can be drawn.",
        "section 3",
        "The interval is large.",
        "● seen here",
        "NOT as recorded: not seen here",
        "0.25 bits",
        "Table 1, row <3>",
        "≥ 0.3 bits, because nothing smaller would be called large",
        "0.999 [0.969, 1.029] bits, 3 seeds",
        "Student t on 2 degrees of freedom",
        "seed 2: ",
        "negative: untrained – before any training",
        "positive: planted – a value planted well inside",
        "outside",
        "Would flip",
        "control 'untrained'",
        "not seen here, recorded on 2026-01-02 (after the evidence): a guess",
        "ImageNet-1k",
        "none at all",
        "python -m suite claims -k every_figure --profile tiny",
        "python -m suite explain every_figure --profile tiny",
        "python -m suite ui",
        "made_up (arXiv 2501.00001)",
        "measure trained cait, seed 1",
        "torch",
        "How the verdict changed over time",
        "2025-12-01 to 2025-12-03, 2 times",
        "0.50 [0.10, 0.90] bits",
        "abc to abd",
        "2025-12-05",
        "abe",
    ):
        assert wanted in card, wanted
    assert "2025-12-24" not in card  # another profile's
    assert "Made up." in card


def test_the_first_screen_has_every_number(page):
    start = page.text.index("Every criterion with what is printed")
    for wanted in ("● seen here", "0.25 bits", "0.999 [0.969, 1.029] bits", "3 seeds", "≥ 0.3 bits", "proxy", "tiny"):
        assert wanted in page.text[start:]
    rows = page.of("tbody", "item")
    assert rows[0]["data-departs"] == "yes"
    assert page.of("span", "departs")


def test_sort_keys_are_the_numbers_shown(page):
    row = page.of("tbody", "item")[0]
    assert float(row["data-sort-measured"]) == pytest.approx(0.999, abs=1e-3)
    assert float(row["data-sort-published"]) == 0.25
    assert float(row["data-sort-deviations"]) == 1
    assert row["data-sort-scope"] == "proxy"


def test_filters_are_hidden_until_the_script_serves_them(page):
    (form,) = page.of("form")
    assert "hidden" in form
    pressed = [button["data-filter-verdict"] for button in page.of("button") if "data-filter-verdict" in button]
    assert sorted(pressed) == sorted({row["data-verdict"] for row in page.of("tbody", "item")})


def test_text_never_becomes_markup(tmp_path):
    source = write(tmp_path, hostile())
    page = Page(source)
    assert len(page.of("script")) == 1
    assert not page.of("img")
    assert not page.of("b")
    assert HOSTILE in "".join(page.words)
    assert "alert" not in re.search(r"<script>(.*?)</script>", source, re.DOTALL)[1]


def test_a_number_that_is_none_is_never_printed(tmp_path):
    source = write(tmp_path, hostile())
    page = Page(source)
    verdicts = {row["data-sort-name"]: row["data-verdict"] for row in page.of("tbody", "item")}
    assert verdicts["hostile.exact"] == "error"
    row = re.search(r'<tbody class="item"[^>]*data-verdict="error".*?</tr>', source, re.DOTALL)[0]
    assert not re.search(r"\bnan\b|\binf\b", row, re.IGNORECASE)
    for name, attributes in page.elements:
        if name in ("path", "rect", "circle", "text", "tbody"):
            written = " ".join(str(value) for key, value in attributes.items() if key != "class")
            assert not re.search(r"\bnan\b|\binf\b", written, re.IGNORECASE)
    assert "is nan" in page.text  # the card says what broke, in words


def test_without_evidence_everything_is_not_run(tmp_path):
    page = Page(write(tmp_path, every_figure(), filled=False))
    assert {row["data-verdict"] for row in page.of("tbody", "item")} == {"not run"}
    assert page.text.count("No figure: cell") == len(every_figure().criteria)
    assert "python -m suite claims -k every_figure --profile tiny" in page.text
    assert not page.of("figure", "drawing")


def test_equal_input_gives_an_equal_page(source, root, tmp_path):
    assert write(root, every_figure(), history={"every_figure.interval": ENTRIES}) == source


def files_of(root):
    return {path.name: path.read_bytes() for path in (root / "report" / "figures").iterdir()}


@pytest.fixture
def drawn(monkeypatch):
    """How many figures are drawn, by what was judged."""
    found = []
    real = drawing.draw
    monkeypatch.setattr(drawing, "draw", lambda plot, what, **look: found.append(what) or real(plot, what, **look))
    return found


def test_a_figure_is_drawn_once_and_the_page_stays_as_if_drawn_anew(tmp_path, drawn):
    page = write(tmp_path, small())
    files, index = files_of(tmp_path), (tmp_path / "report" / "figures.json").read_bytes()
    assert len(drawn) == 2
    assert write(tmp_path, small()) == page
    assert len(drawn) == 2
    shutil.rmtree(tmp_path / "report")
    assert write(tmp_path, small()) == page
    assert len(drawn) == 4
    assert files_of(tmp_path) == files
    assert (tmp_path / "report" / "figures.json").read_bytes() == index


def test_a_file_that_is_missing_or_edited_is_drawn_again(tmp_path, drawn):
    page = write(tmp_path, small())
    files = files_of(tmp_path)
    figures = tmp_path / "report" / "figures"
    for name in files:
        (figures / name).write_bytes(files[name] + b" ")
        assert write(tmp_path, small()) == page
        (figures / name).unlink()
        assert write(tmp_path, small()) == page
        assert files_of(tmp_path) == files
    assert len(drawn) == 2 + 2 * len(files)


def test_only_the_figure_whose_data_changed_is_drawn_again(tmp_path, drawn):
    claim = small()
    write(tmp_path, claim)
    first, second = claim.criteria
    moved = replace(first, quantity=replace(first.quantity, name="another quantity"))
    write(tmp_path, replace(claim, criteria=(moved, second)))
    assert [what.quantity for what in drawn[2:]] == ["another quantity"]
    write(tmp_path, replace(claim, criteria=(moved, second)), profile=replace(PROFILE, seeds=(0, 1, 2, 3)))
    assert len(drawn) == 5


def test_other_code_or_another_matplotlib_draws_everything_again(tmp_path, drawn, monkeypatch):
    write(tmp_path, small())
    monkeypatch.setattr(shelf, "code_digest", lambda *_: "another")
    write(tmp_path, small())
    assert len(drawn) == 4
    monkeypatch.setattr(shelf, "version", lambda _: "0.1")
    write(tmp_path, small())
    assert len(drawn) == 6
    with mpl.rc_context({"lines.linewidth": 9.0}):
        write(tmp_path, small())
    assert len(drawn) == 8


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0, "figures": {}}', '{"format": 1, "figures": [1]}'])
def test_an_index_that_cannot_be_read_knows_no_figure(tmp_path, drawn, text):
    page = write(tmp_path, small())
    (tmp_path / "report" / "figures.json").write_text(text)
    assert write(tmp_path, small()) == page
    assert len(drawn) == 4


def test_fingerprints_tell_everything_apart_that_can_be_drawn():
    @dataclass
    class One:
        x: object

    class Two(One):
        pass

    values = [
        None, 0, 0.0, -0.0, False, "", "0", (), ("",), (0, 1), ((0,), 1), float("nan"), One(0), Two(0), One((0,)),
        np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 1)), np.array([0.0, -0.0]), np.float64(0),
    ]  # fmt: skip
    assert len({shelf.fingerprint(value) for value in values}) == len(values)
    assert shelf.fingerprint(np.arange(6.0).reshape(2, 3).T) == shelf.fingerprint(np.arange(6.0).reshape(2, 3).T.copy())
    with pytest.raises(TypeError, match="no fingerprint of set"):
        shelf.fingerprint(One({1}))


def test_figures_that_are_gone_are_removed(tmp_path):
    claim = small()
    write(tmp_path, claim)
    figures = tmp_path / "report" / "figures"
    (figures / "keep.txt").write_text("mine")
    assert len(list(figures.iterdir())) == 5
    write(tmp_path, replace(claim, criteria=claim.criteria[1:]))
    left = "every_figure.depth_entropy_global.tiny"
    assert sorted(path.name for path in figures.iterdir()) == [f"{left}.png", f"{left}.svg", "keep.txt"]


def test_without_matplotlib_the_page_is_whole_but_for_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "find_spec", lambda _: None)
    page = Page(write(tmp_path, small()))
    assert len(page.of("article")) == len(small().criteria)
    assert "pip install matplotlib" in page.text


def test_a_figure_that_cannot_be_drawn_says_why(tmp_path):
    claim = small()
    broken = tuple(replace(one, figure="dpeth") for one in claim.criteria[:1])
    page = Page(write(tmp_path, replace(claim, criteria=broken)))
    assert "No figure: no kind of figure 'dpeth'" in page.text


# ---------------------------------------------------------------- which rows


def test_further_profiles_are_shown_where_they_have_evidence(tmp_path):
    tiny = judged(small(), tmp_path / "one")
    other = judged(small(), tmp_path / "two", filled=False, profile=replace(PROFILE, name="large"))
    sessions = [Judged(evidence, tuple(found)) for evidence, found in (tiny, other)]
    assert {one.profile.name for one in shown(sessions)} == {"tiny"}
    path = report.write_report(tmp_path, sessions, stamp=STAMP)
    text = Page(path.read_text(encoding="utf-8")).text
    assert "No evidence here; python -m suite claims --profile large gives it." in text

    path = report.write_report(tmp_path, sessions[::-1], stamp=STAMP)
    page = Page(path.read_text(encoding="utf-8"))
    assert {row["data-profile"] for row in page.of("tbody", "item")} == {"tiny"}


def test_profiles_of_one_criterion_stand_together(tmp_path):
    sessions = []
    for name in ("tiny", "large"):
        profile = replace(PROFILE, name=name)
        evidence, found = judged(small(), tmp_path, profile=profile)
        sessions.append(Judged(evidence, tuple(found)))
    names = [(one.criterion.key, one.profile.name) for one in shown(sessions)]
    assert names[:4] == [
        ("interval", "tiny"),
        ("interval", "large"),
        ("depth_entropy_global", "tiny"),
        ("depth_entropy_global", "large"),
    ]
