"""What feature terms align with: pure functions of the teacher's outputs, labels and seeds."""

import pytest
import torch
from train_nets import assert_same, run, student

from baselines import Outputs
from suite.train.targets import TARGETS, target

NAMES = (*TARGETS, "noise:20", "noise:0.5")
LABELS = torch.tensor([2, 0, 2, 1, 3])


def outputs(images=5, seed=0, scale=3.0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return scale * torch.randn(images, *shape, generator=generator)

    return Outputs(
        draw(4),
        {0: draw(6, 3, 2), 2: draw(6, 3, 2), 3: draw(8, 3, 2)},
        draw(6, 3, 2),
        pooled=draw(6),
        attention={("scores", 1): draw(2, 4, 4)},
    )


def parts(found):
    return {**found.maps, "final": found.final, "pooled": found.pooled, **found.attention}


def rms(values):
    return float(values.square().mean().sqrt())


@pytest.mark.parametrize("name", NAMES)
def test_a_target_leaves_logits_and_its_input_alone_and_repeats(name):
    before, given = outputs(), outputs()
    changed = target(name)(given, LABELS, seed=1, draw=2)
    again = target(name)(given, LABELS, seed=1, draw=2)
    assert torch.equal(changed.logits, before.logits)
    assert parts(changed).keys() == parts(before).keys()
    for key, values in parts(given).items():
        assert torch.equal(values, parts(before)[key])
        assert parts(changed)[key].shape == values.shape
        assert parts(changed)[key].dtype == values.dtype
        assert torch.equal(parts(changed)[key], parts(again)[key])
    assert target(name)(Outputs(given.logits), LABELS, seed=1, draw=2).final is None


def test_features_are_the_teachers():
    given = outputs()
    assert target("features")(given, LABELS, seed=0, draw=0) is given


def test_shuffled_images_are_whole_images_of_others():
    given = outputs()
    for own, other in zip(
        parts(given).values(), parts(target("shuffled_images")(given, LABELS, seed=0, draw=0)).values(), strict=True
    ):
        sources = [[torch.equal(image, each) for each in own] for image in other]
        assert [row.index(True) for row in sources] == [4, 0, 1, 2, 3]  # the same neighbour in every layer
        assert not any(row[number] for number, row in enumerate(sources))


def test_permuted_channels_are_the_same_channels_in_one_other_order():
    given = outputs()
    orders = []
    for seed, draw in ((0, 0), (0, 7), (1, 0)):
        changed = target("permuted_channels")(given, LABELS, seed=seed, draw=draw)
        found = []
        for own, other in zip(given.maps.values(), changed.maps.values(), strict=True):
            order = [next(c for c in range(own.shape[1]) if torch.equal(own[:, c], x)) for x in other.unbind(1)]
            assert sorted(order) == list(range(own.shape[1]))
            assert order != sorted(order)
            found.append(tuple(order))
        assert found[0] == found[1]  # equal widths, equal order
        orders.append(found)
    assert orders[0] == orders[1] != orders[2], "by the seed, in every step"


def test_zeros_are_zeros():
    assert all(not values.any() for values in parts(target("zeros")(outputs(), LABELS, seed=0, draw=0)).values())


@pytest.mark.parametrize(("name", "dose"), [("noise", 1.0), ("noise:20", 20.0), ("noise:0.5", 0.5)])
def test_noise_has_the_scale_of_what_it_replaces_and_is_fresh(name, dose):
    given = outputs(images=200)
    labels = torch.zeros(200, dtype=torch.long)
    one, other, elsewhere = (target(name)(given, labels, seed=s, draw=d) for s, d in ((0, 0), (0, 1), (1, 0)))
    for key, values in parts(given).items():
        assert rms(parts(one)[key]) == pytest.approx(dose * rms(values), rel=0.1)
        for compared in (parts(other)[key], parts(elsewhere)[key], values):
            shared = torch.corrcoef(torch.stack([parts(one)[key].flatten(), compared.flatten()]))[0, 1]
            assert abs(shared) < 0.15
    assert not torch.equal(one.maps[0], one.maps[2]), "maps of one shape do not share a draw"


def test_masked_scores_do_not_blow_up_the_noise():
    masked = torch.full((2, 1, 3, 3), float("-inf"))
    masked[..., 0] = 2.0
    found = target("noise")(Outputs(torch.zeros(2, 4), attention={("scores", 0): masked}), LABELS[:2], seed=0, draw=0)
    assert torch.isfinite(found.attention["scores", 0]).all()


def test_a_label_code_knows_the_label_and_nothing_else():
    given = outputs()
    found = target("label_code")(given, LABELS, seed=0, draw=0)
    other = outputs(seed=9, scale=6.0)
    later = target("label_code")(other, LABELS.flip(0), seed=0, draw=5)
    for key, values in parts(found).items():
        assert torch.equal(values[0], values[2]), "one class, one code"
        assert not torch.equal(values[0], values[1])
        codes, others = values / rms(parts(given)[key]), parts(later)[key].flip(0) / rms(parts(other)[key])
        torch.testing.assert_close(codes, others, rtol=1e-5, atol=1e-6)  # of the class alone, in every batch


def test_a_shuffled_label_code_is_the_code_of_the_neighbours_label():
    given = outputs()
    own, other = (target(name)(given, LABELS, seed=0, draw=0) for name in ("label_code", "shuffled_label_code"))
    for key, values in parts(other).items():
        assert torch.equal(values, parts(own)[key].roll(1, dims=0))


def test_of_mixed_labels_it_is_the_mean_code():
    given = outputs()
    hard = target("label_code")(given, LABELS, seed=0, draw=0)
    soft = torch.nn.functional.one_hot(LABELS, 4).float()
    mixed = 0.25 * soft + 0.75 * soft.flip(0)
    found = target("label_code")(given, mixed, seed=0, draw=0)
    for key, values in parts(found).items():
        expected = 0.25 * parts(hard)[key] + 0.75 * parts(hard)[key].flip(0)
        torch.testing.assert_close(values, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["", "nothing", "zeros:2", "noise:much", "noise:"])
def test_an_unknown_target_is_named(name):
    with pytest.raises(ValueError, match="no target"):
        target(name)


def test_a_target_is_seen_by_its_student_alone_and_by_its_features_alone(tmp_path):
    plain = run([student("spectral_kd", tmp_path, key="plain")])["plain"]
    # a fine code is nothing to this student, which is narrower than its teacher: the same as zeros
    kinds = [f"spectral_kd, {name}" for name in TARGETS if name not in ("features", "fine_label_code")]
    mixed = run([*(student(kind, tmp_path) for kind in kinds), student("spectral_kd", tmp_path)])
    assert_same(mixed["spectral_kd"], plain)
    ends = [mixed[kind].history[-1]["logits"] for kind in ("spectral_kd", *kinds)]
    assert len(set(ends)) == len(ends)
    soft = run([student("soft_kd", tmp_path, key="a"), student("soft_kd, zeros", tmp_path, key="b")])
    assert_same(soft["a"], soft["b"])  # it reads no features


def test_another_number_is_another_order_of_channels():
    given = outputs()
    orders = [
        target(name)(given, LABELS, seed=0, draw=0).maps[2] for name in ("permuted_channels", "permuted_channels:1")
    ]
    assert not torch.equal(*orders)
    assert torch.equal(*(order.sort(dim=1).values for order in orders))


def test_a_fine_code_is_nothing_to_whoever_averages_neighbours():
    given = outputs()
    found = target("fine_label_code")(given, LABELS, seed=0, draw=0)
    for layer, values in found.maps.items():
        pairs = values.shape[1] // 2
        halves = values[:, : 2 * pairs].unflatten(1, (pairs, 2))
        assert halves.mean(dim=2).abs().max() < 1e-6
        assert halves.abs().mean() > 0.1 * given.maps[layer].abs().mean()
        same = [values[label == LABELS] for label in LABELS.unique()]
        assert all(torch.equal(one, one[:1].expand_as(one)) for one in same)
