"""Trainings in processes of their own that take turns: time of an epoch, memory of its steps."""

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

from torch import Tensor
from typing_extensions import Self

from hetgraph.benchmarks._timing import available_bytes, extra_bytes
from hetgraph.train.memory import PeakMemory

__all__ = ["Contender", "ContenderError", "Make", "Measurement", "take_turns"]

Epoch = Callable[[], object]
"""Trains one epoch."""
Make = Callable[[], Epoch]
"""Prepares a training; picklable, so that another process can do it."""

STEPS = 3
"""Epochs whose memory is taken: the first makes gradients and moments, later ones use all."""
LEAST_TURNS = 3
PRELOADED = [
    "hetgraph.benchmarks._pyg_models",
    "hetgraph.benchmarks._model_cases",
]


class ContenderError(RuntimeError):
    """A training failed, or took more memory than there is."""


@dataclass(frozen=True)
class Measurement:
    """What one training costs.

    Args:
        seconds: Median time of an epoch after the first ones.
        extra_bytes: How far the resident memory rises above its level before the first step.
        peak_bytes: Most memory that was resident from the start of the process on.
    """

    seconds: float
    extra_bytes: int
    peak_bytes: int


class Contender:
    """A training in a process of its own, which rests until it is asked.

    The process may not take more memory than is available when it starts: it fails alone.

    Args:
        make: Prepares the training.
        warm_up: Prepares a small training of the same kind. It is run first, so that loading
            libraries and starting threads counts neither as time nor as memory.

    Raises:
        ContenderError: If the preparation fails.
    """

    def __init__(self, make: Make, warm_up: Make) -> None:
        context = _context()
        self._pipe, theirs = context.Pipe()
        limit = available_bytes()
        self._process = context.Process(
            target=_serve, args=(theirs, make, warm_up, limit), daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            self._receive()
        except ContenderError:
            self.close()
            raise

    def epoch(self) -> float:
        """Trains an epoch and returns its seconds."""
        return self._ask("epoch")

    def extra_bytes(self) -> int:
        """Trains the first epochs and returns how far the resident memory rises."""
        return int(self._ask("extra_bytes"))

    def finish(self) -> int:
        """Ends the training; returns the most memory that its process ever had resident."""
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
            raise ContenderError("its process ended, probably for want of memory") from error
        if isinstance(answer, str):
            raise ContenderError(answer)
        return float(answer)


def take_turns(
    makes: Mapping[str, tuple[Make, Make]], *, seconds: float, rounds: int = 25
) -> tuple[dict[str, Measurement], dict[str, str]]:
    """Measures trainings that take turns epoch by epoch, so that a busy moment meets all.

    Args:
        makes: The training and its warm-up by name.
        seconds: Share of each; it stops when it had this and at least three turns.
        rounds: At most this many turns.

    Returns:
        Measurements by name, and what failed by name.
    """
    failed: dict[str, str] = {}
    extra: dict[str, int] = {}
    times: dict[str, list[float]] = {}
    with ExitStack() as stack:
        running: dict[str, Contender] = {}
        for name, (make, warm_up) in makes.items():
            try:
                one = stack.enter_context(Contender(make, warm_up))
                extra[name] = one.extra_bytes()
            except ContenderError as error:
                failed[name] = str(error)
                continue
            running[name], times[name] = one, []
        for _ in range(rounds):
            for name, one in running.items():
                if sum(times[name]) < seconds or len(times[name]) < LEAST_TURNS:
                    times[name].append(one.epoch())
        measured = {
            name: Measurement(statistics.median(times[name]), extra[name], one.finish())
            for name, one in running.items()
        }
    return measured, failed


def _context() -> SpawnContext | ForkServerContext:
    """Returns how processes start: from a server that has the libraries loaded and nothing else."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _serve(pipe: Connection, make: Make, warm_up: Make, limit: int) -> None:
    """Does what it is told until the training is finished or the other end is closed."""
    _limit_memory(limit)
    try:
        with PeakMemory() as memory:
            _train(warm_up())
            epoch = make()
            pipe.send(0.0)
            while (order := pipe.recv()) != "finish":
                pipe.send(_timed(epoch) if order == "epoch" else float(_extra_bytes(epoch)))
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
