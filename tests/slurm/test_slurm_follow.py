"""Submitting and following on a real SLURM: several shells, Ctrl-C, and a scheduler that does not answer."""

from __future__ import annotations

import json
import re
import shutil
import time

from project import bin_with

CHAIN = {"a": {}, "b": {"needs": ["a"]}, "c": {"needs": ["b"]}, "d": {}}
LONG = {"long": {"does": "wait"}, "after": {"needs": ["long"]}}


def test_jobs_are_submitted_at_once_and_followed_to_their_end(project):
    made = project(CHAIN)
    dry = made.shell("claims", "--executor", "slurm", "--dry-run").ends()
    assert "4 to compute" in dry
    assert made.submitted == 0
    text = made.is_done(made.follow())
    assert re.search(r"submitted jobs \d+, \d+, \d+, \d+", text)
    assert not re.search("about .* left", text), "a queue has no pace"


def test_ctrl_c_ends_the_following_alone_and_the_same_command_attaches_again(project):
    made = project(LONG)
    first = made.follow()
    made.started()
    long, after = made.job("long"), made.job("after")
    status = made.status()
    assert f"running, job {long}: long" in status
    assert f"submitted, job {after} (PENDING: Dependency): after" in status
    text = first.interrupt()
    assert first.process.returncode == 130
    assert re.search(rf"jobs {long}, {after} go on: 'python -m suite status [^']*--profile [^']*' shows\s+them", text)
    assert text.endswith(f"suite: following ended; jobs {long}, {after} go on")
    assert made.state(long) == "RUNNING"

    second = made.follow()
    second.says(f"submitted before: jobs {long}, {after}")
    made.go()
    made.is_done(second)


def test_two_followers_share_the_jobs_and_one_may_be_killed(project):
    made = project(LONG)
    one, other, third = made.follow(), made.follow(), made.follow()
    made.started()
    for shell in (one, other, third):
        shell.says("submitted( before:)? jobs")
    third.kill()
    made.go()
    made.is_done(one)
    made.is_done(other)


def test_the_controller_may_be_restarted_while_jobs_are_followed(project, machine):
    made = project(LONG)
    follower = made.follow()
    made.started()
    machine.stop_daemon("slurmctld")
    made.go()
    status = made.status()
    assert "lost" not in status
    assert f"submitted, job {made.job('after')} (squeue: " in status, "nobody can be asked, and that is said"
    machine.start_daemon("slurmctld")
    made.is_done(follower)


def test_squeue_may_fail_for_a_while_with_and_without_saying_so(project, machine):
    made = project(LONG)
    real = shutil.which("squeue")
    script = f"""
case $(cat "{made.folder}/broken" 2>/dev/null) in
  status) echo "slurm_load_jobs error: Socket timed out" >&2; exit 1 ;;
  silent) echo "squeue: error: Invalid user: ghost" >&2; exit 0 ;;
esac
exec {real} "$@"
"""
    path = bin_with(made.folder, "squeue", script)
    follower = made.follow(PATH=path)
    made.started()
    for how, words in (("status", "Socket timed out"), ("silent", "Invalid user")):
        (made.folder / "broken").write_text(how)
        time.sleep(4)  # the follower looks once or twice
        assert words in made.shell("status", PATH=path).ends()
    (made.folder / "broken").unlink()
    made.go()
    made.is_done(follower)


def test_who_follows_under_a_name_that_slurm_does_not_know_follows_all_the_same(project):
    made = project(CHAIN)
    made.is_done(made.follow(LOGNAME="ghost", USER="ghost"))


def test_a_job_that_slurm_has_forgotten_is_waited_for_a_while_and_then_submitted_anew(project):
    made = project(LONG)
    first = made.follow()
    made.started()
    made.machine.ask("scancel", made.job("long"), made.job("after"))
    first.kill()
    made.machine.cancel_all()
    for file in (made.toy.store.root / "jobs").glob("*.json"):  # as if long ago: no log, and no longer listed
        file.write_text(json.dumps(json.loads(file.read_text()) | {"job": "987654", "log": "/nowhere"}))
    assert "submitted, job 987654 (SLURM does not list it): long" in made.status()
    made.go()
    made.is_done(made.follow(), jobs=4, begun={"long": 1})


def test_as_many_jobs_as_the_cluster_takes_are_submitted_and_the_rest_when_it_takes_more(project, machine):
    made = project(CHAIN | {"e": {}, "f": {}})
    real = shutil.which("sbatch")
    path = bin_with(
        made.folder,
        "sbatch",
        f"""
if [ $(squeue --noheader | wc -l) -ge 2 ]; then
  echo "sbatch: error: AssocMaxSubmitJobLimit" >&2
  echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit)" >&2
  exit 1
fi
exec {real} "$@"
""",
    )
    text = made.is_done(made.follow(PATH=path))
    assert "the cluster takes no more jobs for now" in text
    assert "AssocMaxSubmitJobLimit" in text
    logs = made.toy.store.root / "jobs" / "logs"
    left = [path.name for path in logs.iterdir() if not path.is_symlink() and not path.name[0].isdigit()]
    assert not left, "of a refused submission nothing stays"
