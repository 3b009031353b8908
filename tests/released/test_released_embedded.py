"""The embedded figures: where each was taken, that clones are found, judged and compared, each fault named once."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_releases import Truth

from claims import published
from claims.published.__main__ import embed
from claims.published.originals import FOLDER, SOURCES
from suite import catalog
from suite.claim import originals_of
from suite.errors import SuiteError
from suite.evidence.released import Match, check, find, report

CLONES = os.environ.get("SUITE_RELEASED", "")
EVERY_FILE = pytest.mark.parametrize("original", published.ORIGINALS, ids=lambda original: original.short)


@EVERY_FILE
def test_every_file_has_its_source(original):
    assert original.repository.startswith("https://github.com/thy960112/")
    assert len(original.commit) == 40
    # a digest, or why there is none
    assert len(original.sha256) == 64 or json.loads(SOURCES.read_text())[original.file]["note"], (
        "a digest, or why there is none"
    )
    table = original.embedded()
    assert table.file == original.short
    (rows,) = {len(column) for column in table.figures().values()}
    header = {"txt": 0, "csv": 1, "md": 2}[original.file.rpartition(".")[2]]
    assert rows == original.lines - header


def test_every_embedded_file_is_read_by_a_claim_and_no_other_is():
    read = originals_of(catalog.discover())
    assert {original.file for original in read} == {original.file for original in published.ORIGINALS}


def test_the_figures_are_numbers_and_names_and_take_little_room():
    for path in FOLDER.glob("*.npz"):
        assert path.stat().st_size < 250_000
        with np.load(path) as columns:
            assert {column.dtype.kind for column in columns.values()} <= {"i", "f", "U"}
    assert set(json.loads(SOURCES.read_text())) == {original.file for original in published.ORIGINALS}


@EVERY_FILE
def test_a_table_made_from_its_figures_has_the_same_figures(original):
    table = original.embedded()
    again = type(table).of(table.file, table.figures())
    for name, column in table.figures().items():
        np.testing.assert_array_equal(again.figures()[name], column)


def _clone(folder):
    """A clone with every file of both repositories, written from the embedded figures."""
    for original in published.ORIGINALS:
        path = folder / original.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_text(original.embedded()))
    return folder


def _text(table):
    figures = table.figures()
    if "epoch" in figures:
        names = list(figures)
        return "".join(
            json.dumps(dict(zip(names, row, strict=True))) + "\n"
            for row in zip(*(figures[name].tolist() for name in names), strict=True)
        )
    if "values" in figures:
        header = ",".join(["Model", *(f"Layer_{layer + 1}" for layer in range(figures["values"].shape[1]))])
        rows = zip(figures["checkpoints"], figures["values"].tolist(), strict=True)
        return "\n".join([header, *(",".join([name, *map(repr, row)]) for name, row in rows)]) + "\n"
    titles = {"models": "Model", "channels": "D", "tokens": "Num Tokens"}
    kinds = {"own": "SVD {}%", "shared": "Dataset {}%", "fraction": "d/D @ {}%"}
    if "tokens" in figures:
        titles["channels"] = "Dimension (D)"
    header = [titles.get(n) or kinds[n.partition(".")[0]].format(n.partition(".")[2]) for n in figures]
    rows = list(zip(*(column.tolist() for column in figures.values()), strict=True))
    if "tokens" in figures:
        return "\n".join([",".join(header), *(",".join([f'"{m}"', *map(repr, row)]) for m, *row in rows)]) + "\n"
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in (header, ["--"] * len(header), *rows)) + "\n"


def test_clones_are_found_where_people_have_them(tmp_path):
    file = "Distillation_Dynamics/Distillation_Logs/SoftKD.txt"
    for place in (
        "a clone/" + file,
        "clones/Distillation-Dynamics/" + file,
        "its inner folder/Distillation_Logs/SoftKD.txt",
    ):
        path = tmp_path / place
        path.parent.mkdir(parents=True)
        path.write_text("")
        assert find([tmp_path / "nothing", tmp_path / place.split("/")[0]], file) == path
    assert find([tmp_path / "nothing"], file) is None


def test_a_whole_clone_equals_the_embedded_figures(tmp_path):
    checked = check(published.ORIGINALS, [_clone(tmp_path)])
    assert {one.match for one in checked} == {Match.EQUAL}
    figures = sum(column.size for original in published.ORIGINALS for column in original.embedded().figures().values())
    assert sum(one.figures for one in checked) == figures
    lines = report(checked)
    assert [line.partition(": ")[2].partition(" equal")[0] for line in lines] == ["15 of 15 files", "2 of 2 files"]


def test_each_fault_is_named_once_with_file_and_line(tmp_path):
    folder = _clone(tmp_path)
    logs = folder / "Distillation_Dynamics/Distillation_Logs"
    (logs / "SoftKD.txt").unlink()
    cut = (logs / "SoftKD_MAE.txt").read_text()
    (logs / "SoftKD_MAE.txt").write_text(cut[:-40])
    lines = (logs / "SpectralKD_Last_1.txt").read_text().replace('"test_acc1": 76.', '"test_acc1": 75.')
    (logs / "SpectralKD_Last_1.txt").write_text(lines)
    shorter = (logs / "ProjectorKD_Last_1.txt").read_text().splitlines(keepends=True)[:-1]
    (logs / "ProjectorKD_Last_1.txt").write_text("".join(shorter))
    found = report(check(published.ORIGINALS, [folder]))
    assert sum("SoftKD.txt is missing: its embedded figures are judged" in line for line in found) == 1
    assert sum("SoftKD_MAE.txt, line 300: not a JSON object" in line for line in found) == 1
    changed = [line.partition(", row")[0] for line in found if "figures differ" in line]
    assert changed == ["Distillation_Logs/SpectralKD_Last_1.txt: 40 figures differ, first test_acc1"]
    assert sum("ProjectorKD_Last_1.txt: 299 figures of epoch, 300 embedded" in line for line in found) == 1
    assert len(found) == 2 + 4


def test_one_clone_of_two_is_no_fault_and_none_is(tmp_path):
    folder = _clone(tmp_path / "clone")
    shutil.rmtree(folder / "Raw data")
    assert len(report(check(published.ORIGINALS, [folder]))) == 1
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(SuiteError, match=r"--released: no file of .* lies in .*: give a clone"):
        check(published.ORIGINALS, [tmp_path / "elsewhere"])


def test_a_release_of_other_numbers_differs_everywhere(release):
    checked = check(published.ORIGINALS, [release(Truth())])
    assert {one.match for one in checked} == {Match.DIFFERENT, Match.MISSING}


def test_making_the_figures_again_gives_the_same(tmp_path):
    (tmp_path / "made").mkdir()
    embed([_clone(tmp_path / "clone")], tmp_path / "made")
    for path in FOLDER.glob("*.npz"):
        with np.load(path) as kept, np.load(tmp_path / "made" / path.name) as made:
            assert {name: column.tolist() for name, column in made.items()} == {n: c.tolist() for n, c in kept.items()}


def test_nothing_is_made_from_half_a_clone(tmp_path):
    folder = _clone(tmp_path / "clone")
    (folder / "Raw data/comparison/svd_pca/svd_rank_table.md").unlink()
    with pytest.raises(SuiteError, match=r"svd_rank_table\.md is in none of the folders: clone https"):
        embed([folder], tmp_path)


@pytest.mark.skipif(not CLONES, reason="set SUITE_RELEASED to a folder with clones of both repositories")
def test_real_clones_equal_the_embedded_figures_and_their_digests(tmp_path):
    checked = check(published.ORIGINALS, [Path(CLONES)])
    assert {one.match for one in checked} == {Match.EQUAL}
    embed([Path(CLONES)], tmp_path)
    assert (tmp_path / SOURCES.name).read_text() == SOURCES.read_text()
