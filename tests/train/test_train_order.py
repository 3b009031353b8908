"""Which views a step shows: timm's sampler, cut so that the number of processes cannot matter."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.data.distributed_sampler import RepeatAugSampler

from suite.errors import SuiteError
from suite.seeding import mixed_seed
from suite.train.order import Order

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 40), st.sampled_from([1, 3]))


@given(SIZES, st.integers(0, 5), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_slices_share_out_a_step_and_any_number_of_processes_sees_the_same(sizes, seed, step):
    slices, micro, more, repeats = sizes
    order = Order(slices * micro + more, slices * micro, micro, repeats, seed)
    whole = [order.slice(step, number) for number in range(slices)]
    assert [len(part) for part in whole] == [micro] * slices
    epoch, within = divmod(step, order.steps_per_epoch)
    places = sorted(view.place for part in whole for view in part)
    assert places == list(range(within * order.batch, (within + 1) * order.batch))
    assert {view.epoch for part in whole for view in part} == {epoch}
    for processes in [count for count in range(1, slices + 1) if slices % count == 0]:
        streams = [order.from_step(step, rank, processes) for rank in range(processes)]
        seen = {}
        for rank, stream in enumerate(streams):
            seen |= dict(zip(order.of_process(rank, processes), stream, strict=False))
        assert [seen[number] for number in range(slices)] == whole


def test_slices_are_dealt_as_the_papers_sampler_deals_images_to_processes():
    """Process r of n of DeiT's repeated augmentation sees what slice r of n sees here."""
    order = Order(images=512, batch=64, micro_batch=16, repeats=3, seed=7)
    for number in range(order.slices):
        theirs = RepeatAugSampler(range(512), num_replicas=order.slices, rank=number)
        theirs.set_epoch(mixed_seed(7, 1, 2))
        first = 2 * order.steps_per_epoch
        ours = [
            view.image for step in range(first, first + order.steps_per_epoch) for view in order.slice(step, number)
        ]
        assert ours == list(theirs)


def test_copies_of_an_image_go_to_different_slices():
    order = Order(images=300, batch=48, micro_batch=12, repeats=3, seed=0)
    for number in range(order.slices):
        images = [view.image for view in order.slice(0, number)]
        assert len(set(images)) == len(images)
    all_of_them = [view.image for number in range(order.slices) for view in order.slice(0, number)]
    assert len(set(all_of_them)) == 16


def test_without_repeats_an_epoch_shows_every_image_once():
    order = Order(images=50, batch=10, micro_batch=5, repeats=1, seed=0)
    seen = [view.image for step in range(5) for number in range(2) for view in order.slice(step, number)]
    assert sorted(seen) == list(range(50))
    again = [view.image for step in range(5, 10) for number in range(2) for view in order.slice(step, number)]
    assert seen != again
    other = Order(images=50, batch=10, micro_batch=5, repeats=1, seed=1)
    assert other.slice(0, 0) != order.slice(0, 0)


def test_the_papers_epoch_has_625_steps():
    """The released logs' epoch: 1,281,167 images, 2,048 a step, a multiple of 256 images."""
    order = Order(images=1_281_167, batch=2048, micro_batch=256, repeats=3, seed=0)
    assert (order.steps_per_epoch, order.slices) == (625, 8)


def test_a_stream_goes_on_into_the_next_epoch():
    order = Order(images=12, batch=6, micro_batch=3, repeats=1, seed=0)
    stream = list(islice(order.from_step(1, 0, 1), 4))
    assert stream == [order.slice(1, 0), order.slice(1, 1), order.slice(2, 0), order.slice(2, 1)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch": 10, "micro_batch": 4}, "a batch of 10 cannot be cut into slices of 4: choose a micro_batch"),
        ({"batch": 200, "micro_batch": 20}, "an epoch of 100 views is smaller than a batch of 200"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, words):
    sizes = {"images": 100, "repeats": 1, "seed": 0} | changes
    with pytest.raises(SuiteError, match=words):
        Order(**sizes)


def test_a_number_of_processes_that_does_not_divide_the_slices_is_refused_with_those_that_do():
    order = Order(images=100, batch=24, micro_batch=4, repeats=1, seed=0)
    with pytest.raises(
        SuiteError, match="6 slices of 4 images cannot be dealt evenly to 4 processes: start 1, 2, 3, 6"
    ):
        order.of_process(0, 4)
