"""Threads keep order, draw little ahead, pass errors on, and leave torch's own number of threads alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from suite.measure._workers import Workers


@pytest.fixture(params=[1, 3])
def workers(request):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)  # so that one thread in a worker is not just what it was before
    pool = Workers(request.param)
    yield pool
    pool.close()
    assert torch.get_num_threads() == 2
    assert ThreadPoolExecutor(1).submit(torch.get_num_threads).result() == 2
    torch.set_num_threads(threads)


def test_results_come_in_order_and_without_gradients(workers):
    def task(number):
        assert torch.is_inference_mode_enabled()
        return number**2, torch.get_num_threads()

    results = list(workers.map(task, range(50)))
    assert [square for square, _ in results] == [number**2 for number in range(50)]
    if workers._pool is not None:
        assert {threads for _, threads in results} == {1}


def test_a_single_task_gives_its_result_or_its_error(workers):
    assert workers.call(torch.is_inference_mode_enabled) is True
    with pytest.raises(ZeroDivisionError):
        workers.call(lambda: 1 / 0)


def test_items_are_drawn_only_a_few_ahead(workers):
    drawn = []

    def items():
        for number in range(100):
            drawn.append(number)
            yield number

    results = workers.map(lambda number: number, items())
    assert next(results) == 0
    assert len(drawn) <= 2 * 3 + 1
    assert list(results) == list(range(1, 100))


def test_an_error_in_a_task_reaches_the_caller(workers):
    with pytest.raises(ZeroDivisionError):
        list(workers.map(lambda number: 1 / number, [1, 0, 2]))
    assert list(workers.map(lambda number: number, [4])) == [4]
