"""A profile is a file that a user copies and edits; whatever is wrong with it is one line that says what."""

from __future__ import annotations

import pickle
import re
import shutil
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite import profile as profiles
from suite.claim import Unavailable
from suite.errors import SuiteError
from suite.inheritance import toml

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
        assert (profile.name, profile.modified) == (name, ())
        assert profile.seeds == tuple(range(len(profile.seeds)))
        assert profile.scope in profiles.SCOPES
        assert profile.summary
        assert profile.deviations or profile.scope == "published", "what is not the paper's differs from it"


DATA = GOOD + '[data]\nsource = "images"\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "it lacks the key 'scope'"),
        (GOOD.replace('summary = "mine"', ""), "it lacks the key 'summary'"),
        (GOOD.replace("seeds = 3", ""), "it lacks the key 'seeds'"),
        (GOOD.replace("proxy", "full"), "scope = 'full': invalid enum value 'full'"),
        (GOOD.replace("3", "0"), "seeds = 0: expected `int` >= 1"),
        (GOOD.replace("3", "-1"), "seeds = -1: expected `int` >= 1"),
        (GOOD.replace("3", "1000000000"), "seeds = 1000000000: expected `int` <= 10000"),
        (GOOD.replace("3", "true"), "seeds = True: expected `int`, got `bool`"),
        (GOOD.replace("3", "2.5"), "seeds = 2.5: expected `int`, got `float`"),
        (GOOD.replace("3", "[0, 1]"), r"seeds = \[0, 1\]: expected `int`, got `array`"),
        (GOOD + 'sampling = "images"\n', "seeds must be 1 where sampling"),
        ("scope = [", "is not a profile: "),
        (b"\xff\xfe\x00", "is not a profile: "),
        (GOOD + "epochs = 3\n", "it has no key 'epochs': it takes .*scope"),
        (GOOD + "[mesure]\nbatch = 3\n", "it has no key 'mesure': did you mean measure?"),
        (GOOD + "[measure]\nbatch = 0\n", "measure.batch = 0: expected `int` >= 1"),
        (GOOD + "[data]\nsize = 8\n", r"\[data\] lacks the key 'source'"),
        (DATA + 'limit = "10"\n', "data.limit = '10': expected `int | null`, got `str`"),
        (DATA + "limit = 2.5\n", "data.limit = 2.5: expected `int | null`, got `float`"),
        (DATA + "limit = -3\n", "data.limit = -3: expected `int` >= 1"),
        (GOOD + "[networks]\ncait = 3\n", "networks.cait = 3: expected `object`, got `int`"),
        (GOOD + '[networks."A (B)"]\ntimm = 3\n', r"networks.A \(B\).timm = 3: expected `str`, got `int`"),
        (GOOD + '[networks.cait]\ntimm = "x"\nfussed = true\n', r"\[networks.cait\] has no key 'fussed': .* fused?"),
        (GOOD + "[networks.cait.recipe]\nlr = 0\n", r"networks.cait.recipe.lr = 0: expected `float` > 0"),
        (GOOD + "[compute.student]\nnods = 2\n", r"\[compute.student\] has no key 'nods': did you mean nodes?"),
        (GOOD + '[[deviations]]\nwhat = "data"\n', r"\[deviations.1\] lacks the key 'paper'"),
        (GOOD + '[deviations]\nwhat = "data"\n', "deviations = .*: expected `array`, got `object`"),
        (GOOD + '[[deviations]]\nwhat = "d"\npaper = "p"\nours = "o"\nwhy = "w"\n', "has no key 'why'"),
        (GOOD + 'extends = "dsk"\n', "no profile 'dsk': choose from"),
        (GOOD + "extends = 3\n", "extends = 3 must be a profile's name or a .toml file"),
        (GOOD + 'extends = "mine.toml"\n', "extends itself, through mine.toml"),
        (GOOD + 'remove = "data"\n', "remove = 'data' must be a list of keys"),
        (GOOD + 'extends = "desk"\nremove = ["data.sizes"]\n', "remove: 'data.sizes' is not in what it extends"),
        (GOOD + 'extends = "desk"\nremove = ["data..size"]\n', "remove: 'data..size' is no key"),
    ],
)
def test_a_broken_file_is_one_line_with_its_place(write, text, line):
    path = write(text)
    with pytest.raises(SuiteError, match=line) as caught:
        profiles.load(path)
    assert path in str(caught.value) or "dsk" in line
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
    for count, line in ((0, "--seeds 0: give at least 1"), (10**9, "--seeds 1000000000: give at most 10,000")):
        with pytest.raises(SuiteError, match=line):
            profile.with_seeds(count)
    with pytest.raises(SuiteError, match="--seeds 3: profile frozen measures fixed networks once; images are drawn"):
        profiles.load("frozen").with_seeds(3)


