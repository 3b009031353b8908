"""What a method's file says of it is read without importing it, and is what the class says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from baselines import METHODS
from baselines._feature import FeatureMethod
from suite import methods as facts
from suite.errors import SuiteError
from suite.evidence.code import _file, tree


def test_what_is_read_of_every_method_is_what_its_class_says():
    read = facts.methods()
    assert list(read) == list(METHODS)
    for name, method in METHODS.items():
        said = (method.__module__, method.title, method.source, issubclass(method, FeatureMethod))
        assert (read[name].module, read[name].title, read[name].source, read[name].compares_features) == said


def test_nothing_is_imported():
    code = "import sys; from suite.methods import methods; methods(); print({'torch', 'baselines'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def forget():
    for cached in (facts.methods, facts._classes, tree, _file):
        cached.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of methods that is written file by file: name of module, its lines."""
    folder = tmp_path / "methods_on_trial"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(facts, "PACKAGE", folder.name)
    forget()
    yield lambda module, *lines: (folder / f"{module}.py").write_text("\n".join(lines))
    forget()


def test_a_text_may_be_inherited_and_says_whether_features_are_compared(package):
    package("_base", "class Method: ...", "class FeatureMethod(Method): ...")
    stated = ("    name = 'one'", "    title = 'One'", "    source = 'a table'")
    package("one", "from methods_on_trial._base import FeatureMethod", "class One(FeatureMethod):", *stated)
    package("two", "from methods_on_trial.one import One as First", "class Two(First):", "    name: str = 'two'")
    stated = ("    name = 'plain'", "    title = 'Plain'", "    source = 'text'")
    package("plain", "from methods_on_trial._base import Method", "class Plain(Method):", *stated)
    read = facts.methods()
    assert list(read) == ["one", "plain", "two"]
    assert (read["two"].title, read["two"].source, read["two"].module) == ("One", "a table", "methods_on_trial.two")
    assert [read[name].compares_features for name in read] == [True, False, True]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("title = 'T' + 'wo'\n    source = 's'", r"two\.Two\.title is no plain text: write it as one"),
        ("source = 's'", r"two\.Two has no title: state it as plain text"),
        ("title = 'T'", r"two\.Two has no source: state it as plain text"),
    ],
)
def test_what_cannot_be_read_is_named(package, body, said):
    package("two", "class Two:", "    name = 'two'", f"    {body}")
    with pytest.raises(SuiteError, match=said):
        facts.methods()


def test_two_methods_of_one_name_are_refused(package):
    text = "class M:\n    name = 'same'\n    title = 'M'\n    source = 's'\n"
    package("one", text)
    package("two", text)
    with pytest.raises(
        SuiteError, match=r"two methods are named 'same' \(methods_on_trial\.one, methods_on_trial\.two\.M\)"
    ):
        facts.methods()
