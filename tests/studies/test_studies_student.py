"""Study *student*: a block computed as the program computes it, undisturbed, killed, and with members that fail."""

from functools import partial

import numpy as np
import pytest
import torch
from study_cells import (
    IMAGES,
    STEPS,
    STUDENT,
    TEST_VIEWS,
    TRAINING,
    KillAfter,
    Killed,
    arrays,
    assert_equal,
    compute,
    network,
    student,
)

from suite.run.execute import Outcome
from suite.studies import student as study
from suite.train.block import train

BLOCK = {
    "none": student("none"),
    "soft": student("soft_kd"),
    "spectral": student("spectral_kd", {"student_layers": [-1], "teacher_layers": [-1]}),
    "masked": student("vitkd"),
    "shuffled": student("projector_kd", distort="shuffled_images"),
    "permuted": student("projector_kd", distort="permuted_channels"),
    "random teacher": student("projector_kd", weights="random"),
    "lift": student("soft_kd", architecture="lift"),
    "uniform": student("soft_kd", architecture="uniform_wide"),
    "long": student("soft_kd", steps=2 * STEPS),
}
BROKEN = {
    "wider than the teacher": (
        student("spectral_kd", {"student_layers": [-1], "teacher_layers": [-1]}, shape={"embed_dim": 32}),
        "the student's map is wider (32 channels) than the teacher's (16)",
    ),
    "no such layer": (student("feature_mse", {"student_layers": [9], "teacher_layers": [0]}), "layer 9 is not in"),
    "no such method": (student("magic"), "no method is called 'magic'"),
    "no such distortion": (student("soft_kd", distort="inverted"), "no distortion 'inverted' of a teacher"),
    "no such architecture": (student("soft_kd", architecture="tall"), "no student is called 'tall'"),
    "diverges": (student("soft_kd", lr=1e30, warmup=0.0), "the loss became nan at step 1 (ce nan, kd nan)"),
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
    found, steps = arrays(computed, cell), cell.spec["recipe"]["steps"]
    layers = STUDENT["depth"]
    shapes = {"accuracy_last": (), "accuracy_best": (), "parameters": (), "correct": (TEST_VIEWS,)}
    shapes |= {"steps": (2,), "trajectory": (2,)} | {f"profile.{each}": (2, layers) for each in PROFILES}
    assert {each: values.shape for each, values in found.items()} == shapes
    assert found["steps"].tolist() == [steps // 2, steps]
    assert found["correct"].dtype == bool
    assert found["accuracy_last"] == found["trajectory"][-1] == pytest.approx(100 * found["correct"].mean())
    assert found["accuracy_best"] == found["trajectory"].max()
    assert all(np.isfinite(values).all() for values in found.values())
    metrics = computed.read(cell).metrics
    assert [record["step"] for record in metrics] == [steps // 2, steps]
    assert all({"loss", "gradient", "accuracy"} <= record.keys() for record in metrics)


def test_students_of_a_block_differ_as_their_specs_do(computed):
    ends = {name: arrays(computed, cell)["profile.magnitude"][-1].tobytes() for name, cell in BLOCK.items()}
    assert len(set(ends.values())) == len(BLOCK)
    size = {name: int(arrays(computed, cell)["parameters"]) for name, cell in BLOCK.items()}
    assert size["none"] == size["soft"] == size["masked"] < size["lift"]
    wide = study.build_student(
        "wide_last",
        study.ViTConfig(**STUDENT, num_classes=10),
        generator=torch.Generator().manual_seed(0),
        options={"width": 16},
    )
    wanted = sum(parameter.numel() for parameter in wide.parameters())
    assert abs(size["uniform"] - wanted) / wanted < 0.25  # widths come in steps of two heads


def test_a_block_learns(store):
    compute(store, cell := student("soft_kd", steps=120, few_shot=120, shape={"embed_dim": 16}))
    found = arrays(store, cell)
    assert found["accuracy_last"] > 35  # chance is 10
    assert found["trajectory"][1] > found["trajectory"][0]


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


def test_all_that_a_block_draws_depends_on_its_seed_but_the_test_views(store, monkeypatch):
    blocks, banks, students = [], [], []
    for made, name in ((blocks, "_Block"), (banks, "Bank"), (students, "Student")):
        make = getattr(study, name)

        def kept(*given, make=make, made=made, **named):
            made.append(make(*given, **named))
            return made[-1]

        monkeypatch.setattr(study, name, kept)
    for seed in (0, 1):
        compute(store, student("vitkd", seed=seed))
    assert torch.equal(blocks[0].test_pixels, blocks[1].test_pixels)
    assert torch.equal(blocks[0].test_labels, blocks[1].test_labels)
    assert not torch.equal(blocks[0].few.pixels, blocks[1].few.pixels)
    orders = [bank.batch(0).pixels for bank in banks]
    assert not torch.equal(*orders)
    assert banks[0].seed != banks[1].seed
    assert students[0].generator.initial_seed() != students[1].generator.initial_seed()
    projections = [each.method.align_final.weight for each in students]
    assert not torch.equal(*projections)


@pytest.mark.parametrize("calls", [1, 2, 4, 5])
def test_a_killed_block_resumes(computed, store, monkeypatch, calls):
    """Killed when the n-th evaluation of a student is reported; checkpoints were written after steps 2 and 4."""
    monkeypatch.setattr(study, "train", partial(train, every=2))
    cells = [BLOCK[name] for name in ("masked", "soft", "spectral")]
    with pytest.raises(Killed):
        compute(store, *cells, report=KillAfter(calls))
    assert {store.state(cell.key).word for cell in cells} == {"partial"}
    compute(store, *cells[1:], BLOCK["none"])  # one stays away, one joins
    compute(store, cells[0])
    for cell in (*cells, BLOCK["none"]):
        assert_equal(arrays(store, cell), arrays(computed, cell))
        assert not (store.folder(cell.key) / "checkpoints").exists()


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
    bad = student("soft_kd", lr=1e30, warmup=0.0, steps=1)
    outcomes = compute(store, bad, BLOCK["soft"])
    assert outcomes == {bad.key: Outcome.FAILED, BLOCK["soft"].key: Outcome.DONE}
    assert "NaN or infinite" in store.state(bad.key).detail
    assert_equal(arrays(store, BLOCK["soft"]), arrays(computed, BLOCK["soft"]))


def test_an_untrained_teacher_fails_its_own_students(computed, store):
    stunted = network(recipe=TRAINING | {"epochs": 1, "lr": 1e-8, "warmup_lr": 1e-9, "min_lr": 1e-9})
    compute(store, stunted)
    taught = [student(name, need=stunted) for name in ("soft_kd", "deit_hard")]
    others = [BLOCK["none"], BLOCK["random teacher"]]
    outcomes = compute(store, taught[0], others[0], taught[1], others[1])
    for cell in taught:
        assert outcomes[cell.key] is Outcome.FAILED
        assert "chance is 10.0%: train its head" in store.state(cell.key).detail
    for cell in others:
        assert_equal(arrays(store, cell), arrays(computed, cell))


def test_a_block_asks_each_teacher_once(store, monkeypatch):
    """One pass over the bank per teacher, whatever the number of students."""
    asked = []
    ask = study.Teacher.__call__

    def counted(self, pixels):
        asked.append((id(self.network), len(pixels)))
        return ask(self, pixels)

    monkeypatch.setattr(study.Teacher, "__call__", counted)
    compute(store, *BLOCK.values())
    assert [count for _, count in asked] == [IMAGES["few_shot"] * IMAGES["views"]] * 2  # trained and random
    assert len({name for name, _ in asked}) == 2
