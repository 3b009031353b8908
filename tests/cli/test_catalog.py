"""Claims are found by looking; a module that is not right is named with its fault, on one line."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from fake_studies.claims import EXACT, REGISTERED, SOUND

from suite import catalog
from suite.claim import Expected
from suite.claim.expected import FILE, Entry, write
from suite.errors import SuiteError
from suite.judge import Verdict

NUMBERS = itertools.count()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of claims under a name of its own; gives the name."""

    def write(**modules: str) -> str:
        name = f"claims_{next(NUMBERS)}"
        folder = tmp_path / name
        folder.mkdir()
        for module, text in {"__init__": "", **modules}.items():
            (folder / f"{module}.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        return name

    yield write
    for name in [name for name in sys.modules if name.startswith("claims_")]:
        del sys.modules[name]


def test_every_public_module_that_defines_a_claim_is_one(package):
    name = package(
        sound="from fake_studies.claims import SOUND as CLAIM",
        exact="from fake_studies.claims import EXACT as CLAIM",
        helpers="x = 1",
        _private="1 / 0",
    )
    assert catalog.discover(name) == [EXACT, SOUND]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1 / 0\n", r"broken.py cannot be imported: ZeroDivisionError: division by zero \(.*broken.py, line 1\)"),
        ("\n\nx = (\n", r"broken.py cannot be imported: SyntaxError: '\(' was never closed \(broken.py, line 3\)"),
        ("import no_such_module\n", "broken.py cannot be imported: ModuleNotFoundError: No module named 'no_such_mo"),
        ("from fake_studies.claims import SOUND as CLAIM\n", "CLAIM must be a Claim with key='broken'"),
        ("CLAIM = 'sound'\n", "CLAIM must be a Claim with key='broken'"),
        (
            "from fake_studies.claims import claim, SOUND\nCLAIM = claim('broken', *SOUND.criteria, *SOUND.criteria)\n",
            "broken.py: two criteria share a key",
        ),
    ],
)
def test_a_broken_module_is_named_with_its_fault(package, text, line):
    with pytest.raises(SuiteError, match=line) as caught:
        catalog.discover(package(broken=text, sound="from fake_studies.claims import SOUND as CLAIM"))
    assert "\n" not in str(caught.value)


def test_without_claims_it_says_where_to_run():
    with pytest.raises(SuiteError, match=r"cannot import 'no_claims_here' .*: run from the project's root"):
        catalog.discover("no_claims_here")


def test_what_is_expected_of_claims_lies_beside_them(package):
    name = package(sound="from fake_studies.claims import SOUND as CLAIM")
    folder = Path(import_module(name).__file__).parent
    write(folder / FILE, [Entry("sound.holds", "desk", Verdict.SEEN_HERE, "seen six times", REGISTERED)])
    (found,) = catalog.discover(name)
    assert found.criteria[0].expected == SOUND.criteria[0].expected | {
        "desk": Expected(Verdict.SEEN_HERE, "seen six times", REGISTERED)
    }
    assert found.criteria[1] is SOUND.criteria[1]
    write(folder / FILE, [Entry("sound.hold", "desk", Verdict.SEEN_HERE, "a slip", REGISTERED)])
    with pytest.raises(SuiteError, match=r"a verdict is expected of sound.hold, which sound does not have"):
        catalog.discover(name)


def test_claims_are_chosen_by_part_of_their_name():
    both = [SOUND, EXACT]
    assert catalog.select(both, []) == both
    assert catalog.select(both, ["oun"]) == [SOUND]
    assert catalog.select(both, ["sound.fails"]) == [SOUND], "its criteria are judged together"
    with pytest.raises(SuiteError, match=r"no claim matches 'sound\.nothing': there are "):
        catalog.select(both, ["sound.nothing"])
    assert catalog.select(both, ["exact", "sound"]) == both
    with pytest.raises(SuiteError, match="no claim matches 'u_shpe': there are sound, exact"):
        catalog.select(both, ["sound", "u_shpe"])


def test_a_claim_named_in_full_is_meant_alone():
    claims = [replace(SOUND, key=key) for key in ("u_shape", "u_shape_across_vits", "student_u_shape")]
    assert [claim.key for claim in catalog.select(claims, ["u_shape"])] == ["u_shape"]
    assert [claim.key for claim in catalog.select(claims, ["shape_"])] == ["u_shape_across_vits"]
    assert len(catalog.select(claims, ["_shape"])) == 3
