"""Time per epoch and memory of trainings that alternate, each in a separate process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from types import TracebackType
from typing import Self

from torch import Tensor

from hetgraph.benchmarks._timing import available_bytes, extra_bytes
from hetgraph.train.memory import PeakMemory

__all__ = ["Contender", "ContenderError", "Make", "Measurement", "take_turns"]

Epoch = Callable[[], object]
"""Trains one epoch."""
Make = Callable[[], Epoch]
"""Prepares a training; picklable, so that another process can run it."""

STEPS = 3
"""Epochs whose memory is measured: the first one allocates gradients and optimiser state."""
LEAST_TURNS = 3
PRELOADED = [
    "hetgraph.benchmarks._pyg_models",
    "hetgraph.benchmarks._model_cases",
]


class ContenderError(RuntimeError):
    """A training failed or ran out of memory."""


@dataclass(frozen=True)
class Measurement:
    """What one training costs.

    Args:
        seconds: Median time per epoch after the first epochs.
        extra_bytes: Increase of the resident memory over its level before the first step.
        peak_bytes: Peak resident memory since the start of the process.
    """

    seconds: float
    extra_bytes: int
    peak_bytes: int


class Contender:
    """A training in a separate process, which waits for requests.

    The process is limited to the memory available when it starts, so only this contender fails
    if that is exceeded.

    Args:
        make: Prepares the training.
        warm_up: Prepares a small training of the same kind. It is run first, so that loading
            libraries and starting threads counts neither as time nor as memory.

    Raises:
        ContenderError: If the preparation fails.
    """

    def __init__(self, make: Make, warm_up: Make) -> None:
        context = _context()
        self._pipe, far_end = context.Pipe()
        limit = available_bytes()
        self._process = context.Process(
            target=_serve, args=(far_end, make, warm_up, limit), daemon=True
        )
        self._process.start()
        far_end.close()
        try:
            self._receive()
        except ContenderError:
            self.close()
            raise

    def epoch(self) -> float:
        """Trains one epoch and returns its time in seconds."""
        return self._ask("epoch")

    def extra_bytes(self) -> int:
        """Trains the first epochs and returns the increase of the resident memory."""
        return int(self._ask("extra_bytes"))

    def finish(self) -> int:
        """Ends the training and returns the peak resident memory of its process."""
        return int(self._ask("finish"))

    def close(self) -> None:
        """Ends the process."""
        self._pipe.close()
        self._process.terminate()
        self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, what: str) -> float:
        self._pipe.send(what)
        return self._receive()

    def _receive(self) -> float:
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise ContenderError("its process ended, probably out of memory") from error
        if isinstance(answer, str):
            raise ContenderError(answer)
        return float(answer)


def take_turns(
    makes: Mapping[str, tuple[Make, Make]], *, seconds: float, rounds: int = 25
) -> tuple[dict[str, Measurement], dict[str, str]]:
    """Measures trainings that alternate epoch by epoch, so other load affects all equally.

    Args:
        makes: The training and its warm-up, by name.
        seconds: Time for each training; it stops after this time and at least three epochs.
        rounds: Maximum number of epochs per training.

    Returns:
        Measurements by name, and reasons of failures by name.
    """
    failed: dict[str, str] = {}
    extra: dict[str, int] = {}
    times: dict[str, list[float]] = {}
    with ExitStack() as stack:
        running: dict[str, Contender] = {}
        for name, (make, warm_up) in makes.items():
            try:
                contender = stack.enter_context(Contender(make, warm_up))
                extra[name] = contender.extra_bytes()
            except ContenderError as error:
                failed[name] = str(error)
                continue
            running[name], times[name] = contender, []
        for _ in range(rounds):
            for name, contender in running.items():
                if sum(times[name]) < seconds or len(times[name]) < LEAST_TURNS:
                    times[name].append(contender.epoch())
        measured = {
            name: Measurement(statistics.median(times[name]), extra[name], contender.finish())
            for name, contender in running.items()
        }
    return measured, failed


def _context() -> SpawnContext | ForkServerContext:
    """Returns how processes are started: from a server that has only loaded the libraries."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _serve(pipe: Connection, make: Make, warm_up: Make, limit: int) -> None:
    """Answers requests until the training is finished or the other end is closed."""
    _limit_memory(limit)
    try:
        with PeakMemory() as memory:
            _train(warm_up())
            epoch = make()
            pipe.send(0.0)
            while (request := pipe.recv()) != "finish":
                pipe.send(_timed(epoch) if request == "epoch" else float(_extra_bytes(epoch)))
        pipe.send(float(memory.resident_bytes))
    except EOFError:
        return
    except Exception as error:
        short = " ".join(str(error).split())[:200]
        pipe.send("out of memory" if _is_memory(error) else f"{type(error).__name__}: {short}")


def _train(epoch: Epoch) -> list[Tensor]:
    for _ in range(STEPS):
        epoch()
    return []


def _timed(epoch: Epoch) -> float:
    start = time.perf_counter()
    epoch()
    return time.perf_counter() - start


def _extra_bytes(epoch: Epoch) -> int:
    return extra_bytes(lambda: _train(epoch))


def _limit_memory(limit: int) -> None:
    try:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    except (ImportError, ValueError, OSError):
        return  # not Unix: the system decides


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "allocate memory" in str(error)
