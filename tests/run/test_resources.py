"""What a profile asks of a cluster, what it forgot, and what that will cost."""

from __future__ import annotations

import io
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from fake_studies import ignore, make
from fake_studies.plans import plan_of
from rich.console import Console

import suite
from suite import profile as profiles
from suite.errors import SuiteError
from suite.evidence import memory
from suite.evidence.store import State, Store
from suite.run.costs import Cost, estimate
from suite.run.execute import execute
from suite.run.memory import LIBRARIES, MARGIN, Line, fit, gigabytes, measured
from suite.run.plan import Step
from suite.run.resources import Resources, device_of, resources
from suite.show.listing import print_plan


def profile(**section):
    return profiles.Profile("toy", "proxy", "fake", (0,), sections={"compute": section})


def test_without_a_section_a_job_is_one_process_of_one_node_for_a_day():
    found = resources(profiles.Profile("toy", "proxy", "fake", (0,)), "train")
    assert found == Resources()
    assert found.submission(weight=3.0, device="cpu", threads=2) == {
        "nodes": 1,
        "tasks_per_node": 1,
        "timeout_min": 1440,
        "cpus_per_task": 2,
        "mem_gb": 4,
    }


def test_a_study_says_what_differs_and_what_is_typed_wins():
    made = profile(
        processes=2,
        hours=0.25,
        device="cuda",
        slurm={"partition": "gpu", "mem_gb": 10},
        train={"processes": 8, "slurm": {"mem_gb": 100}},
    )
    assert device_of(made) == "cuda"
    teacher, taught = resources(made, "representation"), resources(made, "train", {"timeout_min": 7})
    assert (teacher.processes, taught.processes, taught.world) == (2, 8, 8)
    assert teacher.parameters == {"partition": "gpu", "mem_gb": 10}
    assert taught.parameters == {"partition": "gpu", "mem_gb": 100, "timeout_min": 7}
    assert teacher.submission(weight=3.0, device="cuda", threads=1) == {
        "nodes": 1,
        "tasks_per_node": 1,
        "timeout_min": 90,
        "gpus_per_node": 2,
        "cpus_per_task": 16,
        "partition": "gpu",
        "mem_gb": 10,
    }
    assert taught.submission(weight=3.0, device="cuda", threads=1)["timeout_min"] == 7
    assert resources(made, "representation").submission(weight=0.001, device="cpu", threads=1)["timeout_min"] == 30, (
        "never less than it takes to start"
    )


def test_memory_is_estimated_unless_somebody_says_it():
    asked = {"weight": 1.0, "device": "cuda", "threads": 1}
    assert Resources(processes=8).submission(**asked)["mem_gb"] == 8 * (4 + 8 + 20)
    assert Resources(processes=2).submission(**{**asked, "device": "cpu"})["mem_gb"] == 8
    for name, value in {"mem_gb": 7, "slurm_mem_per_gpu": "90GB", "slurm_mem_per_cpu": "2GB"}.items():
        found = Resources(processes=8, parameters={name: value}).submission(**asked)
        assert found[name] == value
        assert found.get("mem_gb", value) == value


def test_memory_follows_a_line_through_what_was_measured_and_a_margin():
    line = fit([(1, 1.2e9), (4, 1.8e9), (10, 3.0e9)])
    assert (round(line.base / 1e9, 6), round(line.each / 1e9, 6), round(line.above)) == (1.0, 0.2, 0)
    assert gigabytes(line, 38) == 11, "1.25 times 8.6"
    scattered = fit([(1, 1.0e9), (1, 1.4e9), (5, 2.0e9)])
    assert all(scattered.bytes(n) >= MARGIN * size for n, size in ((1, 1.0e9), (1, 1.4e9), (5, 2.0e9))), "none above"
    assert fit([(4, 2.0e9), (8, 1.0e9)]).each == 0.0, "more cells never need less"
    alone = fit([(6, LIBRARIES + 6e8)])
    assert alone.bytes(12) == pytest.approx(MARGIN * (LIBRARIES + 12e8)), "what grows is taken to grow in proportion"
    assert fit([(3, 1e8)]).each == 0.0
    assert fit([]) is None


