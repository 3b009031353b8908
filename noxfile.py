"""Sessions: ``nox -s claims`` verifies the findings, ``nox -s tests`` passes the tests; ``nox -l`` lists all.

Options after ``--`` go to the program: ``nox -s claims -- -k u_shape --dry-run``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "lint"]

CONSTRAINTS = Path("ci/constraints.txt").resolve()
TESTS = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test")
BROWSER = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "browser")
LINT = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint")
# pytest-benchmark measures nothing beside other tests; it has a session of its own.
PARALLEL = ("-n", "auto", "--dist", "worksteal", "-p", "no:benchmark", "--ignore=tests/bench")
# One thread a process: results must not depend on how many cores there are.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}

ANYWHERE = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])  # daemons are not on everybody's PATH


def install(session: nox.Session, *more: str, extras: str = "mlflow,figures") -> None:
    """Install the project as it lies here, at the tested versions."""
    session.install("-e", f".[{extras}]", *more, "-c", str(CONSTRAINTS))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, on every core."""
    install(session, *TESTS)
    session.run("python", "-m", "pytest", *PARALLEL, *(session.posargs or ["tests"]), env=QUIET)


@nox.session
def coverage(session: nox.Session) -> None:
    """Hold the tests of the judge to every branch of it."""
    install(session, *TESTS)
    session.run("coverage", "run", "-m", "pytest", "tests/judge", "-p", "no:benchmark", *session.posargs, env=QUIET)
    session.run("coverage", "report")


@nox.session
def claims(session: nox.Session) -> None:
    """Compute what is missing, judge all claims, show the verdicts (options: python -m suite claims --help)."""
    install(session)
    session.run("python", "-m", "suite", "claims", *session.posargs, env=QUIET)


@nox.session
def judge(session: nox.Session) -> None:
    """Judge existing evidence only; computes nothing."""
    install(session, *TESTS)
    session.run("python", "-m", "pytest", "claims", *session.posargs, env=QUIET)


@nox.session
def smoke(session: nox.Session) -> None:
    """Run every claim's code path on tiny networks."""
    install(session)
    folder = Path(session.create_tmp()) / "evidence"
    session.run(
        "python", "-m", "suite", "claims", "--profile", "smoke", "--evidence", str(folder), *session.posargs, env=QUIET
    )


@nox.session
def report(session: nox.Session) -> None:
    """Write the report page from existing evidence."""
    install(session)
    session.run("python", "-m", "suite", "report", *session.posargs, env=QUIET)


@nox.session
def site(session: nox.Session) -> None:
    """Compute and judge the desk, and publish it to the folder "site" (options: python -m suite publish --help)."""
    install(session)
    judged = (0, 1)  # a verdict that departs on this machine is what a reader of the page must see
    session.run("python", "-m", "suite", "claims", "--no-sync", env=QUIET, success_codes=judged)
    session.run("python", "-m", "suite", "publish", "site", *session.posargs, env=QUIET)


@nox.session
def ui(session: nox.Session) -> None:
    """Start the MLflow UI on the evidence."""
    install(session)
    session.run("python", "-m", "suite", "ui", *session.posargs, env=QUIET)


@nox.session
def browser(session: nox.Session) -> None:
    """Try the report page and the MLflow UI in Debian's Chromium; screenshots go to --screenshots DIR."""
    install(session, *TESTS, *BROWSER)
    folder = Path(session.create_tmp()) / "screenshots"
    asked = [] if any(word.startswith("--screenshots") for word in session.posargs) else ["--screenshots", str(folder)]
    quiet = ("-p", "no:benchmark", "--run-browser")
    session.run("python", "-m", "pytest", "tests/browser", *quiet, *asked, *session.posargs, env=QUIET)
    if asked:
        session.log(f"screenshots are in {folder}")


@nox.session
def slurm(session: nox.Session) -> None:
    """Start a SLURM of this machine, play on it what clusters do, and stop it."""
    lacking = [name for name in ("slurmctld", "slurmd", "munged") if not shutil.which(name, path=ANYWHERE)]
    if lacking:
        session.skip(f"no {', '.join(lacking)} here: apt-get install slurm-wlm munge")
    install(session, *TESTS)
    quiet = ("-p", "no:benchmark", "--run-slurm", "-n", "4", "--dist", "worksteal")  # a SLURM each: they mostly wait
    session.run("python", "-m", "pytest", "tests/slurm", *quiet, *session.posargs, env=QUIET)


@nox.session
def gpu(session: nox.Session) -> None:
    """Hold a GPU to the CPU and measure its speed; a dated file of it goes to --gpu-evidence DIR."""
    install(session, *TESTS)
    seen = session.run("python", "-c", "import torch; print(torch.cuda.is_available())", silent=True)
    if str(seen).strip() != "True":
        session.skip("torch sees no CUDA device here: python -m suite claims --device cuda says why")
    given = any(word.startswith("--gpu-evidence") for word in session.posargs)
    asked = () if given else ("--gpu-evidence", "evidence/gpu")
    session.run("python", "-m", "pytest", "tests/gpu", "-p", "no:benchmark", *asked, *session.posargs, env=QUIET)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed, as ratios within one run."""
    install(session, *TESTS)
    session.run("python", "-m", "pytest", "tests/bench", "--benchmark-only", "--run-bench", *session.posargs, env=QUIET)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types."""
    install(session, *LINT, *TESTS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests at the lowest versions that pyproject.toml allows."""
    session.install("-e", ".[mlflow,figures]", *TESTS, "--resolution=lowest-direct")
    session.run("python", "-m", "pytest", *PARALLEL, *(session.posargs or ["tests"]), env=QUIET)
