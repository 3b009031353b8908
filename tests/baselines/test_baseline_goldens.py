"""Parity with the authors' released code, on the numbers it gave."""

from pathlib import Path

import numpy as np
import pytest

from baselines import goldens

FOLDER = Path(__file__).parent.parent / "golden"
OURS = sorted(path.stem for path in FOLDER.glob("*.npz") if goldens.recognises(path.stem))


def load(stem):
    with np.load(FOLDER / f"{stem}.npz") as arrays:
        return dict(arrays)


def test_goldens_of_every_known_kind_are_there():
    for prefix in goldens.CHECKS:
        assert any(stem.startswith(prefix) for stem in OURS), prefix


@pytest.mark.parametrize("stem", OURS)
def test_value_and_every_gradient_agree(stem):
    arrays = load(stem)
    found = goldens.check(stem, arrays)
    assert [parity for parity in found if not parity.holds] == []
    gradients = {name for name in arrays if name.startswith("grad_")}
    covered = {parity.quantity.split("gradient of ")[-1] for parity in found if "gradient" in parity.quantity}
    assert len(covered) == len(gradients)
    assert any("loss" in parity.quantity for parity in found)


@pytest.mark.parametrize("stem", OURS)
def test_a_wrong_number_is_noticed(stem):
    """Ten tolerances off, in the value or in one entry of one gradient."""
    arrays = load(stem)
    for name in [name for name in arrays if name.startswith(("grad_", "loss"))]:
        spoilt = arrays[name].copy()
        tolerance = goldens.TOLERANCES[goldens.torch.tensor(spoilt).dtype]
        spoilt.flat[0] += 10 * tolerance * np.abs(spoilt).max()
        assert not all(parity.holds for parity in goldens.check(stem, arrays | {name: spoilt})), name


def test_a_nan_never_passes():
    arrays = load("soft_kd_T1")
    found = goldens.check("soft_kd_T1", arrays | {"loss": np.float32("nan")})
    assert not found[0].holds


def test_unknown_names_and_missing_arrays_are_errors():
    assert not goldens.recognises("dynamics_measures")
    with pytest.raises(ValueError, match="known are"):
        goldens.check("dynamics_measures", {})
    arrays = load("soft_kd_T1")
    del arrays["teacher_logits"]
    with pytest.raises(ValueError, match="teacher_logits"):
        goldens.check("soft_kd_T1", arrays)
