"""The table of methods is the one in the README, and the README's example is a method like any other."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from baselines import METHODS, _catalogue

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "baselines/README.md").read_text()


def between(first, last):
    return README.partition(first)[2].partition(last)[0].strip()


def test_the_readmes_table_is_current():
    assert between("<!-- methods:begin -->", "<!-- methods:end -->") == _catalogue.markdown(), (
        "print it anew: python -m baselines"
    )


def test_every_method_is_in_the_table_once_and_its_parameters_are_counted():
    found = {entry.name: entry for entry in _catalogue.entries()}
    assert found.keys() == METHODS.keys()
    assert found["projector_kd"].parameters == 192 * 384 + 384
    assert found["projector_kd_released"].parameters == 0
    assert found["vkd"].parameters == 192 * 384
    assert found["soft_kd"].parameters == found["tinymim"].parameters == 0
    assert found["vitkd"].parameters == 2_877_696  # as in the released module


def test_the_readmes_example_is_a_method_that_conforms(tmp_path):
    """Copied as one file into a copy of the package, it is found and passes every test of conformance."""
    code = re.search(r"<!-- example:begin (\w+\.py) -->\n```python\n(.*?)```", README, flags=re.DOTALL)
    shutil.copytree(ROOT / "baselines", tmp_path / "baselines", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "baselines" / code[1]).write_text(code[2])
    for name in ("baseline_nets", "test_conformance"):
        shutil.copy(ROOT / f"tests/baselines/{name}.py", tmp_path)
    name = code[1].removesuffix(".py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "test_conformance.py", "-q", "-k", name, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    per_method = len(re.findall(r"^@every_method", (tmp_path / "test_conformance.py").read_text(), flags=re.MULTILINE))
    assert passed >= per_method
