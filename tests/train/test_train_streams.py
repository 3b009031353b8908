"""What students are shown: batches that depend on step and seed alone, in passes that leave no view out."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from train_nets import (
    DATA,
    DISTORT,
    NO_DISTORTION,
    Outcomes,
    assert_same,
    images,
    live,
    outcomes,
    student,
    teacher,
)

from baselines import Outputs, Reading
from suite.data import Images
from suite.train.block import train
from suite.train.teacher import (
    Bank,
    Live,
    Teacher,
    UntrainedTeacher,
    permute_channels,
    require_trained,
    shuffle_images,
)

VIEWS = 3
NETWORK = teacher()


def numbered(count=10):
    """Images whose label is their own number."""
    return Images(images(count).pixels, torch.arange(count))


def bank(count=10, *, batch=6, seed=0, views=VIEWS, layers=(0, 2), distort=DISTORT, chunk=256):
    return Bank(
        numbered(count),
        {"it": Teacher(NETWORK, Reading(layers, final=True))},
        data=DATA,
        views=views,
        distort=distort,
        batch=batch,
        seed=seed,
        device="cpu",
        chunk=chunk,
    )


def fresh(count=10, *, batch=6, seed=0, distort=DISTORT):
    taught = {"it": Teacher(NETWORK, Reading((0, 2), final=True))}
    return Live(numbered(count), taught, data=DATA, distort=distort, batch=batch, seed=seed, device="cpu")


def parts(batch):
    found = {"pixels": batch.pixels, "labels": batch.labels}
    for name, outputs in batch.teachers.items():
        found |= {f"{name} logits": outputs.logits, f"{name} final": outputs.final}
        found |= {f"{name} {layer}": values for layer, values in outputs.maps.items()}
    return found


BANK, LIVE = bank(), fresh()


@pytest.mark.parametrize("make", [bank, fresh])
@given(steps=st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_a_batch_depends_on_its_number_alone(make, steps):
    used = BANK if make is bank else LIVE
    new = make()
    for step in steps:
        assert_same(parts(new.batch(step)), parts(used.batch(step)))


@pytest.mark.parametrize("make", [bank, fresh])
def test_and_on_the_seed(make):
    batches = [make(seed=seed).batch(step) for seed in range(3) for step in range(4)]
    pixels = {tuple(batch.pixels.flatten().tolist()) for batch in batches}
    assert len(pixels) == len(batches)
    assert len({tuple(batch.labels.tolist()) for batch in batches}) > len(batches) / 2


@given(
    count=st.integers(1, 9),
    views=st.integers(1, 4),
    batch=st.integers(1, 12),
    passes=st.integers(0, 3),
    seed=st.integers(0, 5),
)
def test_every_pass_over_a_bank_shows_each_view_once(count, views, batch, passes, seed):
    stream = Bank(numbered(count), {}, data=DATA, views=views, distort=DISTORT, batch=batch, seed=seed, device="cpu")
    size, total = min(batch, count * views), count * views
    steps = total // size
    shown = [stream.batch(passes * steps + step) for step in range(steps)]
    assert all(len(each.labels) == size for each in shown)
    together = torch.cat([each.pixels.flatten(1) for each in shown])
    assert len(torch.unique(together, dim=0)) == len(together) == steps * size  # what does not fill a batch waits
    if total % size == 0:
        times = torch.cat([each.labels for each in shown]).bincount(minlength=count)
        assert times.tolist() == [views] * count


def test_passes_come_in_different_orders():
    stream = bank(batch=10)
    passes = [torch.cat([stream.batch(3 * number + step).labels for step in range(3)]) for number in range(9)]
    assert len({tuple(labels.tolist()) for labels in passes}) == 9


@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 3))
def test_every_epoch_of_a_live_stream_shows_each_image_once(count, batch, epoch):
    stream = Live(numbered(count), {}, data=DATA, distort=DISTORT, batch=batch, seed=0, device="cpu")
    steps = count // min(batch, count)
    labels = torch.cat([stream.batch(epoch * steps + step).labels for step in range(steps)])
    assert len(torch.unique(labels)) == len(labels) == steps * min(batch, count)


def test_a_live_view_is_seen_once_and_a_banks_views_return():
    """On ten images that are all the same, so that only the views differ."""
    same = Images(images(1).pixels.repeat(10, 1, 1, 1), torch.zeros(10, dtype=torch.int64))
    options = {"data": DATA, "distort": DISTORT, "batch": 5, "seed": 0, "device": "cpu"}
    for stream, count in ((Live(same, {}, **options), 60), (Bank(same, {}, views=VIEWS, **options), 30)):
        shown = torch.cat([stream.batch(step).pixels.flatten(1) for step in range(12)])
        assert len(torch.unique(shown, dim=0)) == count


@pytest.mark.parametrize("make", [bank, fresh])
def test_a_view_keeps_the_label_of_its_image(make):
    stream, pixels = make(distort=NO_DISTORTION), numbered().pixels
    for step in range(4):
        batch = stream.batch(step)
        expected = (pixels[batch.labels] - DATA["mean"]) / DATA["std"]
        torch.testing.assert_close(batch.pixels, expected, rtol=0, atol=1e-4)  # positions are rounded in float32


@pytest.mark.parametrize("stream", [BANK, LIVE], ids=["bank", "live"])
def test_the_teacher_saw_what_the_student_sees(stream):
    for step in (0, 3, 7):
        batch = stream.batch(step)
        with torch.no_grad():
            expected = NETWORK.eval()(batch.pixels, (0, 2), final=True)
        given_, wanted = parts(batch), {"it logits": expected.logits, "it final": expected.final}
        wanted |= {f"it {layer}": values for layer, values in expected.maps.items()}
        assert given_.keys() == wanted.keys() | {"pixels", "labels"}
        for name, values in wanted.items():
            # A batch of another size may be summed in another order.
            torch.testing.assert_close(given_[name], values, rtol=1e-5, atol=1e-6)


def test_the_size_of_a_banks_chunks_is_not_seen():
    for step in (0, 4):
        one, other = parts(bank(chunk=7).batch(step)), parts(BANK.batch(step))
        for name, values in one.items():
            torch.testing.assert_close(values, other[name], rtol=1e-5, atol=1e-6)


def test_without_distortion_bank_and_live_are_one():
    still = {"distort": NO_DISTORTION}
    for step in (0, 1, 5):
        one, other = parts(bank(batch=5, views=1, **still).batch(step)), parts(fresh(batch=5, **still).batch(step))
        assert torch.equal(one["labels"], other["labels"])
        for name, values in one.items():
            torch.testing.assert_close(values, other[name], rtol=1e-5, atol=1e-6)


def test_what_else_is_tapped_is_not_seen():
    one, other = bank(layers=(2,)).batch(1).teachers["it"], bank(layers=(0, 1, 2)).batch(1).teachers["it"]
    assert torch.equal(one.logits, other.logits)
    assert torch.equal(one.maps[2], other.maps[2])
    assert torch.equal(one.final, other.final)


def some_outputs(images_=5, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(images_, *shape, generator=generator)

    return Outputs(draw(4), {0: draw(6, 3, 2), 2: draw(6, 3, 2), 3: draw(8, 3, 2)}, draw(6, 3, 2))


def maps_of(outputs):
    return [*outputs.maps.values(), outputs.final]


@pytest.mark.parametrize("distort", [shuffle_images, partial(permute_channels, seed=3)])
def test_a_distortion_leaves_logits_and_its_input_alone(distort):
    before, after = some_outputs(), some_outputs()
    changed = distort(after)
    assert torch.equal(changed.logits, before.logits)
    assert changed.maps.keys() == before.maps.keys()
    for one, other in zip(maps_of(after), maps_of(before), strict=True):
        assert torch.equal(one, other)
    assert distort(Outputs(after.logits)).final is None


def test_shuffled_images_are_whole_images_of_others():
    outputs = some_outputs()
    for own, given_ in zip(maps_of(outputs), maps_of(shuffle_images(outputs)), strict=True):
        sources = [[torch.equal(image, other) for other in own] for image in given_]
        assert [row.index(True) for row in sources] == [4, 0, 1, 2, 3]  # the same neighbour in every layer
        assert not any(row[number] for number, row in enumerate(sources))


def test_permuted_channels_are_the_same_channels_in_one_other_order():
    outputs = some_outputs()
    orders = []
    for seed in (0, 0, 1):
        changed = permute_channels(outputs, seed=seed)
        found = []
        for own, given_ in zip(maps_of(outputs), maps_of(changed), strict=True):
            order = [next(c for c in range(own.shape[1]) if torch.equal(own[:, c], x)) for x in given_.unbind(1)]
            assert sorted(order) == list(range(own.shape[1]))
            assert order != sorted(order)
            found.append(tuple(order))
        assert found[0] == found[1] == found[3]  # equal widths, equal order
        orders.append(found)
    assert orders[0] == orders[1] != orders[2]
    others = some_outputs(7, seed=9)  # of another batch, of another size
    assert torch.equal(permute_channels(others, seed=0).maps[0], others.maps[0][:, list(orders[0][0])])


def test_a_distorted_teacher_is_seen_by_its_student_alone(tmp_path):
    def run(kinds, folder) -> Outcomes:
        folder.mkdir()
        students = [student(kind, folder) for kind in kinds]
        train(students, live())
        return outcomes(students)

    plain = run(["spectral_kd"], tmp_path / "plain")["spectral_kd"]
    distorted = ["spectral_kd, permuted", "spectral_kd, shuffled"]
    mixed = run([*distorted, "spectral_kd"], tmp_path / "mixed")
    assert_same(mixed["spectral_kd"], plain)
    weight = "network backbone.patch_embed.proj.weight"
    assert not any(torch.equal(mixed[name][weight], plain[weight]) for name in distorted)


def test_an_untrained_teacher_is_refused():
    labels = torch.arange(10).repeat(20)
    right = torch.nn.functional.one_hot(labels, 10).float()
    generator = torch.Generator().manual_seed(0)

    def knows(share):
        known = torch.rand(len(labels), 1, generator=generator) < share
        return torch.where(known, right, torch.rand(len(labels), 10, generator=generator) * 0.9)

    assert require_trained(right, labels) == 100
    assert 40 < require_trained(knows(0.5), labels) < 65
    for useless in (knows(0), torch.zeros_like(right), right.roll(1, dims=0), torch.full_like(right, float("nan"))):
        with pytest.raises(UntrainedTeacher, match=r"chance is 10\.0%: train its head"):
            require_trained(useless, labels)
    assert require_trained(torch.where(labels[:, None] < 2, right, right.roll(1, 1)), labels) == pytest.approx(20)
