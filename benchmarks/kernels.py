"""Sparse kernels compared with gather-scatter, torch-scatter and DGL, as ratios in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from rich.console import Console

from hetgraph.benchmarks._kernel_peers import (
    PEERS,
    Case,
    Run,
    attention_runs,
    softmax_runs,
    spmm_runs,
)
from hetgraph.benchmarks._shown import Told, kept
from hetgraph.benchmarks._timing import available_bytes, copy_bandwidth, extra_bytes, race
from hetgraph.listing import Listing

__all__ = ["run"]

HEADS, DIM = 8, 16
_KERNELS = 8
"""Cases on each relation."""
BASELINES = ("PyG", "index_add")  # the first one that ran represents gather-scatter


@dataclass
class Row:
    """One line of the table.

    Args:
        kernel: Name of the operation.
        relation: Size of the relation.
        seconds: Best time of each contender.
        moved: Minimum number of bytes that hetgraph must read and write; 0 if not counted.
        memory: Peak extra bytes by contender, if measured.
    """

    kernel: str
    relation: str
    seconds: Mapping[str, float]
    moved: int = 0
    memory: Mapping[str, int] | None = None

    def ratio(self, peer: str) -> float | None:
        """How many times longer ``peer`` takes."""
        if peer not in self.seconds:
            return None
        return self.seconds[peer] / self.seconds["hetgraph"]


def run(console: Console, *, quick: bool = False) -> None:
    """Measures the kernels on two relations and prints the table and the targets.

    Args:
        console: Where to print.
        quick: Only the small relation, and less time per contender.
    """
    torch.manual_seed(0)
    bandwidth = copy_bandwidth(2**24 if quick else 2**26)
    console.print(
        f"{torch.get_num_threads()} threads, torch {torch.__version__}; a copy moves "
        f"{bandwidth / 1e9:.1f} GB/s (read + written). Ratios: time of the other / time of "
        "hetgraph, best of several alternating runs."
    )
    sizes = [(20_000, 30_000, 200_000)]
    if not quick:
        sizes.append((1_000_000, 700_000, 7_000_000))
    rows: list[Row] = []
    told = Told(console, _KERNELS * len(sizes))
    with kept(console, lambda: _tables(rows, bandwidth)):
        for size in sizes:
            with console.status("building a relation"):
                case = Case.random(*size)
            for row in _measure(case, told, seconds=0.5 if quick else 3.0):
                told.done(_line(row))
                rows.append(row)


def _line(row: Row) -> str:
    ratios = {peer: row.ratio(peer) for peer in PEERS}
    others = ", ".join(f"{peer} {ratio:.1f}x" for peer, ratio in ratios.items() if ratio)
    return f"{row.kernel}, {row.relation}: {row.seconds['hetgraph'] * 1e3:.2f} ms; {others}"


def _measure(case: Case, told: Told, *, seconds: float) -> Iterator[Row]:
    nnz = case.csr.nnz
    for dim in (64, 256):
        for backward in (False, True):
            name = f"spmm {dim} {'forward + backward' if backward else 'forward'}"
            with told.case(f"{name}, {case.name}"):
                runs = spmm_runs(case, dim, backward=backward)
                fitting = _fitting(runs, 4 * nnz * dim * (4 if backward else 2))
                times = race(fitting, seconds=seconds)
            # Forward reads one row per entry and writes the result. Backward does the same for x,
            # and reads two rows per entry (one of them in order) for the weights.
            gathers = 3 if backward else 1
            streams = 2 * case.csr.num_rows + case.csr.num_cols if backward else case.csr.num_rows
            moved = 4 * dim * (gathers * nnz + streams) + gathers * 8 * nnz
            yield Row(name, case.name, times, moved)
    for heads, backward in ((1, False), (HEADS, False), (HEADS, True)):
        kind = "forward + backward" if backward else "forward"
        name = f"segment_softmax {heads} {kind}"
        with told.case(f"{name}, {case.name}"):
            times = race(softmax_runs(case, heads, backward=backward), seconds=seconds)
        yield Row(name, case.name, times, 4 * nnz * heads * (5 if backward else 2))
    name = f"edge_attention {HEADS} x {DIM} forward + backward"
    with told.case(f"{name}, {case.name}"):
        runs = attention_runs(case, HEADS, DIM)
        runs = _fitting(runs, 4 * nnz * HEADS * DIM * 4)
        memory = {peer: extra_bytes(go) for peer, go in runs.items()}
        yield Row(name, case.name, race(runs, seconds=seconds), memory=memory)


def _fitting(runs: dict[str, Run], message_bytes: int) -> dict[str, Run]:
    """Leaves out contenders whose messages do not fit into memory."""
    if message_bytes < available_bytes():
        return runs
    return {name: go for name, go in runs.items() if name in ("hetgraph", "DGL")}


def _tables(rows: list[Row], bandwidth: float) -> Iterator[Listing]:
    """Yields two tables per relation, and one of the targets."""
    for relation in dict.fromkeys(row.relation for row in rows):
        here = [row for row in rows if row.relation == relation]
        yield _times(here, bandwidth)
        if any(row.memory for row in here):
            yield _memory(here)
    yield _targets(rows)


def _times(rows: list[Row], bandwidth: float) -> Listing:
    numbers = ("hetgraph", *PEERS, "of copy")
    title = f"{rows[0].relation}: time of the other / time of hetgraph"
    table = Listing("kernel", *numbers, title=title, right=numbers)
    for row in rows:
        mine = row.seconds["hetgraph"]
        fraction = f"{row.moved / mine / bandwidth:.0%}" if row.moved else "-"
        ratios = (row.ratio(peer) for peer in PEERS)
        table.add_row(
            row.kernel,
            f"{mine * 1e3:.2f} ms",
            *("-" if ratio is None else f"{ratio:.1f}x" for ratio in ratios),
            fraction,
        )
    return table


def _memory(rows: list[Row]) -> Listing:
    numbers = ("hetgraph", *PEERS)
    title = f"{rows[0].relation}: peak extra memory, MiB"
    table = Listing("kernel", *numbers, title=title, right=numbers)
    for row in rows:
        if row.memory:
            taken = (row.memory.get(name) for name in numbers)
            cells = ("-" if size is None else f"{size / 2**20:,.0f}" for size in taken)
            table.add_row(row.kernel, *cells)
    return table


def _targets(rows: list[Row]) -> Listing:
    table = Listing("target", "relation", "reached", "", title="targets", right=("reached",))
    for row in rows:
        for goal, reached, bound in _goals(row):
            verdict = "[green]met[/]" if reached >= bound else "[red]missed[/]"
            table.add_row(f"{row.kernel}: {goal}", row.relation, f"{reached:.2f}x", verdict)
    return table


def _goals(row: Row) -> Iterator[tuple[str, float, float]]:
    """Yields each target of a row, the ratio that was reached and the ratio required."""
    plain = next((ratio for ratio in map(row.ratio, BASELINES) if ratio is not None), None)
    spmm = row.kernel.startswith("spmm") and row.kernel.endswith("backward")
    others: list[tuple[str, float | None, float]] = []
    if spmm:
        slowest = row.ratio("index_add")
        others = [(">= 5x index_add", slowest, 5.0), (">= 1x DGL", row.ratio("DGL"), 1.0)]
    elif row.kernel.startswith("segment_softmax"):
        others = [(">= 1x torch-scatter", row.ratio("torch-scatter"), 1.0)]
    elif row.memory:
        ours = max(row.memory["hetgraph"], 1)
        theirs = next((row.memory[name] for name in BASELINES if name in row.memory), None)
        others = [
            (">= 3x gather-scatter", plain, 3.0),
            ("<= 1/3 of its memory", None if theirs is None else theirs / ours, 3.0),
        ]
    yield from ((goal, reached, bound) for goal, reached, bound in others if reached is not None)
