"""Which source a cell's key holds: all that runs, nothing that does not."""

from __future__ import annotations

import sys

import pytest

from suite.errors import SuiteError
from suite.evidence import code

FILES = {
    "__init__": "",
    "study": "import ours.direct\nfrom ours import aliased as other\nfrom . import relative\n",
    "direct": "from ours.deep.down import value\n",
    "aliased": "import numpy\n",
    "relative": "x = 1\n",
    "unreached": "x = 1\n",
    "typing_only": "x = 1\n",
    "function_level": "x = 1\n",
    "deep/__init__": "from ours import through_init\n",
    "deep/down": "from .. import upwards\nfrom ..sideways import thing as renamed\nvalue = 1\n",
    "upwards": "x = 1\n",
    "sideways": "thing = 1\n",
    "through_init": "x = 1\n",
    "starred": "from ours.aliased import *\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package ``ours`` on disk; the function rewrites modules and gives the digest of ``ours.study``."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(code, "OURS", ("ours",))

    def digest(**changes: str) -> str:
        for name, text in {**FILES, **{key.replace("__in_", "/"): text for key, text in changes.items()}}.items():
            path = tmp_path / "ours" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        forget()
        return code.code_digest("ours.study")

    yield digest
    forget()


def forget():
    for function in (code._file, code.tree, code.imports, code._module_digest, code.code_digest):
        function.cache_clear()


def test_everything_reached_counts_and_nothing_else(package):
    package()
    assert set(code.closure(["ours.study"])) == {
        "ours",
        "ours.study",
        "ours.direct",
        "ours.aliased",
        "ours.relative",
        "ours.deep",
        "ours.deep.down",
        "ours.upwards",
        "ours.sideways",
        "ours.through_init",
    }


@pytest.mark.parametrize(
    "module",
    ["study", "direct", "aliased", "relative", "deep/__init__", "deep/down", "upwards", "sideways", "__init__"],
)
def test_an_edit_of_reached_code_changes_the_digest(package, module):
    before = package()
    assert package(**{module: FILES[module] + "added = 2\n"}) != before
    assert package() == before


def test_an_edit_reached_through_a_packages_init_alone_changes_it(package):
    before = package()
    assert package(through_init="x = 2\n") != before


def test_an_edit_of_unreached_code_does_not(package):
    before = package()
    assert package(unreached="x = 2\n", starred="x = 3\n") == before


def test_an_import_within_a_function_and_by_star_counts(package):
    package(study="def run():\n    import ours.function_level as f\n    return f\n")
    assert "ours.function_level" in code.closure(["ours.study"])
    package(study="from ours.starred import *\n")
    assert {"ours.starred", "ours.aliased"} <= set(code.closure(["ours.study"]))


ONLY_CHECKED = """
from typing import TYPE_CHECKING
import typing
if TYPE_CHECKING:
    from ours import typing_only
    x = {edit}
if typing.TYPE_CHECKING:
    import ours.typing_only
"""


def test_what_only_a_type_checker_runs_does_not_count(package):
    before = package(study=ONLY_CHECKED.format(edit=1))
    assert "ours.typing_only" not in code.closure(["ours.study"])
    assert package(study=ONLY_CHECKED.format(edit=2), typing_only="x = 2\n") == before


@pytest.mark.parametrize(
    "text",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    import ours.typing_only\n",
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import ours.typing_only\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING or True:\n    import ours.typing_only\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelif 1:\n    import ours.typing_only\n",
    ],
)
def test_the_branch_that_runs_counts(package, text):
    before = package(study=text)
    assert "ours.typing_only" in code.closure(["ours.study"])
    assert package(study=text, typing_only="x = 2\n") != before


PLAIN = '''
"""Docstring."""
def run(x, *, scale=2):
    """Docstring."""
    return [scale * value for value in x if value]

class Thing:
    """Docstring."""
    size = 1
    """What it is."""
'''


@pytest.mark.parametrize(
    "same",
    [
        PLAIN.replace("Docstring", "Other words"),
        PLAIN.replace('    """Docstring."""\n', ""),
        PLAIN.replace("def run", "# a comment\n\n\ndef run"),
        PLAIN.replace("size = 1", "size = 1  # why"),
        PLAIN.replace("x, *, scale=2", "x,\n    *,\n    scale=2,\n"),
        PLAIN.replace("[scale * value for value in x if value]", "[(scale*value) for value in x if (value)]"),
        PLAIN.replace("What it is", "What it was"),
        PLAIN + '\n__version__ = "9.9"\n',
    ],
)
def test_comments_docstrings_layout_and_release_numbers_do_not_count(package, same):
    before = package(study=PLAIN)
    assert same != PLAIN
    assert package(study=same) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("scale=2", "scale=3"),
        ("scale=2", "scale=2.0"),
        ("scale=2", "scale=None"),
        ("*, scale", "scale"),
        ("scale * value", "scale + value"),
        ("if value]", "]"),
        ("if value]", "if not value]"),
        ("size = 1", "size = True"),
        ("size = 1", "size: int = 1"),
        ("class Thing", "class Thing(list)"),
    ],
)
def test_any_edit_that_runs_counts(package, old, new):
    before = package(study=PLAIN)
    assert package(study=PLAIN.replace(old, new)) != before


CONSTANTS = (None, 0, 1, 0.0, "", "1", "True", True, b"a", "b'a'", ...)


def test_different_constants_never_share_an_outline():
    outlines = [str(code._outline(code.ast.parse(f"x = {value!r}"))) for value in CONSTANTS]
    assert len(set(outlines)) == len(CONSTANTS)


def test_a_module_that_does_not_exist_is_named():
    with pytest.raises(SuiteError, match=r"no module named suite.studies.nope: is it spelled as its file is"):
        code.code_digest("suite.studies.nope")
    with pytest.raises(SuiteError, match="no module named nowhere_at_all"):
        code.code_digest("nowhere_at_all.study")


def test_finding_the_code_of_a_real_study_runs_none_of_it():
    forget()
    loaded = set(sys.modules)
    reached = code.closure(["suite.studies.train", "baselines.spectral_kd"])
    assert {"baselines.protocol", "suite.train.student", "suite.models.build", "suite.measure.stream"} <= set(reached)
    assert not [name for name in reached if name.startswith(("suite.show", "suite.judge", "suite.run", "claims"))]
    assert set(sys.modules) <= loaded | {"suite", "baselines"}
