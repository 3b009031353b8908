"""The JSON document is strict and whole; the Markdown table stays a table."""

import json
import math
import os
import threading
from dataclasses import replace

import pytest
import synthetic

from suite.assess import Evidence, assess
from suite.errors import SuiteError
from suite.judge import Region, Verdict
from suite.show.summary import as_json, as_markdown, update_readme, write_json


def strict(document):
    """The document after a trip through strict JSON."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(json.dumps(document, allow_nan=False), parse_constant=refuse)


def entry(document, key):
    return next(entry for entry in document["criteria"] if entry["criterion"] == key)


def test_the_numbers_are_those_of_the_judge(judged):
    document = strict(as_json(judged))
    assert document == as_json(judged) | {"date": document["date"]}
    assert document["schema"] == 2
    assert document["verdicts"] == {
        "seen here": 1,
        "reproduced": 1,
        "not seen here": 1,
        "uninformative": 1,
        "inconclusive": 1,
    }
    assert document["ok"] is True
    found = entry(document, "holds")
    assert found["name"] == "made_up.holds"
    assert found["region"] == {"low": 0.14, "high": None, "because": synthetic.criterion("a", "high").because}
    assert found["published"] == [{"value": 0.25, "text": "", "paper": "arXiv:2501.00001v1", "where": "Table 1"}]
    values = [synthetic.value("high", seed) for seed in range(4)]
    assert found["measured"]["values"] == values
    assert found["measured"]["labels"] == ["seed 0", "seed 1", "seed 2", "seed 3"]
    assert found["measured"]["n"] == 4
    assert found["measured"]["estimate"] == pytest.approx(sum(values) / 4)
    assert found["measured"]["level"] == 0.95
    assert found["controls"][0]["name"] == "null"
    assert found["controls"][0]["holds"] == "outside"
    assert found["controls"][0]["high"] < 0.14
    assert found["controls"][0]["kind"] == "negative"
    assert found["controls"][0]["contrast"] is None, "made-up seeds differ by a constant"
    assert (found["controls"][1]["name"], found["controls"][1]["kind"]) == ("planted", "positive")
    assert found["controls"][1]["contrast"] is None
    assert found["role"] == "asserted"
    assert found["measured"]["diverged"] == []
    assert (found["verdict"], found["scope"], found["profile"]) == ("seen here", "proxy", "tiny")
    assert 0 < found["p"] < found["p_holm"] < 0.05
    assert "control 'null'" in found["flips"]
    assert [deviation["what"] for deviation in found["deviations"]] == ["data", "images"]
    assert found["expected"] == {
        "verdict": "seen here",
        "because": "computed beforehand",
        "since": "2026-01-02",
        "status": "recorded",
        "digest": "",
    }
    assert found["departs"] is False
    assert found["command"] == "python -m suite claims -k made_up --profile tiny"
    assert len(found["cells"]) == 8
    assert found["cells"][0]["seconds"] == 4.0
    assert sorted(found["cells"][0]) == ["commit", "device", "differs", "key", "libraries", "origin", "seconds", "seed"]
    more = entry(document, "open")["more"]
    assert 0 < more["low"] <= more["likely"]
    assert entry(document, "size")["control_free"]
    assert entry(document, "size")["p"] is None


def test_every_criterion_has_every_key(judged):
    keys = {tuple(entry) for entry in as_json(judged)["criteria"]}
    assert len(keys) == 1


def test_broken_and_unbounded_numbers_are_null(tmp_path):
    evidence = synthetic.evidence(tmp_path, ("high", "low", "broken"))
    broken = synthetic.criterion("broken", "broken", region=Region.at_most(1.0))
    single = Evidence(replace(evidence.profile, seeds=(0,)), evidence.store)
    document = strict(as_json(assess([synthetic.claim(criteria=(broken,))], evidence)))
    assert document["criteria"][0]["verdict"] == "error"
    assert document["criteria"][0]["measured"] is None
    assert document["criteria"][0]["region"] == {
        "low": None,
        "high": 1.0,
        "because": broken.because,
    }
    assert document["ok"] is False
    assert document["why_not"]
    document = strict(as_json(assess([synthetic.claim(criteria=(synthetic.criterion("a", "high"),))], single)))
    found = document["criteria"][0]["measured"]
    assert math.isfinite(found["estimate"])
    assert (found["low"], found["high"], found["n"]) == (None, None, 1)


def test_a_departure_is_in_the_document(evidence):
    surprise = synthetic.criterion("surprise", "high", expected=synthetic.registered(Verdict.NOT_SEEN_HERE))
    document = as_json(assess([synthetic.claim(criteria=(surprise,))], evidence))
    assert document["criteria"][0]["departs"] is True
    assert "made_up.surprise" in document["why_not"]


def test_a_reader_never_sees_half_a_document(tmp_path, judged):
    path = tmp_path / "new" / "claims.json"
    write_json(path, judged)
    stop, faults = threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                json.loads(path.read_text())
            except ValueError as error:  # pragma: no cover - this is the failure
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        write_json(path, judged)
    stop.set()
    reader.join()
    assert not faults
    assert os.listdir(path.parent) == ["claims.json"]  # noqa: PTH208 - names, no drafts among them


def test_a_failed_write_leaves_the_old_document(tmp_path, judged, monkeypatch):
    path = tmp_path / "claims.json"
    write_json(path, judged)
    before = path.read_text()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_json(path, judged)
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["claims.json"]


def columns(row):
    return row.replace("\\|", "").count("|")


def test_the_table_has_a_row_a_criterion_and_a_line_on_what_it_stands_on(judged):
    lines = as_markdown(judged).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(judged)
    assert {columns(row) for row in table} == {7}
    assert "**● seen here**" in table[2]
    assert "0.298 [0.280, 0.316] bits" in table[2]
    assert lines[-1].startswith("Profile `tiny` (proxy), 4 seeds, computed at commit ")
    assert "data: none at all, not ImageNet-1k" in lines[-1]


def test_the_commit_below_the_table_is_the_one_that_computed(judged):
    elsewhere = [
        replace(
            one, cells=tuple(replace(cell, environment=cell.environment | {"commit": "ab" * 20}) for cell in one.cells)
        )
        for one in judged
    ]
    assert "computed at commit abababababab, judged 20" in as_markdown(elsewhere).splitlines()[-1]
    stands_on_nothing = [replace(one, cells=()) for one in judged]
    assert "commit" not in as_markdown(stands_on_nothing).splitlines()[-1]


def test_bars_and_breaks_stay_in_their_cell(evidence):
    nasty = synthetic.criterion(
        "a", "high", sentence="|E| > 0 \\| or\nnot", expected=synthetic.registered(Verdict.ERROR)
    )
    text = as_markdown(assess([synthetic.claim(criteria=(nasty,))], evidence))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert columns(table[2].replace("\\\\", "")) == 7
    assert "NOT as recorded: error" in table[2]


def test_the_readme_changes_between_its_markers_only(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- verdicts:begin -->\nold\n<!-- verdicts:end -->\nafter\n")
    path.chmod(0o640)
    update_readme(path, "new\n")
    assert path.read_text() == "before\n<!-- verdicts:begin -->\nnew\n<!-- verdicts:end -->\nafter\n"
    update_readme(path, "new\n")
    assert path.read_text() == "before\n<!-- verdicts:begin -->\nnew\n<!-- verdicts:end -->\nafter\n"
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- verdicts:begin -->",
        "<!-- verdicts:end --> <!-- verdicts:begin -->",
        "<!-- verdicts:begin --> <!-- verdicts:end --> <!-- verdicts:end -->",
        "<!-- other:begin --> <!-- other:end -->",
    ],
)
def test_a_readme_without_its_markers_is_left_alone(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(SuiteError, match="verdicts:begin"):
        update_readme(path, "new")
    assert path.read_text() == text


def test_a_readme_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SuiteError, match="does not exist"):
        update_readme(tmp_path / "README.md", "new")