def test_what_a_profile_lacks_is_told_apart_from_what_it_forgot(write):
    text = "[networks.cait]\ntimm = 'x'\n[recipes.vit]\nepochs = 1\n[data]\nsource = 'digits'\n"
    profile = profiles.load(write(GOOD + text))
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
        (lambda: profile.section("data")["size"], "mine.toml: data lacks the key 'size': add it to the profile"),
    ):
        with pytest.raises(SuiteError, match=words):
            forgotten()
    assert profile.network("cait").get("recipe") is None
    assert dict(pickle.loads(pickle.dumps(profile)).section("data")) == {"source": "digits"}  # noqa: S301


def test_sections_are_records(write):
    profile = profiles.load("desk")
    assert profile.settings.recipes["vit"].epochs == profile.recipe("vit")["epochs"]
    assert profile.settings.networks["swin"].image_size == 32
    assert profile.settings.compute.device == "cpu"
    assert profiles.load("cifar100").settings.networks["cait"].recipe.mixup == 0.8
    jobs = profiles.load(write(GOOD + "[compute]\nnodes = 2\n[compute.train]\nhours = 3\n")).settings.compute
    assert (jobs.nodes, jobs.studies["train"].hours) == (2, 3.0)


def test_a_profile_says_only_what_differs_from_the_one_it_extends(write, tmp_path):
    ours = "extends = 'desk'\nseeds = 2\n[recipes.vit]\nepochs = 1\n[recipes.vit.augmentation]\nrotate = 3\n"
    profile, desk = profiles.load(write(ours)), profiles.load("desk")
    assert (profile.name, profile.scope, profile.summary) == ("mine", "proxy", desk.summary)
    assert profile.seeds == (0, 1)
    views = desk.recipe("vit")["augmentation"] | {"rotate": 3}
    assert profile.recipe("vit") == desk.recipe("vit") | {"epochs": 1, "augmentation": views}
    assert profile.section("distill") == desk.section("distill")
    grandchild = profiles.load(
        write("extends = 'mine.toml'\nremove = ['recipes.vit.augmentation', 'distill']\n", "more.toml")
    )
    assert "augmentation" not in grandchild.recipe("vit")
    assert "distill" not in grandchild.sections
    assert (
        profiles.load(write(profiles.resolved(str(tmp_path / "mine.toml")), "flat.toml")).sections == profile.sections
    )


def test_deviations_are_merged_by_what_they_are_about(write):
    ours = """extends = 'full'
remove = ['deviations."order of images"']
[[deviations]]
what = "accuracy compared"
paper = "best"
ours = "also best"
[[deviations]]
what = "colour"
paper = "red"
ours = "blue"
"""
    stated = {one.what: one.ours for one in profiles.load(write(ours)).deviations}
    assert stated == {"accuracy compared": "also best", "SpectralKD Last8": "the last four", "colour": "blue"}


@pytest.mark.parametrize("name", profiles.names())
def test_a_resolved_profile_is_the_profile(name, write, tmp_path):
    profile = profiles.load(name)
    flat = profiles.load(write(profiles.resolved(name), f"flat-{name}.toml"))
    assert (flat.networks, flat.sections, flat.seeds) == (profile.networks, profile.sections, profile.seeds)
    assert flat.deviations[: len(profile.deviations)] == profile.deviations


WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
LEAVES = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), WORDS)
TABLES = st.recursive(
    st.dictionaries(WORDS, LEAVES | st.lists(LEAVES, max_size=3), max_size=3),
    lambda inner: st.dictionaries(WORDS, LEAVES | inner | st.lists(inner, min_size=1, max_size=2), max_size=3),
    max_leaves=12,
)


@given(TABLES)
def test_tables_are_written_as_toml_reads_them(tables):
    assert tomllib.loads(toml(tables)) == tables
