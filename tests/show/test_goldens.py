"""The goldens command: agrees on the numbers we ship, and says so when a number is off."""

import numpy as np
import pytest
from rich.console import Console

from suite.errors import SuiteError
from suite.show.goldens import check_folder, print_checks


def copy(source, target, name, **changed):
    with np.load(source / f"{name}.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    np.savez(target / f"{name}.npz", **(arrays | changed))


def test_shipped_goldens_agree(golden_dir, tmp_path):
    for name in ("soft_kd_T4", "dynamics_measures", "encoding_measures"):
        copy(golden_dir, tmp_path, name)
    np.savez(tmp_path / "somebody_else.npz", x=np.zeros(3))
    checks, unknown = check_folder(tmp_path)
    assert unknown == ["somebody_else.npz"]
    (tmp_path / "somebody_else.npz").unlink()
    assert {check.file for check in checks} == {f"{path.name}" for path in tmp_path.iterdir()}
    assert all(check.ok for check in checks)
    console = Console(record=True, width=120)
    print_checks(checks, unknown, console)
    shown = console.export_text()
    assert f"{len(checks)} quantities of 3 files checked, 0 off" in shown
    assert "nothing of ours goes by the name: somebody_else.npz" in shown


@pytest.mark.parametrize(
    ("name", "array", "spoil"),
    [
        ("soft_kd_T4", "loss", lambda x: x * 1.001),
        ("soft_kd_T4", "grad_student", lambda x: x + 1e-3),
        ("dynamics_measures", "magnitude", lambda x: x * 1.001),
        ("encoding_measures", "svd_dims", lambda x: x + 1),
        ("soft_kd_T4", "loss", lambda x: x * np.nan),
    ],
)
def test_a_number_that_is_off_is_noticed(golden_dir, tmp_path, name, array, spoil):
    with np.load(golden_dir / f"{name}.npz") as archive:
        wrong = spoil(archive[array])
    copy(golden_dir, tmp_path, name, **{array: wrong})
    assert not all(check.ok for check in check_folder(tmp_path)[0])


def test_clear_lines_for_what_cannot_be_checked(golden_dir, tmp_path):
    with pytest.raises(SuiteError, match="is not a folder"):
        check_folder(tmp_path / "none")
    with pytest.raises(SuiteError, match=r"holds no \.npz file"):
        check_folder(tmp_path)
    (tmp_path / "soft_kd_T1.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(SuiteError, match="copy it anew"):
        check_folder(tmp_path)
    (tmp_path / "soft_kd_T1.npz").unlink()
    np.savez(tmp_path / "soft_kd_T1.npz", loss=np.zeros(1))
    with pytest.raises(SuiteError, match="student_logits"):
        check_folder(tmp_path)
