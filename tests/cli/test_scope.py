"""Evidence is called published only where networks, weights and images are the papers'."""

from __future__ import annotations

from pathlib import Path

import pytest
from photographs import class_folders

from suite import profile as profiles
from suite.data.choice import _choose
from suite.errors import SuiteError
from suite.scope import as_measured

FIRST_CLASS = "frozen-first-class"
IMAGENET = {"classes": ("n01440764",), "each": 32, "side": 8, "sizes": 3, "name": "ILSVRC2012_val_{:08d}.JPEG"}


@pytest.fixture
def validation(tmp_path):
    """The 32 images of the first class, as far as names tell."""
    _choose.cache_clear()
    return str(class_folders(tmp_path / "validation", **IMAGENET))


def test_the_papers_own_stays_published(validation):
    profile = profiles.load(FIRST_CLASS, images=validation)
    assert as_measured(profile) is profile
    assert as_measured(profiles.load("frozen")).scope == "published"
    for name in ("desk", "smoke", "released"):
        profile = profiles.load(name)
        assert as_measured(profile) is profile


def others(profile):
    """What a profile that became a proxy states as different."""
    found = as_measured(profile)
    assert found.scope == "proxy"
    new = [deviation for deviation in found.deviations if deviation not in profile.deviations]
    assert [f"other {deviation.what}" for deviation in new] == list(found.modified)
    return {deviation.what: deviation.ours for deviation in new}


def test_other_images_make_a_proxy(tmp_path, validation):
    ours = str(class_folders(tmp_path / "ours", each=2, side=8))
    stated = others(profiles.load(FIRST_CLASS, images=ours))
    assert stated == {"images": f"2 images of 1 class from {ours}"}
    assert set(others(profiles.load("frozen", images=validation))) == {"images"}, "one class of 1,000"


def test_resized_copies_under_imagenets_names_make_a_proxy(tmp_path):
    copies = str(class_folders(tmp_path / "copies", **IMAGENET | {"sizes": 1}))
    assert set(others(profiles.load(FIRST_CLASS, images=copies))) == {"images"}


@pytest.fixture
def mine(tmp_path):
    """A file of one's own that says what it says."""

    def mine(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return profiles.load(str(path))

    return mine


@pytest.mark.parametrize(
    "text",
    [
        "",
        "seeds = 1\nsummary = 'mine'\nscope = 'published'",
        "[measure]\nloaders = 3",
        "[networks.cait]\ncost = 3\nfused = false",
        "remove = ['networks.resnet']",
        "[compute]\nnodes = 2\n[machine]\nmemory_gib = 40",
        "[[deviations]]\nwhat = 'place'\npaper = 'there'\nours = 'here'",
    ],
)
def test_what_cannot_matter_leaves_a_profile_published(mine, text):
    profile = mine(f"extends = 'frozen'\n{text}")
    assert (profile.scope, profile.modified) == ("published", ())
    assert as_measured(profile) is profile


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("extends = 'frozen'\n[measure]\nbatch = 1", [("measure.batch", "32", "1")]),
        ("extends = 'frozen'\n[data]\nlimit = 32", [("data.limit", "not stated", "32")]),
        ("extends = 'frozen'\n[data]\ntransform = 'x'", [("data.transform", '"model"', '"x"')]),
        (
            "extends = 'frozen'\n[networks.cait.untrained]\ninit_values = 1e-5",
            [("networks.cait.untrained.init_values", "1.0", "1e-05")],
        ),
        (
            "extends = 'frozen'\n[networks.cait]\noverrides = { depth = 4 }",
            [("networks.cait.overrides", "not stated", "{ depth = 4 }")],
        ),
        (
            "extends = 'frozen'\n[networks.mine]\ntimm = 'vit'",
            [("networks.mine", "not stated", '{ timm = "vit" }')],
        ),
        ("extends = 'full'\n[distill.recipe]\nbatch = 1024", [("distill.recipe.batch", "2048", "1024")]),
        (
            "extends = 'full'\nremove = ['distill.augmentation.re_prob']",
            [("distill.augmentation.re_prob", "0.25", "not stated")],
        ),
        (
            "scope = 'published'\nseeds = 1\nsummary = 'mine'",
            [("profile", "as printed", 'of its own make: it has no extends = "full or frozen"')],
        ),
        (
            "extends = 'desk'\nscope = 'published'",
            [("profile", "as printed", 'of its own make: it has no extends = "full or frozen"')],
        ),
    ],
)
def test_what_a_file_changes_of_a_published_profile_is_its_list_of_deviations(mine, text, stated):
    profile = mine(text)
    assert profile.scope == "proxy"
    found = [(one.what, one.paper, one.ours) for one in profile.deviations]
    assert found[-len(stated) :] == stated
    assert profile.modified == tuple(f"other {what}" for what, _, _ in stated)


def test_a_file_that_extends_another_file_is_held_against_the_suites_profile(mine, tmp_path):
    (tmp_path / "first.toml").write_text("extends = 'full-deit-small'\n[distill.recipe]\nclip = 1.0\n")
    profile = mine("extends = 'first.toml'\n[distill.recipe]\nrepeats = 1\n")
    assert {one.what for one in profile.deviations} >= {"distill.recipe.clip", "distill.recipe.repeats"}
    assert "distill.recipe.batch" not in {one.what for one in profile.deviations}


def test_weights_of_a_file_make_a_proxy(validation):
    weights = {"cait": Path("S24_224.pth")}
    assert others(profiles.load(FIRST_CLASS, images=validation, weights=weights)) == {
        "weights": "files, which may hold anything: cait from S24_224.pth"
    }


def test_weights_need_a_network_by_role_or_timms_name():
    for name in ("ViT-Base (MAE)", "vit_base_patch16_224.mae"):
        assert as_measured(profiles.load("frozen", weights={name: Path("x.pth")})).scope == "proxy"
    for profile in ("frozen", "desk"):
        with pytest.raises(
            SuiteError, match=rf"--weights vgg=\.\.\.: profile {profile} has no such network; it has .*cait"
        ):
            as_measured(profiles.load(profile, weights={"vgg": Path("x.pth")}))


def test_both_profiles_have_the_same_networks():
    papers = profiles.load("frozen").networks
    assert all(papers[role] == network for role, network in profiles.load(FIRST_CLASS).networks.items())
