"""Training at one effective weight: the weight follows from what the published one counts, and is met at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from study_cells import arrays, compute, student

from suite import profile
from suite.errors import SuiteError, Unavailable
from suite.run.execute import Outcome
from suite.studies.cells import student as as_published
from suite.studies.train_at_weight import reweighted
from suite.studies.weighted_cells import AS_PUBLISHED, STUDY, student_at_weight, wanted_weight

WANTED = 0.25


def at_weight(cell, *, target="features"):
    """A cell of the study, made of one of study *train*."""
    spec = {**cell.spec, "target": target, "effective_weight": WANTED}
    return replace(cell, study=STUDY, spec=spec, needs={**cell.needs, AS_PUBLISHED: cell})


def test_the_wanted_effective_weight_is_met_at_the_first_step_and_its_control_has_the_same_weight(store):
    published, twin = student("projector_kd", {"weight": 0.5}), student("soft_kd")
    ours, control = at_weight(published), at_weight(published, target="zeros")
    no_weight = at_weight(twin)
    assert set(compute(store, published, twin).values()) == {Outcome.DONE}
    done = compute(store, ours, control, no_weight)
    assert done == {ours.key: Outcome.DONE, control.key: Outcome.DONE, no_weight.key: Outcome.FAILED}
    before, after = arrays(store, published), arrays(store, ours)
    assert after["effective_weight_first"] == pytest.approx(WANTED, rel=1e-4)  # float32 gradients
    assert before["effective_weight_first"] != pytest.approx(WANTED, rel=0.1)
    assert after["weight"] == pytest.approx(0.5 * WANTED / float(before["effective_weight_first"]))
    assert arrays(store, control)["weight"] == after["weight"]
    assert after["effective_weight_last"] != before["effective_weight_last"]
    with pytest.raises(SuiteError, match="has no weight"):
        store.read(no_weight)


def test_a_weight_that_gives_no_gradient_cannot_be_scaled():
    with pytest.raises(SuiteError, match="one of 0 at the first step"):
        reweighted({"name": "fd", "options": {}}, 0.0, WANTED)
    assert reweighted({"name": "feature_mse", "options": {}}, 0.5, WANTED)["options"] == {"weight": 0.1}


def written(tmp_path, text: str):
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "desk"\n{text}')
    return profile.load(str(path))


def test_a_profile_asks_for_it_in_one_line_and_keeps_every_key_that_there_was(tmp_path):
    desk, mine = profile.load("desk"), written(tmp_path, "[distill.options.all]\neffective_weight = 0.25\n")
    make = student_at_weight("spectral_kd", target="zeros")
    cell = make(mine, 0)
    assert cell.spec["effective_weight"] == WANTED
    assert cell.needs[AS_PUBLISHED] == as_published("spectral_kd")(desk, 0)
    assert as_published("fitnet")(mine, 1) == as_published("fitnet")(desk, 1)
    assert cell != as_published("spectral_kd", target="zeros")(mine, 0)
    with pytest.raises(Unavailable, match=r"set it under \[distill.options.all\]"):
        make(desk, 0)


@pytest.mark.parametrize("line", ["effective_wieght = 0.1", "effective_weight = 0.0", "effective_weight = true"])
def test_what_is_asked_of_all_methods_is_checked(tmp_path, line):
    with pytest.raises(SuiteError, match="takes effective_weight, a number above 0, alone"):
        wanted_weight(written(tmp_path, f"[distill.options.all]\n{line}\n"))
