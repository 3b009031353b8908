"""The embedded images: what is in a split, and the digest that names it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data import Images, digits, load, normalise
from suite.data.digits import digest

SPEC = {"source": "digits", "test": 597, "validation": 200, "split_seed": 0}


def rows(part):
    """Every image with its label, as text."""
    return [
        f"{label} {image}" for image, label in zip(part.pixels.flatten(1).tolist(), part.labels.tolist(), strict=True)
    ]


@pytest.fixture(scope="module")
def split():
    return load(SPEC)


def test_sizes_shapes_and_ranges(split):
    assert [len(part) for part in (split.train, split.validation, split.test)] == [1000, 200, 597]
    assert split.classes == 10
    for part in (split.train, split.validation, split.test):
        assert part.pixels.shape == (len(part), 1, 8, 8)
        assert part.pixels.dtype == torch.float32
        assert part.labels.dtype == torch.int64
        assert part.pixels.min() == 0
        assert part.pixels.max() == 1
        assert sorted(set(part.labels.tolist())) == list(range(10))


def test_parts_are_disjoint_and_leave_nothing_out(split):
    """By content: the source holds 1,797 images, and no two of them are equal."""
    everything = rows(split.train) + rows(split.validation) + rows(split.test)
    assert len(set(everything)) == len(everything) == 1797


@settings(max_examples=6)
@given(test=st.integers(20, 900), validation=st.integers(20, 700), seed=st.integers(0, 9))
def test_every_part_has_every_class_in_its_share(test, validation, seed):
    made = load(SPEC | {"test": test, "validation": validation, "split_seed": seed})
    assert [len(made.test), len(made.validation), len(made.train)] == [test, validation, 1797 - test - validation]
    whole = np.bincount(digits._digits_arrays()[1]) / 1797
    for part in (made.train, made.validation, made.test):
        counts = np.bincount(part.labels.numpy(), minlength=10)
        assert np.abs(counts - whole * len(part)).max() < 2  # rounding of a class in two splits, one image each


def test_the_seed_decides_the_split(split):
    assert rows(load(SPEC).test) == rows(split.test)
    assert rows(load(SPEC | {"split_seed": 1}).test) != rows(split.test)


def test_another_size_shows_the_same_images(split):
    large = load(SPEC | {"size": 32})
    assert large.test.pixels.shape == (597, 1, 32, 32)
    assert torch.equal(large.test.labels, split.test.labels)
    small = torch.nn.functional.avg_pool2d(large.test.pixels, 4)
    likeness = torch.nn.functional.cosine_similarity(small.flatten(1), split.test.pixels.flatten(1))
    assert likeness.min() > 0.9  # interpolation blurs; another digit would be less alike
    assert torch.equal(load(SPEC | {"size": 8}).test.pixels, split.test.pixels)


def test_loading_hands_out_no_shared_memory(split):
    load(SPEC).test.pixels.zero_()
    assert rows(load(SPEC).test) == rows(split.test)


def test_the_digest_is_of_the_content(monkeypatch):
    assert digest(SPEC) == digest({"source": "digits"}) == digits._digits_digest.__wrapped__()
    assert len(digest(SPEC)) == 16
    assert int(digest(SPEC), 16)
    pixels, labels = digits._digits_arrays()

    def digest_of(pixels, labels):
        monkeypatch.setattr(digits, "_digits_arrays", lambda: (pixels, labels))
        return digits._digits_digest.__wrapped__()

    assert digest_of(pixels.copy(), labels.copy()) == digest(SPEC)
    brighter, relabelled = pixels.copy(), labels.copy()
    brighter[5, 3, 3] += 1 / 16
    relabelled[-1] = (relabelled[-1] + 1) % 10
    assert len({digest(SPEC), digest_of(brighter, labels), digest_of(pixels, relabelled)}) == 3


@pytest.mark.parametrize("ask", [load, digest])
@pytest.mark.parametrize("spec", [{"source": "imagenet"}, {}])
def test_an_unknown_source_is_named_with_those_there_are(ask, spec):
    with pytest.raises(ValueError, match=f"no data source {spec.get('source')!r}: choose from digits"):
        ask(spec)


def test_first_images():
    some = Images(torch.arange(5.0).view(5, 1, 1, 1), torch.arange(5))
    assert some.first(2).labels.tolist() == [0, 1]
    assert some.first(2).pixels.flatten().tolist() == [0, 1]
    assert len(some.first(9)) == 5


def test_normalising_subtracts_then_divides():
    assert normalise(torch.tensor([0.3, 0.7, 1.1]), {"mean": 0.3, "std": 0.4}).tolist() == pytest.approx([0, 1, 2])
