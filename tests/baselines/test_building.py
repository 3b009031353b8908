"""Finding and building methods, and what is said when that cannot be done."""

import ast
import sys
from pathlib import Path

import pytest
import torch
from baseline_nets import STUDENT, TEACHER, both, network, seeded

import baselines
from baselines import METHODS, Outputs, build, registry, total

NEW_METHOD = '''
"""A baseline in one file."""

from baselines.protocol import Method


class Mine(Method):
    """Its loss is one."""

    name = "mine"
    title = "mine"
    source = "here"

    def terms(self, step):
        return {"one": step.student.logits.sum() * 0 + 1}
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that counts as part of the package for one test."""
    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(tmp_path)])
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"baselines.{path.stem}", None)
        vars(baselines).pop(path.stem, None)


def test_one_new_file_is_a_new_method(folder):
    (folder / "mine.py").write_text(NEW_METHOD)
    found = registry._discover()
    assert found.keys() - METHODS.keys() == {"mine"}
    method = found["mine"](STUDENT, TEACHER, found["mine"].options_type(), seeded())
    assert method(*both(method.taps), generator=seeded())["one"] == 1


def test_private_files_are_not_methods(folder):
    (folder / "_mine.py").write_text(NEW_METHOD)
    assert registry._discover().keys() == METHODS.keys()


def test_a_name_belongs_to_one_method(folder):
    (folder / "impostor.py").write_text(NEW_METHOD.replace('"mine"', '"soft_kd"'))
    with pytest.raises(ValueError, match="two methods are named 'soft_kd'"):
        registry._discover()


def imported(path):
    """Roots of what a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


@pytest.mark.parametrize(("where", "more"), [("*.py", set()), ("students/*.py", {"timm"})])
def test_only_torch_is_imported_and_timm_by_students_alone(where, more):
    """timm takes seconds to import; a loss must not cost them."""
    paths = sorted(Path(baselines.__file__).parent.glob(where))
    assert paths
    allowed = {"torch", "baselines"} | more | sys.stdlib_module_names
    assert {path.name: sorted(set(imported(path)) - allowed) for path in paths} == {p.name: [] for p in paths}


def made(name="spectral_kd", *, student=STUDENT, teacher=TEACHER, **options):
    return build(name, student=student, teacher=teacher, options=options, generator=seeded())


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match="choose from attention_rows, attention_transfer"):
        made("spectral")
    with pytest.raises(ValueError, match="spectral_kd has no option beta: choose from label_smoothing"):
        made(beta=1.0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("none", {"label_smoothing": 1.0}),
        ("none", {"label_smoothing": float("nan")}),
        ("soft_kd", {"alpha": 1.5}),
        ("soft_kd", {"temperature": 0.0}),
        ("deit_hard", {"alpha": -0.1}),
        ("spectral_kd", {"weight": -1.0}),
        ("fitnet_two_stage", {"hint_share": 0.0}),
        ("fitnet_two_stage", {"hint_share": 1.0}),
        ("vitkd", {"mask_ratio": 1.0}),
        ("vitkd", {"mimic_weight": 0.0}),
        ("vitkd", {"generation_weight": 0.0}),
        ("vitkd", {"form": "median"}),
        ("manifold_kd", {"sample_weight": -1.0}),
        ("manifold_kd", {"rows": 0}),
    ],
)
def test_values_out_of_range_are_named(name, options):
    (option,) = options
    with pytest.raises(ValueError, match=f"{name}: {option} is .*: give a value"):
        made(name, **options)


def test_layers_count_from_either_end():
    taps = made(student_layers=[0, -8, -1], teacher_layers=[9, -10, -1]).taps
    assert taps.student == (0, 0, 7)
    assert taps.teacher == (9, 0, 9)


@pytest.mark.parametrize("layer", [8, -9])
def test_layers_that_are_not_there(layer):
    with pytest.raises(ValueError, match=f"student layer {layer} is not in a network of 8 layers: choose from 0 to 7"):
        made(student_layers=[layer], teacher_layers=[0])


def test_layers_must_pair_up():
    with pytest.raises(ValueError, match="2 student layers cannot be paired with 1"):
        made(student_layers=[0, 1], teacher_layers=[0])
    with pytest.raises(ValueError, match="at least one"):
        made(student_layers=[], teacher_layers=[])


def test_published_layers_need_the_published_depth():
    published = METHODS["spectral_kd"].published
    with pytest.raises(ValueError, match="student layer 8 is not in a network of 8 layers"):
        made(**published, teacher=network(depth=24, channels=24))
    made(**published, student=network(depth=12, channels=12), teacher=network(depth=24, channels=24))


def test_outputs_are_raised_and_cut_as_asked():
    half = torch.ones(2, 3, dtype=torch.bfloat16, requires_grad=True)
    double = torch.ones(2, 3, 1, 1, dtype=torch.float64, requires_grad=True)
    given = Outputs(half, maps={4: double}, final=half, distillation_logits=half)
    kept = given.for_loss()
    assert kept.logits.dtype == kept.final.dtype == kept.distillation_logits.dtype == torch.float32
    assert kept.maps[4] is double
    assert kept.logits.requires_grad
    cut = given.for_loss(detach=True)
    assert not any(x.requires_grad for x in (cut.logits, cut.maps[4], cut.final, cut.distillation_logits))


def test_the_loss_is_the_sum_of_the_terms():
    assert total({"a": torch.tensor(1.5), "b": torch.tensor(2.25)}) == 3.75