def test_a_job_asks_for_what_was_measured_in_place_of_the_estimate():
    line = Line(1e9, 0.5e9, 0.0, 4)
    asked = {"weight": 1.0, "threads": 1, "line": line, "together": 6}
    assert Resources(processes=2).submission(device="cpu", **asked)["mem_gb"] == 2 * 5
    assert Resources(processes=2).submission(device="cuda", **asked)["mem_gb"] == 2 * (5 + 8), (
        "readers are no part of it"
    )
    assert Resources(parameters={"mem_gb": 3}).submission(device="cpu", **asked)["mem_gb"] == 3
    assert Resources().submission(device="cpu", **{**asked, "line": Line(1e6, 0.0, 0.0, 1)})["mem_gb"] == 1


def test_finished_cells_note_their_memory_and_their_company(tmp_path):
    store = Store(tmp_path)
    study = "fake_studies.block"
    cells = [make(name, study=study, group="g") for name in "abc"] + [make("alone", study=study), make("none")]
    assert measured(plan_of(store, *cells).steps) == {}
    for together in (cells[:3], cells[3:4]):
        execute(store, together, device="cpu", report=ignore)
    states = [store.state(cell.key) for cell in cells[:4]]
    assert [state.together for state in states] == [3, 3, 3, 1]
    assert all(10e6 < state.memory < 100e9 for state in states)
    found = measured(plan_of(store, *cells).steps)
    assert found.keys() == {study}
    assert found[study].cells == 4
    assert found[study].bytes(3) >= MARGIN * max(state.memory for state in states)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux forgets a peak")
def test_the_peak_is_of_what_is_computed_now():
    import numpy as np

    before = np.ones(200 * 2**17)  # 200 MiB: more than 32 are always mapped anew and given back when they are freed
    high = memory.peak()
    del before
    memory.begin()
    low = memory.peak()
    held = np.ones(80 * 2**17)
    assert low < high - 50 * 2**20
    assert memory.peak() > low + 50 * 2**20
    assert held.size


@pytest.mark.parametrize("given", [{"timeout_min": 1}, {"timeout_min": 5, "slurm_signal_delay_s": 290}])
def test_a_job_that_would_be_ended_before_it_began_is_refused(given):
    with pytest.raises(SuiteError, match=r"timeout_min = \d: a job is told to end \d+ s before that.* minutes or more"):
        Resources(parameters=given).submission(weight=1.0, device="cpu", threads=1)
    short = Resources(parameters={"timeout_min": 1, "slurm_signal_delay_s": 20})
    assert short.submission(weight=1.0, device="cpu", threads=1)["timeout_min"] == 1


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"proceses": 2}, "[compute]: unknown key 'proceses'"),
        ({"processes": 0}, "[compute]: processes = 0 must be a whole number of at least 1"),
        ({"nodes": True}, "nodes = True must be a whole number"),
        ({"hours": 0}, "hours = 0 must be a number above 0"),
        ({"hours": "3:00"}, "hours = '3:00' must be a number above 0"),
        ({"slurm": "gpu"}, "slurm = 'gpu' must be a section of submitit's parameters"),
        ({"studnet": {"nodes": 2}}, "'studnet' is no study"),
        ({"train": {"nodes": 0}}, "[compute.train]: nodes = 0 must be"),
    ],
)
def test_what_nobody_reads_is_named(section, words):
    with pytest.raises(SuiteError, match=re.escape(words)):
        resources(profile(**section), "train")


# -------------------------------------------------------------------------------------------------- costs


@pytest.fixture
def plan(tmp_path):
    cells = [make("seen", weight=2.0), make("a", weight=3.0), make("b", study="train", weight=4.0)]
    made = plan_of(Store(tmp_path), *cells)
    made.steps[0].run, made.steps[0].state = False, State("done", seconds=3600.0)
    return made


def test_costs_are_measured_or_the_profiles_or_unknown(plan):
    single, student = "fake_studies.single", "train"
    on_cpu = profile()
    assert estimate(plan, on_cpu).costs == (
        Cost(single, 1, 5400.0, 0.0, "measured"),
        Cost(student, 1, None, 0.0, ""),
    )
    assert estimate(plan, on_cpu).seconds is None
    assert estimate(plan, on_cpu).unknown == (student,)
    on_gpus = replace(profile(hours=0.5, train={"processes": 4, "nodes": 2}), device="cuda")
    costs = estimate(plan, on_gpus, workers=None)
    assert costs.costs == (
        Cost(single, 1, 5400.0, 1.5, "measured"),
        Cost(student, 1, 7200.0, 16.0, "from the profile"),
    )
    assert (costs.seconds, costs.gpu_hours) == (12600.0, 17.5)
    assert estimate(plan, on_gpus, workers=2).seconds == 6300.0
    assert estimate(plan, replace(on_cpu, device="cuda")).gpu_hours is None


