"""The processes of one training: those that torchrun (or a cluster) started together, or this one alone.

Gradients are summed by one flat all-reduce per student and step, not by a DistributedDataParallel wrapper: the
networks are called through several of their methods, which would bypass a wrapper's hooks and leave gradients
unsynchronised; a method's own parameters are summed with the student's; a step of several slices needs no
``no_sync``; K students need no K wrappers. What is lost is the overlap of communication with the backward pass:
23 MB a step for a DeiT-Tiny.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed as dist
from torch.distributed import PrefixStore, rendezvous  # type: ignore[attr-defined]

from suite.errors import LostProcess, SuiteError, one_line
from suite.together import started_together
from suite.train.watch import Watch, patience

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

ENVIRONMENT = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_asked = count()
GRACE = timedelta(seconds=60)  # for the others to report, once one process failed


@dataclass(frozen=True)
class Processes:
    """All processes of one training, as one of them sees them.

    Attributes:
        rank: this one's number.
        count: how many there are.
        store: small shared texts, beside all collectives.
        watch: ends this process if it waits too long in a collective.
    """

    rank: int = 0
    count: int = 1
    store: Any = None
    watch: Watch | None = None

    @property
    def leader(self) -> bool:
        """Whether this one reads and writes evidence."""
        return self.rank == 0

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one type by their sums over all processes, in place, in one message.

        Raises:
            LostProcess: another process is gone.
        """
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with self._listening("all_reduce"):
            dist.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def from_leader(self, value: Any = None) -> Any:
        """The leader's value, everywhere."""
        if self.count == 1:
            return value
        box = [value]
        with self._listening("broadcast"):
            dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, by rank."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        with self._listening("all_gather"):
            dist.all_gather_object(found, value)
        return found

    def require_equal(self, tensors: Iterator[Tensor], what: str) -> None:
        """Check that all processes hold the same numbers.

        Raises:
            SuiteError: they do not; training on would mix different networks.
        """
        if self.count == 1:
            return
        sums = [(float(t.detach().double().sum()), float(t.detach().double().abs().sum())) for t in tensors]
        if len({json.dumps(found) for found in self.gather(sums)}) > 1:
            raise SuiteError(
                f"{what} differ between processes: are code, libraries and hardware the same on all nodes?"
            )

    @contextmanager
    def _listening(self, what: str) -> Iterator[None]:
        """Turn what a collective raises into one clear line, for it is never a fault of what is computed; end hangs."""
        try:
            with self.watch.waiting(what) if self.watch is not None else nullcontext():
                yield
        except RuntimeError as fault:
            first = str(fault).strip().splitlines()[0]
            raise LostProcess(
                f"another process of this job is gone ({first}): start the job again to resume"
            ) from fault

    def agree(self, topic: str, said: str, *, wait: timedelta | None = None) -> list[str]:
        """Tell the others how it went here, and hear how it went there.

        Texts go through the store, not through a collective, so that a process that failed can still speak while
        the others wait for its gradients.

        Args:
            topic: what it is about; asked by all processes in the same order.
            said: this process's text.
            wait: how long the others may take; without limit if None.

        Raises:
            LostProcess: one of them did not answer in time.
        """
        if self.count == 1:
            return [said]
        place = f"{next(_asked)}/{topic}"
        self.store.set(f"{place}/{self.rank}", said)
        keys = [f"{place}/{rank}" for rank in range(self.count)]
        try:
            self.store.wait(keys, wait or timedelta(days=365))
        except (RuntimeError, ValueError) as fault:
            raise LostProcess(
                f"process {self.rank} failed alone ({said}): the job ends; start it again to resume"
            ) from fault
        return [self.store.get(key).decode() for key in keys]


@cache
def processes() -> Processes:
    """The processes started together with this one; connects them when first asked.

    Raises:
        SuiteError: the environment is incomplete, a GPU is missing, or the processes cannot reach one another.
    """
    if not started_together():
        return Processes()
    missing = [name for name in ENVIRONMENT if name not in os.environ]
    if missing:
        raise SuiteError(f"WORLD_SIZE is set but not {', '.join(missing)}: start with torchrun")
    store, rank, count = next(iter(rendezvous("env://")))
    on_this_node = int(os.environ.get("LOCAL_WORLD_SIZE", count))
    backend = "gloo"
    if torch.cuda.is_available():
        _require_gpus(on_this_node, torch.cuda.device_count())
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", rank)))
        backend = "cpu:gloo,cuda:nccl"
    longest = timedelta(seconds=2 * patience())  # the watch ends it before
    try:
        dist.init_process_group(
            backend, store=PrefixStore("collectives", store), rank=rank, world_size=count, timeout=longest
        )
    except (RuntimeError, ValueError) as fault:
        raise SuiteError(
            f"the {count} processes cannot reach one another ({one_line(fault)}){_interface(count > on_this_node)}"
        ) from fault
    watch = Watch(PrefixStore("watch", store.clone()), rank, count)
    return Processes(rank, count, PrefixStore("suite", store), watch)


def _require_gpus(processes_here: int, gpus_here: int) -> None:
    """Check that every process of this node has a GPU of its own: two on one would wait for each other for ever."""
    if processes_here > gpus_here:
        raise SuiteError(
            f"{processes_here} processes were started on this node, which has {gpus_here} GPUs for them: start as many "
            "as GPUs (--nproc-per-node), or ask the cluster for more"
        )


def _interface(several_nodes: bool) -> str:
    """What to try where nodes cannot reach one another: gloo listens where the host's name leads to."""
    if not several_nodes or "GLOO_SOCKET_IFNAME" in os.environ:
        return ""
    return (
        ": where a host's name leads to its loopback interface, name the network's in GLOO_SOCKET_IFNAME and "
        "NCCL_SOCKET_IFNAME ('ip -brief address' lists them)"
    )
