"""A real SLURM of one machine, for tests: munged, slurmctld and slurmd, on loopback, started and stopped by pid.

    python ci/slurm/machine.py start FOLDER     # then: export SLURM_CONF=FOLDER/slurm.conf
    python ci/slurm/machine.py stop FOLDER

Needs Debian's packages ``slurm-wlm`` and ``munge``, and no systemd, cgroups or database. Everything that the daemons
write lies in FOLDER.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from string import Template

DAEMONS = ("munged", "slurmctld", "slurmd")  # in the order in which they start
CLIENTS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo", "srun")
CONFIGURATION = "slurm.conf"
NODE = "localhost"
CPUS, MEMORY = 8, 16_000  # cores and MB that jobs are told of
_PATIENCE = 60.0  # seconds for a daemon to start, to answer, or to end
_PAUSE = 0.1  # seconds
_SBIN = "/usr/sbin"  # not on everybody's PATH


class Failed(RuntimeError):
    """A daemon does not start or does not end."""


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in (*DAEMONS, *CLIENTS) if _program(name) is None]


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=_SBIN)


class Machine:
    """The daemons of one folder, and commands to them."""

    def __init__(self, root: Path) -> None:
        """Nothing is started; ``root`` should be short, for it names a socket."""
        self.root = root.resolve()
        self.configuration = self.root / CONFIGURATION
        self._children: dict[str, subprocess.Popen[bytes]] = {}  # those that this process started

    @property
    def environment(self) -> dict[str, str]:
        """This process's, by which clients find this cluster."""
        return os.environ | {"SLURM_CONF": str(self.configuration)}

    def start(self) -> None:
        """Start all daemons and wait until the node takes jobs.

        Raises:
            Failed: one of them does not come up; its log is named.
        """
        for folder in ("state", "spool"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)  # munge refuses a socket that others can replace, and one that they cannot reach
        self._configure()
        for name in DAEMONS:
            self.start_daemon(name)
        self.wait_for_node("idle")

    def _configure(self) -> None:
        key = self.root / "munge.key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(os.urandom(1024))
        controller, node = _free_ports(2)
        text = Template((Path(__file__).parent / CONFIGURATION).read_text(encoding="utf-8"))
        filled = text.substitute(
            root=self.root,
            cluster="onemachine",
            user=pwd.getpwuid(os.getuid()).pw_name,
            hostname=socket.gethostname().split(".")[0],
            node=NODE,
            cpus=CPUS,
            memory=MEMORY,
            controller_port=controller,
            node_port=node,
        )
        self.configuration.write_text(filled, encoding="utf-8")

    def start_daemon(self, name: str) -> None:
        """Start one daemon as a process of its own, and note its number."""
        arguments = {
            "munged": [
                "--foreground",
                "--force",
                *(f"--{kind}={self.root}/munge.{end}" for kind, end in (("key-file", "key"), ("socket", "socket"))),
                f"--pid-file={self.root}/munge.own.pid",
                f"--log-file={self.root}/munge.log",
                f"--seed-file={self.root}/munge.seed",
            ],
            "slurmctld": ["-D", "-f", str(self.configuration)],
            "slurmd": ["-D", "-f", str(self.configuration), "-N", NODE],
        }[name]
        program = _program(name)
        if program is None:
            raise Failed(f"there is no {name} here: apt-get install slurm-wlm munge")
        with (self.root / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(
                [program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.environment,
                start_new_session=True,
            )
        self._children[name] = process
        self._note(name).write_text(str(process.pid), encoding="utf-8")
        self._wait(lambda: self._answers(name), f"{name} does not answer", process)

    def _answers(self, name: str) -> bool:
        if name == "munged":
            return (self.root / "munge.socket").exists()
        return name == "slurmd" or self.ask("scontrol", "ping").returncode == 0

    def stop_daemon(self, name: str) -> None:
        """End one daemon and wait until it has."""
        note = self._note(name)
        if not note.exists():
            return
        pid = int(note.read_text(encoding="utf-8"))
        if _is(pid, name):
            os.kill(pid, signal.SIGTERM)
        if (child := self._children.pop(name, None)) is not None:
            child.wait(_PATIENCE)
        self._wait(lambda: not _is(pid, name), f"{name} does not end")
        note.unlink()

    def stop(self) -> None:
        """Cancel all jobs and end what was started here."""
        with suppress(Failed):
            if self._note("slurmctld").exists():
                self.cancel_all()
        for name in reversed(DAEMONS):
            self.stop_daemon(name)

    def cancel_all(self) -> None:
        """Cancel every job and wait until none is left, pending, running or ending."""
        self.ask("scancel", "--user", pwd.getpwuid(os.getuid()).pw_name)
        self._wait(lambda: not self.ask("squeue", "--noheader").stdout.strip(), "jobs do not end")

    def mend(self) -> None:
        """Start the daemons that do not run, and have the node take jobs again."""
        for name in DAEMONS:
            note = self._note(name)
            if not note.exists() or not _is(int(note.read_text(encoding="utf-8")), name):
                self.start_daemon(name)
        if self.node().startswith(("down", "drain")):
            self.ask("scontrol", "update", f"NodeName={NODE}", "State=RESUME")

    def ask(self, *command: str, within: float = _PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run a client of this cluster; what it printed and its exit status."""
        return subprocess.run(
            command, capture_output=True, text=True, env=self.environment, check=False, timeout=within
        )

    def wait_for_node(self, state: str) -> None:
        """Wait until the node is ``idle``, ``drained``, ``down``..."""
        self._wait(lambda: self.node().startswith(state), f"the node does not become {state}")

    def node(self) -> str:
        """The node's state."""
        return self.ask("sinfo", "--noheader", "--partition", "debug", "--format=%T").stdout.strip()

    def _note(self, name: str) -> Path:
        return self.root / f"{name}.pid"

    def _wait(self, happened, trouble: str, process: subprocess.Popen[bytes] | None = None) -> None:  # noqa: ANN001
        deadline = time.monotonic() + _PATIENCE
        while not happened():
            ended = process is not None and process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise Failed(f"{trouble}: see the logs in {self.root}")
            time.sleep(_PAUSE)


def _is(pid: int, name: str) -> bool:
    """Whether the process lives and still is the daemon of that name."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == name
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def main(arguments: list[str]) -> int:
    """``start FOLDER`` or ``stop FOLDER``."""
    if len(arguments) != 2 or arguments[0] not in ("start", "stop"):
        print(__doc__, file=sys.stderr)
        return 2
    machine = Machine(Path(arguments[1]))
    try:
        machine.start() if arguments[0] == "start" else machine.stop()
    except Failed as reason:
        print(reason, file=sys.stderr)
        return 1
    if arguments[0] == "start":
        print(f"export SLURM_CONF={machine.configuration}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
