"""The comparison: one table and one figure, at every profile, of whatever criteria there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import synthetic

from suite.assess import Evidence, Judged, assess
from suite.claim import Control, PerSeed
from suite.judge import Verdict
from suite.show.comparison import Cost, comparisons, written
from suite.show.markdown import comparison_markdown
from suite.show.mlflow.rows import rows
from suite.show.page.document import Stamp
from suite.show.summary import criterion_json

ROOT = Path(__file__).parents[2]
LONG = replace(synthetic.PROFILE, name="longer", seeds=(0, 1, 2))


def counted(role: str, factor: float) -> PerSeed:
    return PerSeed((synthetic.measured(role),), lambda result: factor * float(result.arrays["value"]))


def compared(**changes):
    weights = {"weight, start": counted("high", 0.5), "weight, end": counted("high", 0.25)}
    lasting = (Control("null_images", "numbers that mean nothing", synthetic.reading("low")),)
    criteria = (
        synthetic.criterion("second", "edge", title="Second", negative_controls=lasting),
        synthetic.criterion("first", "high", title="First", negative_controls=lasting, beside=weights),
        synthetic.criterion("first_again", "low", variant_of="first", condition="at one weight", title="First"),
        synthetic.criterion("never_run", "absent", title="Never"),
    )
    return synthetic.claim("rivals", criteria, compared_with="Reference", **changes)


@pytest.fixture(scope="module")
def evidences(tmp_path_factory):
    root = tmp_path_factory.mktemp("compared")
    synthetic.MEANS["absent"] = 0.0
    return [synthetic.evidence(root, profile=profile) for profile in (synthetic.PROFILE, LONG)]


@pytest.fixture(scope="module")
def found(evidences):
    return [assessment for evidence in evidences for assessment in assess([compared()], evidence)]


@pytest.fixture(scope="module")
def table(found):
    (one,) = comparisons(found)
    return one


def test_rows_are_what_was_measured_and_a_variant_stands_below_what_it_varies(table):
    assert [row.title for row in table.rows] == ["Second", "First", "First, at one weight"]
    assert table.profiles == ("tiny", "longer")
    assert table.columns[0] == "minus Reference [95 %], bits"


def test_a_claim_that_compares_nothing_has_no_table(evidences):
    assert comparisons(assess([synthetic.claim()], evidences[0])) == []
    nothing = Evidence(synthetic.PROFILE, synthetic.Store(evidences[0].own.root / "empty"))
    assert comparisons(assess([compared()], nothing)) == []


def test_a_row_says_difference_contrast_weight_and_verdict_of_its_own_profile(table):
    row = table.rows[1]
    four = [synthetic.value("high", seed) for seed in LONG.seeds]
    gaps = [synthetic.value("high", seed) - synthetic.value("low", seed) for seed in LONG.seeds]
    difference, controls, weight, cost, verdict = table.cells(row, "longer")
    assert difference.startswith(f"{np.mean(four):.3f}"[:5])
    assert controls == "null images: no spread" or controls.startswith(f"null images: {np.mean(gaps):.2f}")
    assert weight == written([0.5 * np.mean(four), 0.25 * np.mean(four)])
    assert cost == "–", "made-up cells train no student"
    assert verdict.endswith(str(row.entries["longer"].assessment.verdict))


def test_it_says_which_verdict_depends_on_a_condition(table, found):
    words = {(one.criterion.key, one.profile.name): one.verdict for one in found}
    said = table.depends()
    assert len(said) == 2
    for profile, sentence in zip(table.profiles, said, strict=True):
        before, after = words["first", profile], words["first_again", profile]
        assert before is not after
        assert sentence == f"{profile}, at one weight: these verdicts change: First ({before} → {after})."


def test_a_verdict_that_stays_is_counted(evidences):
    claim = compared()
    again = replace(claim.criteria[1], key="first_again", variant_of="first", condition="twice")
    (one,) = comparisons(assess([replace(claim, criteria=(claim.criteria[1], again))], evidences[0]))
    assert one.depends() == ["tiny, twice: no verdict changes, of 1 method judged both ways."]


def test_the_markdown_has_one_set_of_columns_a_profile(table):
    text = comparison_markdown([table])
    head, rule, *lines = text.splitlines()
    assert head.count("|") == rule.count("|") == 2 + 2 * len(table.columns)
    assert [line.split(" | ")[0] for line in lines[:3]] == ["| Second", "| First", "| First, at one weight"]
    assert "these verdicts change" in text
    assert table.legend() in text


def test_what_is_beside_enters_neither_verdict_nor_rule_and_is_kept_as_data(evidences):
    (bare,) = assess([replace(compared(), criteria=(replace(compared().criteria[1], beside={}),))], evidences[0])
    (told,) = assess([replace(compared(), criteria=(compared().criteria[1],))], evidences[0])
    assert told.judgement == bare.judgement
    assert told.cells == bare.cells
    assert criterion_json(bare)["beside"] == {}
    seen = criterion_json(told)["beside"]["weight, start"]
    assert seen == [0.5 * synthetic.value("high", seed) for seed in synthetic.PROFILE.seeds]


def test_a_number_that_was_not_noted_is_left_out(evidences):
    lacking = {"weight, start": PerSeed((synthetic.measured("high"),), lambda result: result.arrays["nowhere"])}
    claim = compared()
    (one,) = assess([replace(claim, criteria=(replace(claim.criteria[1], beside=lacking),))], evidences[0])
    assert one.beside == {}
    assert one.verdict is not Verdict.ERROR


def test_mlflow_holds_the_table_as_a_run_and_its_numbers_as_metrics(found, table):
    made = rows(found)
    (run,) = [row for row in made if row.tags["kind"] == "comparison"]
    assert run.key == "rivals.comparison"
    assert comparison_markdown([table]) in run.tags["mlflow.note.content"]
    summary = next(row for row in made if row.key == "rivals.first@tiny")
    metrics = {name: value for name, value, _ in summary.metrics}
    values = [synthetic.value("high", seed) for seed in synthetic.PROFILE.seeds]
    assert metrics["weight_ start"] == pytest.approx(0.5 * np.mean(values))


def test_page_shows_table_and_figure(evidences, found, table, tmp_path):
    pytest.importorskip("matplotlib")
    from suite.show.page import report

    sessions = [
        Judged(evidence, tuple(one for one in found if one.profile is evidence.profile)) for evidence in evidences
    ]
    page = report.write_report(tmp_path, sessions, stamp=Stamp("2026-01-02", "c0ffee", "a machine"))
    text = page.read_text()
    assert '<section class="comparison" id="rivals.comparison">' in text
    assert table.depends()[0] in text
    for ending in ("svg", "png"):
        assert (tmp_path / "report" / "figures" / f"rivals.comparison.{ending}").is_file()
    made = rows(found, figures=tmp_path / "report" / "figures")
    (run,) = [row for row in made if row.tags["kind"] == "comparison"]
    assert len(run.figures) == 2


def test_the_figure_has_a_bar_a_profile_and_every_number_lies_inside(table):
    pytest.importorskip("matplotlib")
    from suite.show.figures.compared import forest_of

    forest = forest_of(table)
    assert [len(bars) for _, bars in forest.rows] == [2, 2, 2]
    figure = forest.drawn()
    gains, beside = figure.axes
    assert [text.get_text() for text in gains.get_yticklabels()] == ["Second", "First", "First, at one weight"]
    low, high = gains.get_xlim()
    for _, bars in forest.rows:
        for bar in bars:
            assert all(low < value < high for value in (bar.estimate, *(value for _, value in bar.controls)))
    assert beside.get_xscale() == "log"
    assert beside.get_xlabel() == "weight"


def test_a_cost_is_told_with_its_parameters():
    assert str(Cost(1.0234, 1200)) == "1.02 ×, +1,200"
    assert str(Cost(1.0, 0)) == "1.00 ×"


NEW_METHOD = """
import sys
from pathlib import Path
import numpy as np
from suite import catalog, profile
from suite.assess import Evidence, Judged, assess
from suite.evidence.store import Store
from suite.show.comparison import comparisons
from suite.show.markdown import comparison_markdown
from suite.show.mlflow.rows import rows
from suite.show.page import report

