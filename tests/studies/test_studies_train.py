"""Study *train* on embedded images, as the program runs it: undisturbed, killed, with members that fail."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from study_cells import (
    BATCH,
    CAIT,
    DATA,
    EPOCHS,
    FEW,
    PER_EPOCH,
    STUDENT,
    TEST_VIEWS,
    TRAIN,
    TRAINING,
    KillAfter,
    Killed,
    arrays,
    assert_equal,
    compute,
    network,
    student,
)

from baselines.students import ViTConfig, build_student
from suite.data import load, normalise
from suite.errors import SuiteError
from suite.evidence.store import Store
from suite.run.execute import Outcome
from suite.studies import train as study
from suite.studies.networks import restore
from suite.train.teacher import Teacher

BLOCK = {
    "none": student("none"),
    "soft": student("soft_kd"),
    "spectral": student("spectral_kd", {"student_layers": [-1], "teacher_layers": [-1]}),
    "masked": student("vitkd"),
    "shuffled": student("projector_kd", target="shuffled_images"),
    "permuted": student("projector_kd", target="permuted_channels"),
    "random teacher": student("projector_kd", weights="random"),
    "lift": student("soft_kd", architecture="lift"),
    "uniform": student("soft_kd", architecture="uniform_wide"),
    "noise": student("projector_kd", target="noise:3"),
    "long": student("soft_kd", epochs=2 * EPOCHS),
}
BROKEN = {
    "wider than the teacher": (
        student("spectral_kd", {"student_layers": [-1], "teacher_layers": [-1]}, shape={"embed_dim": 32}),
        "the student's map is wider (32 channels) than the teacher's (16)",
    ),
    "no such layer": (student("feature_mse", {"student_layers": [9], "teacher_layers": [0]}), "layer 9 is not in"),
    "no such method": (student("magic"), "no method is called 'magic'"),
    "no such target": (student("soft_kd", target="inverted"), "no target 'inverted'"),
    "no such architecture": (student("soft_kd", architecture="tall"), "no student is called 'tall'"),
    "diverges": (student("soft_kd", lr=1e30, warmup=0.0), "not finite at step 1 (ce nan, kd nan"),
}
PROFILES = ("magnitude", "entropy_global", "entropy_layer", "entropy_standardised", "flatness")


@pytest.fixture(scope="module")
def computed(new_store):
    store = new_store()
    assert set(compute(store, *BLOCK.values()).values()) == {Outcome.DONE}
    return store


@pytest.mark.parametrize("name", BLOCK)
def test_a_student_has_the_documented_arrays(computed, name):
    cell = BLOCK[name]
    found, epochs = arrays(computed, cell), cell.spec["recipe"]["epochs"]
    layers = STUDENT["depth"]
    shapes = {"accuracy_last": (), "accuracy_best": (), "parameters": (), "width": (), "correct": (TEST_VIEWS,)}
    shapes |= {"steps": (2,), "trajectory": (2,)} | {f"profile.{each}": (2, layers) for each in study.PROFILES}
    if cell.spec["method"]["name"] != "none":
        shapes |= {"effective_weight_first": (), "effective_weight_last": ()}
    assert {each: values.shape for each, values in found.items()} == shapes
    assert found["steps"].tolist() == [PER_EPOCH * round(epochs / 2), PER_EPOCH * epochs]
    assert found["correct"].dtype == bool
    assert found["accuracy_last"] == found["trajectory"][-1] == pytest.approx(100 * found["correct"].mean())
    assert found["accuracy_best"] == found["trajectory"].max()
    assert found["width"] == (STUDENT["embed_dim"] if name != "uniform" else found["width"])
    assert all(np.isfinite(values).all() for values in found.values())
    result = computed.read(cell)
    assert [record["epoch"] for record in result.metrics] == [round(epochs / 2), epochs]
    assert all({"loss", "gradient", "accuracy", "lr"} <= record.keys() for record in result.metrics)
    assert not list(result.folder.glob("*.safetensors")), "weights are kept where they are asked for"


def test_a_trained_network_is_kept_with_its_weights(taught):
    cell, test = network(), load(DATA).test
    result = taught.read(cell)
    found = dict(result.arrays)
    assert found["correct"].shape == (len(test),)
    assert found["accuracy_last"] > 25  # knows something: chance is 10
    model = restore(result.folder, CAIT, classes=10, seed=99)
    assert not model.training
    with torch.no_grad():
        right = model(normalise(test.pixels, DATA)).logits.argmax(dim=1) == test.labels
    assert (right.numpy() == found["correct"]).mean() > 0.999  # batches of another size round otherwise
    assert not (result.folder / "checkpoints").exists()


def test_equal_cells_give_equal_weights_and_other_seeds_others(taught, tmp_path):
    store = Store(tmp_path)
    compute(store, network(0))
    assert_equal(arrays(store, network(0)), arrays(taught, network(0)))
    weights = [(each.read(network(0)).folder / "weights.safetensors").read_bytes() for each in (store, taught)]
    assert weights[0] == weights[1]
    assert arrays(taught, network(1))["correct"].tolist() != arrays(store, network(0))["correct"].tolist()


def test_students_of_a_block_differ_as_their_specs_do(computed):
    ends = {name: arrays(computed, cell)["profile.magnitude"][-1].tobytes() for name, cell in BLOCK.items()}
    assert len(set(ends.values())) == len(BLOCK)
    size = {name: int(arrays(computed, cell)["parameters"]) for name, cell in BLOCK.items()}
    assert size["none"] == size["soft"] == size["masked"] < size["lift"]
    wide = build_student(
        "wide_last",
        ViTConfig(**STUDENT, num_classes=10),
        generator=torch.Generator().manual_seed(0),
        options={"width": 16},
    )
    wanted = sum(parameter.numel() for parameter in wide.parameters())
    assert abs(size["uniform"] - wanted) / wanted < 0.25  # widths come in steps of two heads


def test_a_block_learns(store):
    compute(store, cell := student("soft_kd", epochs=12, images=120, shape={"embed_dim": 16}))
    found = arrays(store, cell)
    assert found["accuracy_last"] > 35  # chance is 10
    assert found["trajectory"][1] > found["trajectory"][0]


def test_an_average_of_the_weights_is_evaluated_and_kept_where_it_is_asked_for(store):
    compute(store, cell := student("soft_kd", ema_decay=0.9, look={"weights": True}))
    result = store.read(cell)
    for name in ("", "_ema"):
        course, correct = result.arrays[f"trajectory{name}"], result.arrays[f"correct{name}"]
        assert result.arrays[f"accuracy{name}_last"] == course[-1] == pytest.approx(100.0 * correct.mean())
        assert result.arrays[f"accuracy{name}_best"] == course.max()
    raw, averaged = (load_file(result.folder / f"weights{name}.safetensors") for name in ("", "-ema"))
    assert raw.keys() == averaged.keys()
    assert any(not torch.equal(raw[name], averaged[name]) for name in raw)


def test_equal_blocks_are_equal_in_any_order_and_company(computed, store, new_store):
    few, alone = [BLOCK[name] for name in ("long", "masked", "soft")], new_store()
    compute(store, *few)
    for cell in few:
        compute(alone, cell)
        assert_equal(arrays(store, cell), arrays(computed, cell))
        assert_equal(arrays(alone, cell), arrays(computed, cell))


def test_another_seed_is_another_block(computed, store):
    compute(store, other := student("soft_kd", seed=1))
    one, two = arrays(computed, BLOCK["soft"]), arrays(store, other)
    assert one["profile.magnitude"].tolist() != two["profile.magnitude"].tolist()
    assert one["correct"].tolist() != two["correct"].tolist()


@pytest.mark.parametrize("calls", [1, 2, 4, 5])
def test_a_killed_block_resumes(computed, store, calls):
    """Killed when the n-th evaluation of a student is reported; checkpoints were written after the epochs before."""
    cells = [BLOCK[name] for name in ("masked", "soft", "spectral")]
    with pytest.raises(Killed):
        compute(store, *cells, report=KillAfter(1 + calls))  # the first report is of the teacher
    assert {store.state(cell.key).word for cell in cells} == {"partial"}
    compute(store, *cells[1:], BLOCK["none"])  # one stays away, one joins
    compute(store, cells[0])
    for cell in (*cells, BLOCK["none"]):
        assert_equal(arrays(store, cell), arrays(computed, cell))
        assert not (store.folder(cell.key) / "checkpoints").exists()


def test_one_that_was_killed_after_its_last_epoch_is_only_evaluated(computed, store, monkeypatch):
    cell = BLOCK["soft"]
    finish = study._result

    def killed(*_):
        raise Killed

    monkeypatch.setattr(study, "_result", killed)
    monkeypatch.setattr("suite.train.loop.SHARE", float("inf"))
    with pytest.raises(Killed):
        compute(store, cell)
    monkeypatch.setattr(study, "_result", finish)
    compute(store, cell)
    assert_equal(arrays(store, cell), arrays(computed, cell))


def test_cells_of_different_blocks_are_not_trained_together(store):
    cells = [student("soft_kd"), student("none", views=0)]
    outcomes = compute(store, *cells)
    assert set(outcomes.values()) == {Outcome.FAILED}
    assert "students of one block must have seed, data" in store.state(cells[0].key).detail


def test_an_impossible_student_fails_alone(computed, store):
    good = [BLOCK["soft"], BLOCK["masked"], BLOCK["none"]]
    bad = [cell for cell, _ in BROKEN.values()]
    outcomes = compute(store, bad[0], good[0], *bad[1:4], good[1], *bad[4:], good[2])
    assert [outcomes[cell.key] for cell in good] == [Outcome.DONE] * 3
    for cell in good:
        assert_equal(arrays(store, cell), arrays(computed, cell))
    for cell, reason in BROKEN.values():
        assert outcomes[cell.key] is Outcome.FAILED
        assert reason in store.state(cell.key).detail


def test_a_student_that_breaks_just_before_it_is_evaluated_fails_alone(computed, store):
    """Its weights overflow in the update, and the next thing that sees them is the evaluation."""
    bad = student("soft_kd", lr=1e30, warmup=0.0, epochs=1, images=12)
    good = student("soft_kd", epochs=1, images=12)  # one step
    assert compute(store, bad, good) == {bad.key: Outcome.FAILED, good.key: Outcome.DONE}
    assert "NaN or infinite after step 1" in store.state(bad.key).detail


def test_an_untrained_teacher_fails_its_own_students(computed, store):
    stunted = network(epochs=1, lr=1e-8, warmup_lr=1e-9, min_lr=1e-9)
    compute(store, stunted)
    taught = [student(name, need=stunted) for name in ("soft_kd", "deit_hard")]
    others = [BLOCK["none"], BLOCK["random teacher"]]
    outcomes = compute(store, taught[0], others[0], taught[1], others[1])
    for cell in taught:
        assert outcomes[cell.key] is Outcome.FAILED
        assert "chance is 10.0%: train its head" in store.state(cell.key).detail
    for cell in others:
        assert_equal(arrays(store, cell), arrays(computed, cell))


def test_a_block_asks_each_teacher_once_for_each_view(store, monkeypatch):
    """Whatever the number and length of students."""
    asked = []
    ask = Teacher.__call__

    def counted(self, pixels):
        asked.append((id(self.network), len(pixels)))
        return ask(self, pixels)

    monkeypatch.setattr(study, "need", lambda *_: study.Need("", 0, 0, 0, 0, 0))  # which asks for a few images as well
    monkeypatch.setattr(study.Block, "_probes", lambda *_: None)
    monkeypatch.setattr(Teacher, "__call__", counted)
    compute(store, *BLOCK.values())
    assert [count for _, count in asked] == [FEW] * 4  # two views of each image, by the trained and the random one
    assert len({name for name, _ in asked}) == 2


# -------------------------------------------------------------------------------------------------- images


def block(**changes):
    cell = student("soft_kd", **changes)

    class Bench:
        device, checkpoints = "cpu", None

    bench = Bench()
    bench.cell = cell
    return study.Block([bench])


def everything(sets, name):
    part = getattr(sets, name)
    return next(iter(part.read([range(len(part))])))


def test_what_a_block_sees_depends_on_its_seed_but_for_what_it_is_evaluated_on():
    one, other = block(seed=0), block(seed=1)
    for name in ("evaluation", "clean"):
        assert all(map(torch.equal, everything(one.sets, name), everything(other.sets, name)))
    assert len(one.sets.train) == FEW
    views = [next(iter(each.sets.train.read([each.order.slice(0, 0)])))[0] for each in (one, other)]
    assert not torch.equal(*views)


def test_views_return_where_their_number_is_finite_and_are_new_otherwise():
    finite, fresh = block(views=2), block(views=0)

    def epoch(made, number):
        steps = range(number * PER_EPOCH, (number + 1) * PER_EPOCH)
        views = sorted(view for step in steps for view in made.order.slice(step, 0))
        return next(iter(made.sets.train.read([views])))[0]

    assert torch.equal(epoch(finite, 0), epoch(finite, 2))
    assert not torch.equal(epoch(finite, 0), epoch(finite, 1))
    shown = [epoch(fresh, number) for number in range(3)]
    assert not any(torch.equal(a, b) for n, a in enumerate(shown) for b in shown[:n])
    assert torch.equal(epoch(fresh, 1), epoch(block(views=0), 1)), "whatever was read before"


def test_a_view_keeps_the_label_of_its_image():
    still = student("none").spec | {"augmentation": dict.fromkeys(study.open_sets.__globals__["BOUNDS"], 0)}
    made = study.open_sets(
        still["data"],
        still["augmentation"],
        recipe=study.Recipe.of(still["recipe"]),
        evaluate=study.Evaluate.of(still["evaluate"]),
        seed=0,
        local={},
        processes=1,
        device="cpu",
    )
    split = load(DATA)
    chosen = torch.randperm(TRAIN, generator=torch.Generator().manual_seed(0))[:FEW]
    order = study.Order(FEW, BATCH, BATCH, 1, 0, 2)
    for step in range(3):
        views = order.slice(step, 0)
        pixels, labels = next(iter(made.train.read([views])))
        own = chosen[torch.tensor([view.image for view in views])]
        assert torch.equal(labels, split.train.labels[own])
        torch.testing.assert_close(pixels, normalise(split.train.pixels[own], DATA), rtol=0, atol=1e-4)


def test_a_misspelt_bound_is_named(store):
    cell = student("none")
    cell = type(cell)("train", dict(cell.spec) | {"augmentation": {"rotat": 5}}, 0, "as it is")
    compute(store, cell)
    assert "augmentation has no key rotat: it takes rotate, scale" in store.state(cell.key).detail


def test_the_layer_profile_decodes_its_images_once(store, monkeypatch):
    reads = []
    read = study.open_sets.__globals__["_InMemory"].read

    def counted(self, batches):
        reads.append([len(batch) for batch in batches])
        return read(self, batches)

    monkeypatch.setattr(study.open_sets.__globals__["_InMemory"], "read", counted)
    compute(store, student("none"), student("soft_kd"))
    assert reads.count([10]) == 1


def test_correctness_is_gathered_as_flags(store, monkeypatch):
    """Two hundred megabytes of logits a network would cross the machine otherwise."""
    sent = []
    gather = study.processes().__class__.gather

    def counted(self, value):
        sent.append(value)
        return gather(self, value)

    monkeypatch.setattr(study.processes().__class__, "gather", counted)
    compute(store, student("none"))
    flags = [value for value in sent if isinstance(value, dict) and any(name.startswith("raw") for name in value)]
    assert flags
    for value in flags:
        for correct, finite in value.values():
            assert correct.dtype == bool
            assert correct.shape == (TEST_VIEWS,)
            assert isinstance(finite, bool)


def test_tf32_is_off_while_networks_are_evaluated(store, monkeypatch):
    seen = []
    network = study.Tapped if hasattr(study, "Tapped") else restore.__globals__["Tapped"]
    forward = network.forward

    def noted(self, *given, **named):
        seen.append((torch.is_inference_mode_enabled(), torch.backends.cudnn.allow_tf32))
        return forward(self, *given, **named)

    monkeypatch.setattr(network, "forward", noted)
    compute(store, student("none"))
    assert (True, False) in seen
    assert (True, True) not in seen


def test_a_spec_with_an_unknown_key_is_refused():
    with pytest.raises(SuiteError, match="recipe: Object contains unknown field `labels`"):
        study.Recipe.of(TRAINING | {"labels": 1})
