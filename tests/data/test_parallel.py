"""Threads that keep the order, report progress and hand errors on."""

import threading
import time

import pytest

from nablagan.data.parallel import in_order


def test_results_come_in_order_and_in_blocks_with_progress():
    calls = []

    def slow_first(item):
        time.sleep(0.01 if item % 4 == 0 else 0)
        return item * item

    blocks = list(in_order(slow_first, range(10), lambda *call: calls.append(call), "squares", 4))
    assert blocks == [[0, 1, 4, 9], [16, 25, 36, 49], [64, 81]]
    assert calls == [(4, 10, "squares"), (8, 10, "squares"), (10, 10, "squares")]


def test_nothing_gives_nothing():
    assert list(in_order(str, [])) == []


def test_progress_is_called_from_the_calling_thread():
    threads = set()
    list(in_order(str, range(5), lambda *_: threads.add(threading.current_thread())))
    assert threads == {threading.current_thread()}


def test_errors_reach_the_caller_and_the_threads_end():
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda item: 1 // item, [1, 0, 2]))
    assert threading.active_count() == before


def test_threads_end_when_the_caller_stops_early():
    before = threading.active_count()
    results = in_order(str, range(10), block_items=2)
    assert next(results) == ["0", "1"]
    results.close()
    assert threading.active_count() == before
