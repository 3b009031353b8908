"""A profile is a file that a user copies and edits; whatever is wrong with it is one line that says what."""

from __future__ import annotations

import pickle
import re
import shutil

import pytest

from suite import profile as profiles
from suite.claim import Unavailable
from suite.errors import SuiteError

GOOD = 'scope = "proxy"\nseeds = 3\nsummary = "mine"\n'


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_profiles_that_come_with_the_suite_load():
    assert {"smoke", "desk", "released"} <= set(profiles.names())
    for name in profiles.names():
        profile = profiles.load(name)
        assert (profile.name, profile.modified, profile.given) == (name, (), ("--profile", name))
        assert profile.seeds == tuple(range(len(profile.seeds)))
        assert profile.scope in profiles.SCOPES
        assert profile.summary
        assert profile.deviations, "no scale is without differences from the papers"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "lacks the key 'scope': every profile states scope, seeds and summary"),
        (GOOD.replace('summary = "mine"', ""), "lacks the key 'summary'"),
        (GOOD.replace("seeds = 3", ""), "lacks the key 'seeds'"),
        (GOOD.replace("proxy", "full"), "scope 'full' is none of published, proxy, smoke"),
        (GOOD.replace("3", "0"), "seeds = 0 must be a whole number of at least 1"),
        (GOOD.replace("3", "-1"), "seeds = -1 must be"),
        (GOOD.replace("3", "true"), "seeds = True must be"),
        (GOOD.replace("3", "2.5"), "seeds = 2.5 must be"),
        (GOOD.replace("3", "[0, 1]"), r"seeds = \[0, 1\] must be"),
        ("scope = [", "is not a profile: "),
        (b"\xff\xfe\x00", "is not a profile: "),
        (GOOD + "epochs = 3\n", "epochs = 3 stands outside any section: move or delete it"),
        (GOOD + "[networks]\ncait = 3\n", r"networks.cait = 3 must be a section \[networks.cait\]"),
        (GOOD + '[[deviations]]\nwhat = "data"\n', r"each of \[\[deviations\]\] states what, paper and ours"),
        (GOOD + '[deviations]\nwhat = "data"\n', r"each of \[\[deviations\]\] states"),
        (GOOD + '[[deviations]]\nwhat = "d"\npaper = "p"\nours = "o"\nwhy = "w"\n', r"each of \[\[deviations\]\]"),
    ],
)
def test_a_broken_file_is_one_line_with_its_place(write, text, line):
    path = write(text)
    with pytest.raises(SuiteError, match=line) as caught:
        profiles.load(path)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_what_there_is(write, tmp_path, monkeypatch):
    with pytest.raises(
        SuiteError, match=r"no profile 'dsk': choose from .*desk, .*, or give the path of a \.toml file$"
    ):
        profiles.load("dsk")
    with pytest.raises(SuiteError, match=r"no profile '/not/there.toml'"):
        profiles.load("/not/there.toml")
    with pytest.raises(SuiteError, match="is not a profile"):
        profiles.load(f"{tmp_path.parent}/{tmp_path.name}/../{write_folder(tmp_path)}")
    write(GOOD)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SuiteError, match=r"did you mean mine\.toml\?"):
        profiles.load("mine")


def write_folder(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    return f"{tmp_path.name}/folder.toml"


def test_a_copy_can_be_edited_and_remembers_its_path(tmp_path):
    mine = tmp_path / "mine.toml"
    shutil.copy(profiles.FOLDER / "desk.toml", mine)
    mine.write_text(re.sub(r"epochs = \d+", "epochs = 4321", mine.read_text()))
    profile, original = profiles.load(str(mine)), profiles.load("desk")
    assert profile.recipe("vit")["epochs"] == 4321 != original.recipe("vit")["epochs"]
    assert (profile.name, profile.modified) == ("mine", ())
    assert profile.network("cait") == original.network("cait")
    assert profile.seeds == original.seeds
    assert profile.command("u_shape") == f"python -m suite claims -k u_shape --profile {mine}"


def test_a_copy_under_a_registered_name_is_not_the_registered_profile(tmp_path):
    mine = tmp_path / "desk.toml"
    shutil.copy(profiles.FOLDER / "desk.toml", mine)
    assert profiles.load(str(mine)).modified == (f"read from {mine}",)
    assert profiles.load(str(profiles.FOLDER / "desk.toml")).modified == ()


def test_other_seeds_are_a_modification_and_the_same_number_is_none(write):
    profile = profiles.load(write(GOOD))
    assert profile.with_seeds(3) is profile
    fewer = profile.with_seeds(1)
    assert (fewer.seeds, fewer.modified) == ((0,), ("1 seed",))
    assert fewer.given[-2:] == ("--seeds", "1")
    with pytest.raises(SuiteError, match="--seeds 0: give at least 1"):
        profile.with_seeds(0)


def test_what_a_profile_lacks_is_told_apart_from_what_it_forgot(write):
    profile = profiles.load(write(GOOD + "[networks.cait]\ntimm = 'x'\n[recipes.vit]\nepochs = 1\n[data]\nsize = 8\n"))
    for missing, words in (
        (lambda: profile.network("swin"), "profile mine has no network for 'swin'"),
        (lambda: profile.recipe("long"), "profile mine has no recipe 'long'"),
        (lambda: profile.section("distill"), r"profile mine has no section \[distill\]"),
    ):
        with pytest.raises(Unavailable, match=words):
            missing()
    for forgotten, words in (
        (lambda: profile.network("cait")["recipe"], "mine.toml: networks: cait lacks the key 'recipe'"),
        (lambda: profile.recipe("vit")["lr"], "mine.toml: recipes: vit lacks the key 'lr'"),
        (lambda: profile.section("data")["source"], "mine.toml: data lacks the key 'source': add it to the profile"),
    ):
        with pytest.raises(SuiteError, match=words):
            forgotten()
    assert profile.network("cait").get("recipe") is None
    assert dict(pickle.loads(pickle.dumps(profile)).section("data")) == {"size": 8}  # noqa: S301