root, name = Path(sys.argv[1]), sys.argv[2]
scale, store = profile.load("desk"), Store(root)
(claim,) = [one for one in catalog.discover() if one.key == "baselines_compared"]
(criterion,) = [one for one in claim.criteria if one.key == name]
draw = np.random.default_rng(0)
for reading in (criterion.evidence, *(control.evidence for control in criterion.controls)):
    for cell in reading.cells(scale):
        if store.state(cell.key).word != "done":
            arrays = {"accuracy_last": np.float64(80 + draw.normal()), "correct": np.ones(100, dtype=bool)}
            arrays |= {f"effective_weight_{end}": np.float64(0.125) for end in ("first", "last")}
            store.begin(cell).finish(arrays, [], seconds=1.0, device="cpu")
evidence = Evidence(scale, store)
found = assess([claim], evidence)
print(comparison_markdown(comparisons(found)))
print([row.name for row in rows(found) if row.tags["kind"] == "comparison" and "cosine KD" in str(row.tags)])
page = report.write_report(root, [Judged(evidence, tuple(found))])
section = page.read_text().split('id="baselines_compared.comparison"')[1]
print("on the page:", "cosine KD" in section.split("</table>")[0])
"""


def test_one_new_file_is_compared_in_table_page_and_mlflow(tmp_path):
    """The example of the README, copied as one file into the package: nothing else is touched."""
    readme = (ROOT / "baselines" / "README.md").read_text()
    code = re.search(r"<!-- example:begin (\w+\.py) -->\n```python\n(.*?)```", readme, flags=re.DOTALL)
    shutil.copytree(ROOT / "baselines", tmp_path / "baselines", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "baselines" / code[1]).write_text(code[2])
    (tmp_path / "new.py").write_text(NEW_METHOD)
    done = subprocess.run(
        [sys.executable, "new.py", str(tmp_path / "evidence"), code[1].removesuffix(".py")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| cosine KD |")]
    assert "shuffled images: " in row
    assert "zeros: " in row
    assert "0.12 → 0.12" in row
    assert re.search(r"\d\.\d\d ×, \+1,200", row), "a projection of 24 to 48 channels"
    assert "comparison · baselines_compared (desk)" in done.stdout
    assert "on the page: True" in done.stdout
