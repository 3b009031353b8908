"""Threads that each compute on one core.

A stream has many small, independent tasks (one per layer, one per image). Running them side by side, each on one core,
beats running one after the other with each kernel split over all cores. Results come in order and do not depend on the
number of threads.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """A fixed number of such threads; with one, tasks run in the caller's thread."""

    def __init__(self, count: int) -> None:
        """Start the threads.

        Args:
            count: threads, at least 1.
        """
        self._count = count
        self._pool = ThreadPoolExecutor(count) if count > 1 else None
        if self._pool is not None:
            threads = torch.get_num_threads()
            together = threading.Barrier(count)
            list(self._pool.map(lambda _: _one_core(together), range(count)))
            # torch keeps the number per thread, but also remembers the last one set for threads still to come.
            torch.set_num_threads(threads)

    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Run a task on every item, drawing only a few items ahead.

        Args:
            task: called without gradient recording, in any thread.
            items: drawn in the caller's thread.

        Yields:
            The results, in the order of the items.
        """
        if self._pool is None:
            yield from (_without_gradient(task, item) for item in items)
            return
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(self._pool.submit(_without_gradient, task, item))
                if len(waiting) > 2 * self._count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def call(self, task: Callable[[], Result]) -> Result:
        """Run one task on one core: an eigenproblem split over busy cores can take a hundred times as long.

        Args:
            task: called without gradient recording.

        Returns:
            Its result.
        """
        (result,) = self.map(lambda _: task(), (None,))
        return result

    def close(self) -> None:
        """Stop the threads once their tasks are done."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _one_core(together: threading.Barrier) -> None:
    torch.get_num_threads()  # a thread's first look at the number would overwrite what is set before it
    torch.set_num_threads(1)
    together.wait()  # no thread may take two of these calls


def _without_gradient(task: Callable[[Item], Result], item: Item) -> Result:
    with torch.inference_mode():
        return task(item)