def test_gpu_hours_are_those_that_were_noted(plan):
    plan.steps[0].state = State("done", seconds=3600.0, gpus=4)
    on_gpus = replace(profile(processes=8), device="cuda")
    found = estimate(plan, on_gpus, workers=None)
    assert found.spent == 4.0
    assert found.costs[0].gpu_hours == 6.0, "as measured on four, whatever the profile asks for now"
    assert estimate(plan, profile()).spent == 4.0
    plan.steps[0].state = State("done", seconds=3600.0)
    assert estimate(plan, on_gpus, workers=None).spent == 8.0, "of cells from before GPUs were noted"


def test_claims_are_listed_from_the_cheapest_to_those_of_unknown_cost(plan):
    seen, a, b = plan.steps
    a.feeds, b.feeds, seen.feeds = {"long.x", "long.y", "short.x"}, {"long.x", "long.y"}, {"done.x"}
    more = Step(make("c", weight=1.0), State("missing"), feeds={"cheap.x"}, run=True)
    plan = replace(plan, steps=(*plan.steps, more))
    found = estimate(plan, replace(profile(hours=0.5, train={"processes": 4}), device="cuda"), workers=None).claims
    assert [(one.claim, one.cells, one.seconds, one.gpu_hours) for one in found] == [
        ("cheap", 1, 1800.0, 0.5),
        ("short", 1, 5400.0, 1.5),
        ("long", 2, 12600.0, 9.5),
    ]
    unknown = estimate(plan, profile(), workers=None).claims
    assert [(one.claim, one.seconds, one.gpu_hours) for one in unknown][-1] == ("long", None, 0.0)


def test_a_dry_run_says_of_each_claim_what_it_costs_by_recorded_rates(plan):
    """A GPU for two hours was noted for a weight of 2: an hour of computing and a GPU-hour a unit."""
    seen, a, b = plan.steps
    seen.state, seen.feeds = State("done", seconds=7200.0, gpus=1), {"done.x"}
    a.feeds, b.feeds = {"long.x"}, {"costly.x"}
    b.cell = make("b", weight=40.0)
    more = Step(make("c", weight=0.5), State("missing"), feeds={"cheap.x", "long.x"}, run=True)
    made = replace(plan, steps=(*plan.steps, more))
    on_gpus = replace(profile(), device="cuda")
    out = io.StringIO()
    print_plan(made, on_gpus, estimate(made, on_gpus, workers=None), Console(file=out, width=200))
    text = out.getvalue()
    lines = [line.strip() for line in text[text.index("the cheapest first") :].splitlines()[1:4]]
    assert [(line.partition(",")[0], line.rpartition(", ")[2]) for line in lines] == [
        ("cheap: 1 cell", "0.5 GPU-hours"),
        ("long: 2 cells", "3.5 GPU-hours"),
        ("costly: 1 cell", "40 GPU-hours"),
    ]
    assert "GPU-hours spent on what is there: 2" in text
    assert "(measured)" in text


def test_the_example_of_the_readme_is_one():
    text = (Path(suite.__file__).parents[1] / "ci" / "README.md").read_text()
    (example,) = re.findall(r"^```toml\n(\[compute\].*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    made = profile(**tomllib.loads(example)["compute"])
    assert device_of(made) == "cuda"
    asked = resources(made, "train")
    assert (asked.world, asked.hours, asked.parameters) == (16, 1.5, {"partition": "gpu"})


def test_a_training_that_diverged_is_listed_with_what_looks_at_it(plan):
    seen, a, _ = plan.steps
    seen.state = State("failed", "Diverged: the loss is not finite at step 3 (loss nan)")
    a.state = State("failed", "KeyError: 'gone'")
    out = io.StringIO()
    print_plan(plan, profile(), estimate(plan, profile()), Console(file=out, width=200), failures=True)
    lines = [line for line in out.getvalue().splitlines() if line.startswith("failed: ")]
    assert lines[0].endswith(f"; 'python -m suite replay {seen.cell.key}' takes that step again")
    assert lines[1].endswith("KeyError: 'gone'")
