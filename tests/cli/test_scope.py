"""Evidence is called published only where networks, weights and images are the papers'."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from photographs import class_folders

from suite import profile as profiles
from suite.data.folder.choice import _choose
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
    assert stated == {"images": f"2 images of 1 classes from {ours}"}
    assert set(others(profiles.load("frozen", images=validation))) == {"images"}, "one class of 1,000"


def test_resized_copies_under_imagenets_names_make_a_proxy(tmp_path):
    copies = str(class_folders(tmp_path / "copies", **IMAGENET | {"sizes": 1}))
    assert set(others(profiles.load(FIRST_CLASS, images=copies))) == {"images"}


def test_other_ways_of_measuring_make_a_proxy(validation):
    profile = profiles.load(FIRST_CLASS, images=validation)
    one_by_one = {**profile.sections, "measure": {**profile.section("measure"), "batch": 1}}
    assert others(replace(profile, sections=one_by_one)) == {"measure": "batch = 1"}
    elsewhere = {**profile.sections, "data": {**profile.section("data"), "transform": "model"}}
    assert set(others(replace(profile, sections=elsewhere))) == {"data"}
    flat = {**profile.networks, "cait": {**profile.network("cait"), "untrained": {"init_values": 1e-5}}}
    assert set(others(replace(profile, networks=flat))) == {"networks"}, "a control of another make"
    loaders = {**profile.sections, "measure": {**profile.section("measure"), "loaders": 3}}
    assert as_measured(replace(profile, sections=loaders)).scope == "published"


def test_small_networks_are_a_proxy_whatever_their_profile_says():
    desk = replace(profiles.load("desk"), scope="published")
    assert set(others(desk)) == {"data"}


def test_fewer_images_make_a_proxy(validation):
    profile = profiles.load(FIRST_CLASS, images=validation)
    fewer = replace(profile, sections={**profile.sections, "data": {**profile.section("data"), "limit": 32}})
    assert set(others(fewer)) == {"images"}


def test_weights_of_a_file_make_a_proxy(validation):
    weights = {"cait": Path("S24_224.pth")}
    assert others(profiles.load(FIRST_CLASS, images=validation, weights=weights)) == {
        "weights": "files, which may hold anything: cait from S24_224.pth"
    }


def test_other_networks_make_a_proxy(validation):
    profile = profiles.load(FIRST_CLASS, images=validation)
    for role, change in (
        ("cait", {"overrides": {"depth": 4}}),
        ("swin", {"timm": "swin_base_patch4_window7_224.ms_in1k"}),
    ):
        networks = {**profile.networks, role: {**profile.network(role), **change}}
        assert others(replace(profile, networks=networks)) == {"networks": f"of their own make: {role}"}
    more = {**profile.networks, "mine": {"timm": "vit_tiny_patch16_224.augreg_in21k_ft_in1k", "pretrained": True}}
    assert others(replace(profile, networks=more)) == {"networks": "of their own make: mine"}


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
