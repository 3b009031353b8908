"""A cell is made once for a profile, and anew for another one."""

from __future__ import annotations

import pytest

from suite.errors import Unavailable
from suite.studies.once import once_a_profile


class Profile:
    """Profiles are told apart by identity: two that are equal may have been given other images."""

    def __eq__(self, other):
        return True

    __hash__ = None


def test_one_profile_is_asked_once_for_every_seed():
    calls = []
    cell = once_a_profile(lambda _, seed, *, width=1: calls.append((seed, width)) or object())
    profile = Profile()
    first = cell(profile, 0)
    assert cell(profile, 0) is first
    assert cell(profile, 1) is not first
    assert cell(profile, 0, width=2) is not first
    assert calls == [(0, 1), (1, 1), (0, 2)]


def test_an_equal_profile_is_asked_anew():
    cell = once_a_profile(lambda *_: object())
    one, other = Profile(), Profile()
    first = cell(one, 0)
    assert cell(other, 0) is not first
    assert cell(one, 0) is not first, "only the last profile is remembered"


def test_what_cannot_be_made_is_tried_each_time():
    calls = []

    @once_a_profile
    def cell(profile, seed):
        calls.append(seed)
        raise Unavailable("no such network")

    profile = Profile()
    for _ in range(2):
        with pytest.raises(Unavailable):
            cell(profile, 0)
    assert calls == [0, 0]
