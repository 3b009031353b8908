"""Training logs: whole ones are read with their lines, damaged ones are named by file and line."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import SuiteError
from suite.evidence.released import read_training_log

ROWS = [{"epoch": epoch, "test_acc1": 10.0 + epoch, "train_loss": 5.0 - epoch} for epoch in range(4)]


def write(tmp_path, text):
    path = tmp_path / "Logs" / "run.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def as_lines(rows):
    return "\n".join(json.dumps(row) for row in rows) + "\n"


def test_a_whole_log_gives_every_number_with_its_line(tmp_path):
    log = read_training_log(write(tmp_path, as_lines(ROWS))).complete(4)
    assert log.column("test_acc1").tolist() == [10, 11, 12, 13]
    assert str(log.figure("test_acc1", 2)) == "12 (Logs/run.txt:3)"
    assert log.cite(range(1, 4)) == "Logs/run.txt:2-4"
    assert log.cite(range(0, 4, 2)) == "Logs/run.txt:1-3, every 2 lines"
    assert log.at("train_loss", range(1, 3)).tolist() == [4, 3]


def test_lines_are_found_by_epoch_not_by_place(tmp_path):
    log = read_training_log(write(tmp_path, as_lines(ROWS[::-1])))
    assert log.figure("test_acc1", 3).source.line == 1


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=6))
def test_what_was_written_is_read_to_the_last_bit(tmp_path_factory, values):
    rows = [{"epoch": epoch, "x": value} for epoch, value in enumerate(values)]
    log = read_training_log(write(tmp_path_factory.mktemp("log"), as_lines(rows)))
    assert log.column("x").tolist() == values


def test_a_line_without_line_end_is_whole_and_half_a_line_is_not(tmp_path):
    text = as_lines(ROWS)
    assert len(read_training_log(write(tmp_path, text[:-1])).epochs) == 4
    with pytest.raises(SuiteError, match=r"run\.txt, line 4: not a JSON object .* truncated"):
        read_training_log(write(tmp_path, text[:-20]))


@pytest.mark.parametrize(
    ("last", "wrong"),
    [
        ('{"epoch": 4, "test_acc1": NaN, "train_loss": 1}', "line 5: test_acc1 is nan"),
        ('{"epoch": 4, "test_acc1": 1e999, "train_loss": 1}', "line 5: test_acc1 is inf"),
        (f'{{"epoch": 4, "test_acc1": {"9" * 400}, "train_loss": 1}}', "line 5: test_acc1 is inf"),
        ('{"epoch": 4, "test_acc1": "77", "train_loss": 1}', "line 5: test_acc1 is '77', not a number"),
        ('{"epoch": 4, "test_acc1": true, "train_loss": 1}', "line 5: test_acc1 is True, not a number"),
        ('{"epoch": 4, "test_acc1": null, "train_loss": 1}', "line 5: test_acc1 is None, not a number"),
        ('{"epoch": 4, "test_acc1": {"a": 1}, "train_loss": 1}', "line 5: test_acc1 is"),
        ('{"epoch": 4, "train_loss": 1}', "line 5: other quantities than in line 1: test_acc1"),
        ('{"epoch": 4, "test_acc1": 1, "train_loss": 1, "extra": 1}', "line 5: other quantities .* extra"),
        ('{"epoch": 4, "test_acc1": 1, "test_acc1": 2, "train_loss": 1}', "line 5: a quantity stands there twice"),
        ('{"epoch": 4.5, "test_acc1": 1, "train_loss": 1}', "line 5: epoch is 4.5, not a whole number"),
        ('{"epoch": -1, "test_acc1": 1, "train_loss": 1}', "line 5: epoch is -1"),
        ("[1, 2]", "line 5: not a JSON object"),
        ("", "line 5: a blank line"),
    ],
)
def test_an_odd_line_is_named(tmp_path, last, wrong):
    with pytest.raises(SuiteError, match=wrong):
        read_training_log(write(tmp_path, as_lines(ROWS) + last + "\n"))


def test_a_log_without_epochs_is_refused(tmp_path):
    with pytest.raises(SuiteError, match="line 1: epoch is None"):
        read_training_log(write(tmp_path, '{"test_acc1": 1}\n'))


def test_missing_empty_and_binary_files_are_refused(tmp_path):
    with pytest.raises(SuiteError, match=r"gone\.txt: no such file"):
        read_training_log(tmp_path / "gone.txt")
    with pytest.raises(SuiteError, match="the file is empty"):
        read_training_log(write(tmp_path, ""))
    path = write(tmp_path, "")
    path.write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(SuiteError, match="cannot be read as text"):
        read_training_log(path)


@pytest.mark.parametrize(
    ("epochs", "wrong"),
    [
        ([0, 1, 2], "line 3: ends there, but a run of 4 epochs"),
        ([0, 1, 3], "line 3: epoch 3 where epoch 2 belongs"),
        ([0, 1, 1, 2], "line 3: epoch 1 where epoch 2 belongs"),
        ([0, 1, 2, 3, 4], "line 5: ends there, but a run of 4 epochs"),
    ],
)
def test_a_log_that_is_not_as_announced_is_refused(tmp_path, epochs, wrong):
    log = read_training_log(write(tmp_path, as_lines([{"epoch": epoch, "x": 1} for epoch in epochs])))
    with pytest.raises(SuiteError, match=wrong):
        log.complete(4)


def test_what_is_not_logged_is_never_made_up(tmp_path):
    log = read_training_log(write(tmp_path, as_lines([*ROWS, ROWS[-1]])))
    with pytest.raises(SuiteError, match="epoch 7 is not logged"):
        log.at("test_acc1", range(7, 8))
    with pytest.raises(SuiteError, match="epoch 3 is logged 2 times"):
        log.figure("test_acc1", 3)
    with pytest.raises(SuiteError, match="no 'test_acc5'; logged are test_acc1, train_loss"):
        log.column("test_acc5")
    assert np.isfinite(log.column("test_acc1")).all()
