"""Fair timing: contenders alternate in one process, results are compared, the best time counts."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from hetgraph.train.memory import PeakMemory

__all__ = ["Run", "available_bytes", "copy_bandwidth", "extra_bytes", "race"]

Run = Callable[[], Sequence[Tensor]]


def race(runs: Mapping[str, Run], *, seconds: float, rounds: int = 15) -> dict[str, float]:
    """Returns the best time of each contender in seconds.

    All run once as a warm-up, and their results must agree. Then they alternate, so that other
    load on the machine affects all of them, until each has used its time. If the first run of a
    contender takes longer than that, its time counts.

    Args:
        runs: Contenders by name; each returns the tensors it computed.
        seconds: Time for each contender.
        rounds: Maximum number of runs per contender.

    Raises:
        RuntimeError: If a result differs from that of the first contender.
    """
    best: dict[str, float] = {}
    reference: list[Tensor] | None = None
    for name, run in runs.items():
        best[name], result = _timed(run)
        if reference is None:
            reference = result
        elif not _agree(reference, result):
            raise RuntimeError(f"the result of {name} differs from that of {next(iter(runs))}.")
        del result
    del reference
    spent = dict.fromkeys(runs, 0.0)
    first = dict(best)
    for _ in range(rounds):
        for name, run in runs.items():
            if first[name] > seconds or spent[name] > seconds:
                continue
            took, _result = _timed(run)
            spent[name] += took
            best[name] = min(best[name], took)
    return best


def extra_bytes(run: Run) -> int:
    """Returns the increase of the resident memory while ``run`` runs."""
    gc.collect()
    _trim()
    before = _resident_bytes()
    with PeakMemory() as peak:
        run()
    return max(peak.resident_bytes - before, 0)


def copy_bandwidth(numel: int = 2**26, repeats: int = 7) -> float:
    """Returns the bandwidth of copying float32 values, in bytes per second (read and written)."""
    source, target = torch.ones(numel), torch.empty(numel)
    times = [_timed(lambda: [target.copy_(source)])[0] for _ in range(repeats)]
    return 2 * source.nbytes / min(times)


def available_bytes() -> int:
    """Returns the memory available without swapping; 16 GiB if the system does not report it."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 16 * 2**30
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["MemAvailable"].split()[0]) * 1024


def _timed(run: Run) -> tuple[float, list[Tensor]]:
    start = time.perf_counter()
    result = list(run())
    return time.perf_counter() - start, result


def _agree(reference: Sequence[Tensor], result: Sequence[Tensor]) -> bool:
    return all(
        torch.allclose(expected, actual.reshape(expected.shape), rtol=1e-3, atol=1e-3)
        for expected, actual in zip(reference, result, strict=True)
    )


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * 4096


def _trim() -> None:
    """Returns freed memory to the system, so that a run cannot reuse it unnoticed."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return  # not glibc
