"""Digests of embedded images are those of the code that reads them, and remembered as long as nothing changed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from suite.data import digits, photographs
from suite.studies import embedded


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "known"),
    [("digits", lambda: digits.digest({"source": "digits"})), ("photographs", photographs.digest)],
)
def test_a_remembered_digest_is_the_computed_one(name, known, monkeypatch):
    first = embedded.embedded_digest(name)
    embedded._digest.cache_clear()
    monkeypatch.setattr(embedded, "_computed", lambda _: pytest.fail("it was computed again"))
    assert embedded.embedded_digest(name) == first == known()


def test_other_code_another_library_or_other_files_are_read_again(monkeypatch):
    monkeypatch.setattr(embedded, "_computed", lambda _: "first")
    embedded.embedded_digest("digits")
    for what, changed in (
        ("code_digest", lambda _: "other code"),
        ("numerics", lambda _: {"scikit-learn": "another"}),
        ("_stamps", lambda _: [[1, 2]]),
    ):
        embedded._digest.cache_clear()
        with monkeypatch.context() as patched:
            patched.setattr(embedded, what, changed)
            patched.setattr(embedded, "_computed", lambda _: "second")
            assert embedded.embedded_digest("digits") == "second"
        assert len(json.loads(embedded.memory().read_text())) == 1, "what is out of date is forgotten"


def test_a_damaged_memory_is_made_anew():
    embedded.memory().parent.mkdir(parents=True)
    embedded.memory().write_text("{")
    embedded._digest.cache_clear()
    assert embedded.embedded_digest("digits") == digits.digest({"source": "digits"})


def test_a_remembered_digest_needs_no_torch():
    code = (
        "import sys; from suite.studies.embedded import embedded_digest; "
        "embedded_digest('digits'), embedded_digest('photographs'); print('torch' in sys.modules)"
    )

    def told():
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert [told(), told()] == ["True\n", "False\n"]
