"""Blocks are each worked on once, on single-threaded workers."""

from __future__ import annotations

import threading

import pytest
import torch

from hetgraph.models.rphgnn.workers import run_blocks


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_block_is_drawn_once(threads):
    seen: list[tuple[int, int]] = []
    run_blocks(lambda blocks: seen.extend(blocks), [(i, i + 1) for i in range(100)])
    assert sorted(seen) == [(i, i + 1) for i in range(100)]
    assert torch.get_num_threads() == threads


def test_workers_do_not_spread_their_operations(threads):
    counts = []

    def work(blocks):
        counts.append(torch.get_num_threads())
        list(blocks)

    run_blocks(work, [(i, i + 1) for i in range(10)])
    assert counts == [1] * threads
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [threads]


def test_errors_reach_the_caller(threads):
    def work(blocks):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_blocks(work, [(0, 1), (1, 2), (2, 3)])


def test_no_blocks_is_fine(threads):
    run_blocks(lambda blocks: None, [])
