"""Independent pieces of work on one thread each, instead of every operation on all threads.

A training step of this model is hundreds of short operations on blocks that fit the cache. Spread
over threads one by one, they wait for each other several thousand times a second, and on a busy
machine each wait lasts until the slower thread is scheduled again (measured: up to 20 times the
CPU time). Whole blocks on one thread each wait once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["run_blocks"]

Block = tuple[int, int]

_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_lock = threading.Lock()


def run_blocks(work: Callable[[Iterable[Block]], None], blocks: Iterable[Block]) -> None:
    """Calls ``work`` in as many threads as torch may use; each draws blocks until none is left.

    ``work`` runs without gradients and must give the same result whichever thread gets a block.

    Args:
        work: Consumes the blocks it draws.
        blocks: ``(start, stop)`` of every block.
    """
    shared = list(blocks)
    threads = min(torch.get_num_threads(), len(shared))
    if threads <= 1:
        work(shared)
        return
    queue = iter(shared)  # A list iterator hands out each item once, whoever asks.
    pool = _workers(torch.get_num_threads())
    inference = torch.is_inference_mode_enabled()

    def task() -> None:
        with torch.no_grad(), torch.inference_mode(inference):
            work(queue)

    for future in [pool.submit(task) for _ in range(threads)]:
        future.result()


def _workers(size: int) -> ThreadPoolExecutor:
    """Returns threads whose own operations are not spread any further."""
    global _pool, _pool_size
    with _lock:
        if _pool is None or _pool_size != size:
            if _pool is not None:
                _pool.shutdown(wait=False)
            _pool, _pool_size = ThreadPoolExecutor(size, "rphgnn"), size
            ready = threading.Barrier(size)

            def start() -> None:
                torch.set_num_threads(1)
                torch.get_num_threads()  # A thread adopts the number when it first asks for it.
                ready.wait()

            for future in [_pool.submit(start) for _ in range(size)]:
                future.result()
            torch.set_num_threads(size)  # The default of threads still to come was changed, too.
        return _pool


def _forget() -> None:
    """A forked process has none of the threads."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
