"""A session is one value: made once, told as options, stored beside the evidence and read back as it was."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.options import parse, session_of
from suite.session import Session, keep, kept

WORDS = st.text(st.characters(categories=["L", "N", "Zs", "P"]), min_size=1, max_size=8).filter(
    lambda text: not text.startswith("-")
)
SESSIONS = st.builds(
    Session,
    profile=WORDS,
    seeds=st.none() | st.integers(1, 10_000),
    device=st.sampled_from(["auto", "cpu", "cuda"]),
    evidence=WORDS,
    released=st.lists(WORDS, max_size=2).map(tuple),
    images=st.just("") | WORDS,
    weights=st.lists(WORDS, max_size=2).map(tuple),
    bundles=st.lists(WORDS, max_size=2).map(tuple),
    preferred=st.lists(WORDS, max_size=2).map(tuple),
)


@given(SESSIONS)
def test_what_is_printed_asks_for_the_same_session(session):
    python, flag, program, *words = shlex.split(session.command("judge"))
    assert (python, flag, program) == ("python", "-m", "suite")
    assert session_of(parse(words)) == session


def test_what_is_not_said_is_not_repeated(monkeypatch):
    monkeypatch.setenv("SUITE_EVIDENCE", "there")
    session = session_of(parse(["judge"]))
    assert session.command("status") == "python -m suite status --profile desk"
    assert str(session.root) == "there"


def test_a_session_is_kept_and_found_again_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.toml").touch()
    (tmp_path / "photos").mkdir()
    root = tmp_path / "evidence"
    session = Session(profile="toy.toml", images="photos", seeds=2, only=("a",))
    keep(session, root, ["two", "one"])
    keep(session, root, ["three"])
    (found,) = kept(root)
    assert found.cells == ("one", "three", "two"), "what other claims asked for is kept"
    assert found.session == Session(
        profile=str(tmp_path / "toy.toml"), images=str(tmp_path / "photos"), seeds=2, evidence=str(root)
    )
    keep(Session(profile="toy.toml", images="photos", seeds=2), root, ["four"])
    assert kept(root)[0].cells == ("four",), "all claims ask for no other cells"


@pytest.mark.parametrize("text", ["[", "{}", '{"session": {"profil": "x"}}', '{"session": {"seeds": "two"}}'])
def test_a_damaged_session_is_left_out(tmp_path, text):
    keep(Session(profile="toy"), tmp_path, ["one"])
    (tmp_path / "sessions" / "other.json").write_text(text)
    assert [one.session.profile for one in kept(tmp_path)] == ["toy"]


def test_what_is_stored_is_data_without_defaults(tmp_path):
    keep(Session(profile="toy"), tmp_path, ["one"])
    assert json.loads((tmp_path / "sessions" / "toy.json").read_text()) == {
        "session": {"profile": "toy"},
        "cells": ["one"],
    }


def test_the_command_that_takes_a_step_again_says_where_the_evidence_lies_and_no_more(monkeypatch):
    monkeypatch.delenv("SUITE_EVIDENCE", raising=False)
    assert Session(profile="toy", seeds=2).replay("train-1") == "python -m suite replay train-1"
    assert Session(evidence="my runs").replay("train-1") == "python -m suite replay train-1 --evidence 'my runs'"


def said(tree):
    """What a module's calls and f-strings say: no docstrings, no default values."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Call):
            yield from (
                part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def test_no_module_prints_a_command_without_the_options_of_the_session():
    """A command that is typed by hand in a message forgets ``--profile`` and where the evidence lies."""
    root = Path(__file__).parents[2] / "suite"
    for path in root.rglob("*.py"):
        for text in said(ast.parse(path.read_text())):
            assert "python -m suite " not in text or "--profile" in text, f"{path}: {text}: use Session.command"
            assert "nox -s " not in text, f"{path}: {text}: use Session.command"
