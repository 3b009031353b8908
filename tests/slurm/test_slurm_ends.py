"""How jobs end on a real SLURM, and which of these ends are none: cancelled, out of time, preempted, requeued..."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from project import wait_for

LONG = {"long": {"does": "wait"}, "after": {"needs": ["long"]}}
TRAINING = {"train": {"does": "steps", "steps": 24, "pause": 0.5}, "after": {"needs": ["train"]}}


def every_step_once(made, lives):
    """Nothing was lost, and of every interrupted life at most the step that was under way."""
    steps = made.steps
    assert sorted(steps) == list(range(max(steps) + 1))
    assert sum(steps.values()) - len(steps) <= lives - 1, steps


def began(made, steps):
    wait_for(lambda: len(made.steps) >= steps, lambda: f"it trains; {made.queue()}")


def test_a_cancelled_job_is_lost_with_its_reason_and_the_same_command_resumes(project, machine):
    made = project(LONG)
    follower = made.follow()
    made.started()
    job = made.job("long")
    machine.ask("scancel", job)
    text = follower.ends()
    assert follower.process.returncode == 1
    found = re.search(rf"lost: long: job {job} ended without a result \((.*?)\); (\S+) tells more; run again", text)
    assert found, text
    assert found.group(1).startswith("CANCELLED: ")
    assert "CANCELLED AT" in Path(found.group(2)).read_text()
    assert "blocked: after" in text
    assert f"lost, job {job} (" in made.status()
    made.go()
    made.is_done(made.follow(), jobs=4, begun={"long": 1})


def test_a_job_that_needs_more_memory_than_it_asked_for_says_so(project):
    made = project({"big": {"does": "take memory", "megabytes": 700}})
    text = made.follow("--slurm", "mem_gb=0.3").ends()
    assert re.search(r"lost: big: job \d+ ended without a result \(.*[Mm]emory.*\)", text), text
    assert re.search(r"lost, job \d+ \(.*[Mm]emory.*\): big", made.status())


def test_a_job_that_runs_out_of_time_is_requeued_and_goes_on(project):
    made = project({"train": {"does": "steps", "steps": 30, "pause": 1.0}})
    follower = made.follow("--slurm", "timeout_min=1", "--slurm", "slurm_signal_delay_s=20")
    text = follower.ends()
    lives = made.computed["train"]
    assert lives > 1, text
    every_step_once(made, lives)
    made.is_done(follower, begun={"train": lives - 1})


def test_a_requeued_job_goes_on(project, machine):
    made = project(TRAINING)
    follower = made.follow()
    began(made, 4)
    job = made.job("train")
    assert machine.ask("scontrol", "requeue", job).returncode == 0
    wait_for(lambda: made.state(job) == "PENDING", "it is in the queue again")
    assert re.search(rf"(submitted|running), job {job}", made.status())
    made.is_done(follower, begun={"train": 1})
    every_step_once(made, 2)


def test_a_preempted_job_comes_back(project, machine):
    made = project(TRAINING)
    follower = made.follow()
    began(made, 4)
    machine.ask("sbatch", "--partition=urgent", "--exclusive", "--time=1", "--output=/dev/null", "--wrap=sleep 3")
    wait_for(lambda: made.state(made.job("train")) == "PENDING", "it is preempted")
    made.is_done(follower, begun={"train": 1})
    every_step_once(made, 2)


def test_several_processes_use_their_grace_time_and_come_back(project, machine):
    made = project(TRAINING | {"train": {"does": "steps", "steps": 100, "pause": 0.5}}, "[compute]\nprocesses = 2\n")
    follower = made.follow("--slurm", "partition=graceful")
    began(made, 2)
    machine.ask("sbatch", "--partition=urgent", "--exclusive", "--time=1", "--output=/dev/null", "--wrap=sleep 1")
    before = len(made.steps)
    wait_for(lambda: len(made.steps) > before + 10, "it trains on while it may")
    wait_for(lambda: made.state(made.job("train")) == "PENDING", "it is preempted")
    made.is_done(follower, begun={"train": 1})
    every_step_once(made, 2)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_job_told_to_go_ends_its_processes_and_is_requeued(project, machine, processes):
    made = project(TRAINING, f"[compute]\nprocesses = {processes}\n")
    follower = made.follow()
    began(made, 4)
    machine.ask("scancel", "--signal=USR2", made.job("train"))  # what SLURM does ahead of the time limit
    wait_for(lambda: made.state(made.job("train")) == "PENDING", "it asked to be requeued")
    made.is_done(follower, begun={"train": 1})
    every_step_once(made, 2)


def test_jobs_wait_for_a_drained_node_and_say_so(project, machine):
    made = project(LONG)
    machine.ask("scontrol", "update", "NodeName=localhost", "State=DRAIN", "Reason=test")
    follower = made.follow()
    made.job("after")
    wait_for(lambda: re.search(rf"job {made.job('long')} \(PENDING: \w+.*\): long", made.status()), "a reason is shown")
    machine.ask("scontrol", "update", "NodeName=localhost", "State=RESUME")
    made.go()
    made.is_done(follower)


def test_jobs_of_a_node_that_goes_down_are_requeued(project, machine):
    made = project(TRAINING)
    follower = made.follow()
    began(made, 4)
    machine.stop_daemon("slurmd")
    machine.ask("scontrol", "update", "NodeName=localhost", "State=DOWN", "Reason=test")
    made.power_off()
    wait_for(lambda: made.state(made.job("train")) == "PENDING", "it is in the queue again")
    machine.mend()
    made.is_done(follower, begun={"train": 1})
    every_step_once(made, 2)


def test_what_can_never_start_is_said_with_slurms_reason_and_what_to_do(project, machine):
    made = project(LONG)
    failing = machine.ask("sbatch", "--parsable", "--output=/dev/null", "--wrap=exit 1").stdout.strip()
    follower = made.follow("--slurm", f"slurm_dependency=afterok:{failing}")
    follower.says(rf"job {made.job('long')} waits for DependencyNeverSatisfied: a job that it must follow failed")
    assert f"job {made.job('long')} (PENDING: DependencyNeverSatisfied): long" in made.status()
    follower.interrupt()
    machine.cancel_all()


def test_a_partition_that_gives_less_time_is_named_as_the_reason(project):
    made = project(LONG)
    follower = made.follow("--slurm", "partition=short")
    follower.says(r"waits for PartitionTimeLimit: it asks for more time than its partition gives: --slurm timeout_min=")
    follower.interrupt()
    made.machine.cancel_all()
    made.go()
    made.is_done(made.follow("--slurm", "partition=short", "--slurm", "timeout_min=9"), jobs=4)


def test_a_dependent_left_in_the_queue_waits_for_the_need_that_is_computed_anew(project, machine):
    made = project(LONG)
    first = made.follow()
    made.started()
    need, after = made.job("long"), made.job("after")
    machine.ask("scontrol", "hold", after)
    first.kill()
    machine.ask("scancel", need)
    wait_for(lambda: made.state(need) == "CANCELLED", "the need is gone")
    second = made.follow()
    second.says(rf"submitted before: job {after}")
    second.says(r"submitted job \d+")
    machine.ask("scontrol", "release", after)  # it starts without its need, and ends
    second.says(rf"after: job {after} ended without a result .*: it is submitted anew")
    made.go()
    text = second.ends()
    assert set(made.toy.words().values()) == {"done"}, text
    assert made.computed == {"long": 2, "after": 1}
    assert made.submitted == 4
