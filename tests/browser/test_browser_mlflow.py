"""The MLflow UI in a real browser, started as ``nox -s ui`` does, on evidence of the smoke profile."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

pytest.importorskip("selenium", reason="a browser is used on request: nox -s browser")

CLAIM = "baselines_compared"
CHOSEN = ("-k", CLAIM, "--profile", "smoke")
LINKS = ("side by side", "charts by method", "the report page")
START = 240.0  # seconds; MLflow takes ten on an idle machine
# What MLflow's own page complains of in every view: a server without log-in has no current user, and its table
# library was renamed in parts. Anything else is ours.
OF_MLFLOW = ("/ajax-api/2.0/mlflow/users/current", "AG Grid: since")
WIDTH = (1800, 1000)


def suite(*arguments, evidence, **options):
    command = [sys.executable, "-m", "suite", *arguments, "--evidence", str(evidence)]
    return subprocess.run(command, check=True, text=True, capture_output=True, **options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def started(evidence, port):
    """A UI, once it has printed its links; they by name."""
    command = [sys.executable, "-m", "suite", "ui", *CHOSEN, "--evidence", str(evidence), "--port", str(port)]
    log = evidence / "ui.log"
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=dict(os.environ))
    try:
        end = time.monotonic() + START
        while not all(name in log.read_text() for name in LINKS):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        yield printed(log.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, log.read_text()


def printed(text: str) -> dict[str, str]:
    return {name: re.search(f"{name}: (http.*)", text)[1] for name in LINKS}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evidence")
    suite("claims", *CHOSEN, evidence=folder)
    suite("report", *CHOSEN, evidence=folder)  # after the view, so that its cards link to it
    return folder


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def links(evidence, port):
    with started(evidence, port) as found:
        yield found


@pytest.fixture
def opened(browser, links):
    browser.scheme("light")
    browser.resize(WIDTH)
    yield browser
    unknown = [line for line in browser.complaints() if not any(known in line for known in OF_MLFLOW)]
    assert unknown == []
    assert [url for url in browser.requests() if url.startswith("http") and "//127.0.0.1:" not in url] == []


def close_panels(browser) -> None:
    """Close what MLflow opens beside the runs, as a person would."""
    for button in browser.all('[aria-label="Close"]'):
        if button.is_displayed():
            button.click()


def columns(browser, header: str) -> list[str]:
    """The texts of a column of the table of runs, from top to bottom."""
    script = """
    const heads = [...document.querySelectorAll('.ag-header-cell')];
    const head = heads.find((one) => one.innerText.trim() === arguments[0]);
    if (!head) return [];
    const cells = document.querySelectorAll(`.ag-row [col-id="${CSS.escape(head.getAttribute('col-id'))}"]`);
    return [...cells].sort((a, b) => a.closest('.ag-row').rowIndex - b.closest('.ag-row').rowIndex)
      .map((cell) => cell.innerText.trim().split('\\n').pop());
    """
    return browser.run(script, header)


def criteria():
    from suite.catalog import discover

    (claim,) = (claim for claim in discover() if claim.key == CLAIM)
    return [criterion.key for criterion in claim.criteria]


def test_the_first_link_shows_every_baseline_side_by_side(opened, links):
    opened.open(links["side by side"])
    opened.until(lambda: len(columns(opened, "measured")) == len(criteria()), "a summary row a criterion")
    close_panels(opened)
    opened.until(lambda: columns(opened, "profile"), "every column in sight")
    names = columns(opened, "Run Name")
    assert sorted(name.split(" ")[0] for name in names) == sorted(criteria())
    number = r"-?\d[\d.,e-]*"
    for text in columns(opened, "measured"):
        assert re.fullmatch(rf"{number} \[{number}, {number}\] points", text)
    assert set(columns(opened, "verdict")) == {"smoke"}
    for header in ("printed", "n", "claimed", "profile"):
        assert len(columns(opened, header)) == len(criteria())
    assert f"{len(criteria())} matching runs" in opened.text()
    opened.save("mlflow-side-by-side")


def test_the_second_link_shows_charts_grouped_by_method(opened, links):
    opened.open(links["charts by method"])
    opened.until(lambda: "Group by: method" in opened.text(), "the prepared grouping")
    opened.until(lambda: "Group: soft_kd" in opened.text(), "a group a method")
    close_panels(opened)
    opened.until(lambda: opened.all(".js-plotly-plot .barlayer .point"), "bars")
    opened.until(lambda: opened.all(".js-plotly-plot .scatterlayer .js-line"), "curves")
    assert "accuracy_last" in opened.text()
    opened.save("mlflow-charts")


def test_a_run_shows_its_verdict_and_figure_and_links_to_its_card(opened, links):
    opened.open(links["side by side"])
    row = opened.until(lambda: [one for one in opened.all(".ag-row a") if "spectral_kd" in one.text], "the run's row")[
        0
    ]
    row.click()
    card = f"{CLAIM}.spectral_kd.smoke"
    selector = f'a[href$="/report/index.html#{card}"]'
    address = opened.until(lambda: opened.all(selector), "the card's link")[0].get_attribute("href")
    close_panels(opened)
    opened.save("mlflow-run")
    run = opened.run("return location.href").split("?")[0].rstrip("/")

    opened.open(f"{run}/artifacts/figures/{card}.png")
    opened.until(lambda: f"{card}.png" in opened.text() and "claims.json" in opened.text(), "the run's files")
    opened.until(lambda: opened.run(DRAWN), "the figure")
    close_panels(opened)
    opened.save("mlflow-figure")

    opened.open(address)
    assert opened.until(lambda: opened.one(f'article[id="{card}"]').is_displayed(), "the card")
    opened.save("report-served")
    back = opened.one(f'article[id="{card}"] a[href*="viewStateShareKey"]')
    assert "spectral_kd" in back.text
    opened.run("arguments[0].scrollIntoView({block: 'center'})", back)
    back.click()
    opened.until(lambda: len(columns(opened, "measured")) == len(criteria()), "the way back to the runs")


DRAWN = "return [...document.images].some((image) => image.naturalWidth > 300)"


def test_a_second_start_prints_the_same_links_and_ends(links, evidence, port):
    again = suite("ui", *CHOSEN, "--port", str(port), evidence=evidence)
    assert printed(again.stdout) == links
    assert "running already" in again.stderr


def test_another_program_at_the_port_is_one_line(evidence):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        command = [sys.executable, "-m", "suite", "ui", "--port", str(other.getsockname()[1])]
        found = subprocess.run(command, text=True, capture_output=True, check=False)
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert "give another one" in found.stderr
