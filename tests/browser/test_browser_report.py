"""The report page in a real browser, opened from disk."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("selenium", reason="a browser is used on request: nox -s browser")

from page_examples import every_figure, hostile, judged
from selenium.webdriver.common.keys import Keys

from suite.assess import Judged
from suite.show.page.document import Stamp
from suite.show.page.report import write_report

STAMP = Stamp("2026-01-02 03:04 UTC", "c0ffee", "a machine")
CARD = "every_figure.paired.tiny"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("evidence")
    evidence, found = judged(every_figure(), root)
    _, more = judged(hostile(), root)
    return write_report(root, [Judged(evidence, (*found, *more))], stamp=STAMP)


@pytest.fixture
def opened(browser, page):
    """The page as it comes: light, wide, nothing filtered."""
    from chromium import WIDE

    browser.scheme("light")
    browser.resize(WIDE)
    browser.open(page.as_uri())
    yield browser
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith(("file:", "data:"))] == []


def rows(browser) -> list[str]:
    """The names of the rows that can be seen, from top to bottom."""
    found = [one for one in browser.all("tbody.item") if one.is_displayed()]
    return [one.get_attribute("data-sort-name") for one in found]


def choose(browser, name: str, value: str) -> None:
    """As a person at the keyboard does: ChromeDriver's own choice of an option fires no ``input`` event."""
    values = [one.get_attribute("value") for one in browser.all(f'select[name="{name}"] option')]
    browser.one(f'select[name="{name}"]').send_keys(Keys.HOME, *[Keys.DOWN] * values.index(value))


def test_every_criterion_has_a_row_and_no_text_becomes_markup(opened):
    wanted = [f"{claim.key}.{one.key}" for claim in (every_figure(), hostile()) for one in claim.criteria]
    assert rows(opened) == wanted
    assert opened.one("form.filters output").text == f"{len(wanted)} of {len(wanted)}"
    assert "<script>alert" in opened.text()
    opened.save("report-wide-light")


def test_the_matrix_is_filtered_by_verdict_claim_and_words(opened):
    everything = rows(opened)
    items = opened.all("tbody.item")
    verdicts = {one.get_attribute("data-sort-name"): one.get_attribute("data-verdict") for one in items}
    for button in opened.all("[data-filter-verdict]"):
        verdict = button.get_attribute("data-filter-verdict")
        button.click()
        assert rows(opened) == [name for name in everything if verdicts[name] == verdict]
        assert 0 < len(rows(opened)) < len(everything)
        button.click()
    assert rows(opened) == everything

    choose(opened, "claim", "hostile")
    assert rows(opened) == [name for name in everything if name.startswith("hostile.")]
    headings = [one.get_attribute("data-claim") for one in opened.all("tbody.claim") if one.is_displayed()]
    assert headings == ["hostile"]
    choose(opened, "claim", "")

    opened.one('input[name="text"]').send_keys("trajectory is large")
    assert rows(opened) == ["every_figure.trajectory"]
    opened.save("report-filtered")


def test_the_matrix_is_sorted_by_a_column_and_back(opened):
    everything = rows(opened)
    measured = {
        one.get_attribute("data-sort-name"): one.get_attribute("data-sort-measured") for one in opened.all("tbody.item")
    }
    head = opened.one('th[data-sort="measured"] button')
    for down in (False, True):
        head.click()
        shown = [float(measured[name]) for name in rows(opened) if measured[name] is not None]
        assert len(set(shown)) > 2
        assert shown == sorted(shown, reverse=down)
        assert rows(opened)[len(shown) :] == [name for name in everything if measured[name] is None]
    opened.save("report-sorted")
    choose(opened, "sort", "order")
    assert rows(opened) == everything


def test_a_card_opens_from_its_row_and_from_its_address(opened, page):
    card = opened.one(f'article[id="{CARD}"]')
    assert not card.is_displayed()
    opened.one(f'a.opens[href="#{CARD}"]').click()
    assert card.is_displayed()
    assert opened.run("return location.hash") == f"#{CARD}"
    assert [one for one in opened.all("article") if one.is_displayed()] == [card]
    opened.run("arguments[0].scrollIntoView({behavior: 'instant'})", card)
    opened.save("report-card-light")
    opened.one(f'a.opens[href="#{CARD}"]').click()
    assert not card.is_displayed()

    opened.open(f"{page.as_uri()}#{CARD}")
    assert opened.one(f'article[id="{CARD}"]').is_displayed()


def test_every_link_to_a_file_leads_somewhere(opened, page):
    addresses = opened.run("return [...document.querySelectorAll('a')].map(link => link.href)")
    files = {unquote(urlsplit(one).path) for one in addresses if one.startswith("file:")}
    assert len(files) > 2 * len(every_figure().criteria)
    assert [name for name in files if not Path(name).exists()] == []
    svg = next(name for name in files if name.endswith(".svg"))
    opened.open(Path(svg).as_uri())
    assert opened.run("return document.documentElement.getBoundingClientRect().width") > 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["WIDE", "NARROW"])
def test_it_fits_and_can_be_read(opened, page, scheme, width):
    import chromium

    opened.scheme(scheme)
    opened.resize(getattr(chromium, width))
    opened.open(page.as_uri())
    opened.one("[data-open-all]").click()
    assert all(card.is_displayed() for card in opened.all("article"))
    overflow = opened.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    ink, paper = opened.run(
        "const style = getComputedStyle(document.body); return [style.color, style.backgroundColor].map("
        "text => text.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3)"
    )
    assert (paper < 80 and ink > 180) if scheme == "dark" else (paper > 230 and ink < 80)
    opened.save(f"report-{width.lower()}-{scheme}-top")
    opened.run(f"document.getElementById('{CARD}').scrollIntoView({{behavior: 'instant'}})")
    opened.save(f"report-{width.lower()}-{scheme}-card")
