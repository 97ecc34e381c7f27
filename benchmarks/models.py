"""Time and memory per epoch of RGCN, HGT, HAN and LATTE, compared with the same models in PyG.

DiffGraph's recommender and MetaHGNIE are compared with gather-scatter versions of themselves.

Every training runs in a separate process, and the processes alternate epoch by epoch. An epoch is
one step on all training nodes: forward, backward, optimiser. Memory is the increase of the resident
set over its level before the first step, when the inputs are prepared and the libraries loaded;
gradients and the optimiser state are included. Both sides have the same dims, layers, heads,
dropout and optimiser.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.text import Text

from hetgraph.benchmarks._contender import Make, Measurement, take_turns
from hetgraph.benchmarks._model_cases import (
    GATHER,
    IMPORTANCE,
    PRODUCTS,
    PURCHASES,
    QUICK,
    REAL,
    SETTINGS,
    SYNTHETIC,
    Case,
    Graph,
    make_ours,
    make_peer,
)
from hetgraph.benchmarks._shown import Told, kept
from hetgraph.errors import ConfigError, DataError
from hetgraph.listing import Listing
from hetgraph.registry import models

__all__ = ["Row", "measure", "run", "table"]

OURS = "hetgraph"
SPEED, MEMORY = 2.0, 2.0
"""Targets: the minimum ratio of time per epoch and of memory, PyG / hetgraph."""
PEAK = 4 * 2**30
"""Target: maximum memory for LATTE of order 2 with large products."""


@dataclass(frozen=True)
class Row:
    """A case in hetgraph and in one PyG implementation.

    Args:
        case: Model and graph.
        way: Name of the PyG implementation.
        ours: Cost of our training; ``None`` if it failed.
        peer: Cost of PyG's training; ``None`` if it failed.
        fastest: Whether this is the fastest PyG implementation, to which the targets refer.
        failure: Why one side failed.
    """

    case: Case
    way: str
    ours: Measurement | None
    peer: Measurement | None
    fastest: bool = True
    failure: str = ""

    @property
    def speed_up(self) -> float | None:
        """Ratio of the times, PyG / hetgraph."""
        if self.ours is None or self.peer is None:
            return None
        return self.peer.seconds / self.ours.seconds

    @property
    def memory_ratio(self) -> float | None:
        """Ratio of the memory, PyG / hetgraph."""
        if self.ours is None or self.peer is None:
            return None
        return self.peer.extra_bytes / max(self.ours.extra_bytes, 1)


def run(console: Console, *, quick: bool = False) -> None:
    """Trains every model on both sides on every graph; prints times, memory and targets.

    Args:
        console: Where to print.
        quick: Only one small generated graph.

    Raises:
        ConfigError: If torch_geometric is not installed.
    """
    ways = _ways()
    present = [model for model in SETTINGS if model in models.names()]
    for model in SETTINGS:
        if model not in present:
            console.print(f"{model}: not measured, because there is no such model")
    cases = [
        (Case(model, graph, SETTINGS[model]), ways[model])
        for graph in _graphs(console, quick=quick)
        for model in present
    ]
    if not quick:
        cases += [
            (case, (GATHER,))
            for case in (PURCHASES, IMPORTANCE)
            if case.model in models.names() and _is_here(case.graph, console)
        ]
    told = Told(console, len(cases))
    rows: list[Row] = []
    with kept(console, lambda: _tables(rows)):
        for case, names in cases:
            with told.case(f"{case.model} on {case.graph}"):
                measured = measure(case, names, seconds=0.2 if quick else 10.0)
            told.done(_line(measured[0]))
            rows += measured
    if "latte" in present and not quick and _is_here(PRODUCTS.graph, console):
        with console.status("latte with large products"):
            line = _memory_line(PRODUCTS)
        console.print(line)


def _tables(rows: Iterable[Row]) -> Iterator[RenderableType]:
    """Yields a table per graph."""
    by_graph: dict[str, list[Row]] = {}
    for row in rows:
        by_graph.setdefault(str(row.case.graph), []).append(row)
    for of_graph in by_graph.values():
        yield Text()
        yield table(of_graph)


def _line(row: Row) -> str:
    """Returns the outcome of a case: the fastest peer."""
    title = f"{row.case.model} on {row.case.graph}"
    if row.ours is None or row.peer is None:
        return f"{title}: {row.failure}"
    ours, peer = row.ours, row.peer
    return (
        f"{title}: {ours.seconds * 1e3:,.1f} ms per epoch, {row.way} {peer.seconds * 1e3:,.1f} ms "
        f"({_ratio(row.speed_up)}); {ours.extra_bytes / 2**20:,.0f} MiB, {row.way} "
        f"{peer.extra_bytes / 2**20:,.0f} MiB ({_ratio(row.memory_ratio)})"
    )


def measure(case: Case, ways: Iterable[str], *, seconds: float) -> list[Row]:
    """Trains a model in hetgraph and in each PyG implementation, alternating.

    Args:
        case: Model and graph.
        ways: Names of the PyG implementations.
        seconds: Time for each training.

    Returns:
        A row per PyG implementation, the fastest first.
    """
    makes: dict[str, tuple[Make, Make]] = {OURS: _both(make_ours, case)}
    makes |= {way: _both(make_peer, case, way) for way in ways}
    measured, failed = take_turns(makes, seconds=seconds)
    ours = measured.pop(OURS, None)
    order = sorted(measured, key=lambda way: measured[way].seconds)
    order += [way for way in failed if way != OURS]
    return [
        Row(
            case,
            way,
            ours,
            measured.get(way),
            way == order[0],
            failed.get(way, failed.get(OURS, "")),
        )
        for way in order
    ]


def table(rows: Iterable[Row]) -> Listing:
    """Returns the rows of one graph as a table with a verdict per target.

    Slower implementations are dimmed.
    """
    listed = list(rows)
    graph = listed[0].case.graph if listed else ""
    numbers = (
        *("ours ms", "PyG ms", f"speed-up, >= {SPEED:g}x"),
        *("ours MiB", "PyG MiB", f"memory, <= 1/{MEMORY:g}"),
    )
    title = escape(f"one training epoch on {graph}, hetgraph and PyG")
    shown = Listing("model", "PyG implementation", *numbers, title=title, right=numbers, keys=2)
    for row in listed:
        shown.add_row(
            row.case.model,
            escape(f"{row.way}: {row.failure}" if row.failure else row.way),
            *_pair(row, lambda cost: f"{cost.seconds * 1e3:,.1f}"),
            _judged(row.speed_up, SPEED),
            *_pair(row, lambda cost: f"{cost.extra_bytes / 2**20:,.0f}"),
            _judged(row.memory_ratio, MEMORY),
            style=None if row.fastest else "dim",
        )
    return shown


def _pair(row: Row, text: Callable[[Measurement], str]) -> tuple[str, str]:
    ours, peer = ("-" if cost is None else text(cost) for cost in (row.ours, row.peer))
    return ours, peer


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}x"


def _judged(reached: float | None, bound: float) -> str:
    if reached is None:
        return "-"
    return f"{_ratio(reached)} {'[green]met[/]' if reached >= bound else '[red]missed[/]'}"


def _memory_line(case: Case) -> str:
    """Trains our model alone; returns a line with its peak memory and the verdict."""
    measured, failed = take_turns({OURS: _both(make_ours, case)}, seconds=10.0)
    title = f"{case.model}, order {case.settings['num_orders']}, on {case.graph} with terms"
    if OURS in failed:
        return f"{title}: {failed[OURS]}"
    cost = measured[OURS]
    verdict = "[green]met[/]" if cost.peak_bytes <= PEAK else "[red]missed[/]"
    return (
        f"{title}: {cost.seconds * 1e3:,.0f} ms per epoch, peak {cost.peak_bytes / 2**30:.2f} GiB "
        f"including preparation and libraries; <= {PEAK / 2**30:g} GiB: {verdict}"
    )


def _both(make: Callable[..., Callable[[], None]], case: Case, *more: str) -> tuple[Make, Make]:
    return partial(make, case, *more), partial(make, case.tiny, *more)


def _graphs(console: Console, *, quick: bool) -> Iterator[Graph]:
    if quick:
        yield QUICK
        return
    yield from (graph for graph in REAL if _is_here(graph, console))
    yield from SYNTHETIC


def _is_here(graph: Graph, console: Console) -> bool:
    """Returns whether a data set can be loaded; prints the reason if not."""
    try:
        graph.load()
    except DataError as error:
        console.print(f"{graph}: not measured, {error}")
        return False
    return True


def _ways() -> dict[str, tuple[str, ...]]:
    """Returns the names of the PyG implementations by model."""
    if importlib.util.find_spec("torch_geometric") is None:
        raise ConfigError("this benchmark compares with PyG: pip install 'hetgraph[pyg]'.")
    from hetgraph.benchmarks._pyg_models import PEERS

    return {model: tuple(ways) for model, ways in PEERS.items()}
