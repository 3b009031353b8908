"""The examples in the docstrings of every measurement are right."""

import doctest
import importlib
import pkgutil

import pytest

from suite import measure

MODULES = [entry.name for entry in pkgutil.walk_packages(measure.__path__, "suite.measure.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_right(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
