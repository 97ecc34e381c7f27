"""Time and memory of RpHGNN's pre-computation on generated graphs up to the size of OGBN-MAG.

Every size runs in a separate process, so that the peak memory is that of this size alone. If the
cost grows faster than linearly in the number of edges, the time per million edges rises.
"""

from __future__ import annotations

import csv
import io
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from hetgraph.benchmarks._shown import Told, kept
from hetgraph.errors import ConfigError
from hetgraph.files import atomic_path
from hetgraph.listing import Listing
from hetgraph.optional import is_installed

__all__ = ["Measurement", "measure", "plot", "run"]

SCALES = (0.125, 0.25, 0.5, 1.0)
QUICK_SCALES = (0.005, 0.01, 0.02, 0.04)
RESULTS = Path("runs/bench")
SETTINGS = {"iterations": 3, "noise_dim": 256, "memory_map_gib": 1.0}


@dataclass(frozen=True)
class Measurement:
    """The measurement of one size.

    Args:
        num_nodes: Number of nodes of all types.
        num_edges: Number of edges; reverse relations are not counted.
        generate_seconds: Time to generate the graph.
        prepare_seconds: Time from the graph to the stored tensors of every target node.
        stored_bytes: Size of the stored tensors, memory-mapped above 1 GiB.
        peak_bytes: Peak resident memory, anonymous and mapped, during the pre-computation.
    """

    num_nodes: int
    num_edges: int
    generate_seconds: float
    prepare_seconds: float
    stored_bytes: int
    peak_bytes: int


def measure(scale: float) -> Measurement:
    """Generates ``synthetic/academic-mag`` at a scale and prepares RpHGNN on it."""
    from hetgraph.catalog.loading import load_dataset
    from hetgraph.registry import models
    from hetgraph.seeds import Seeds
    from hetgraph.settings import config_from_dict
    from hetgraph.tasks import make_task
    from hetgraph.train.memory import PeakMemory

    start = time.perf_counter()
    dataset = load_dataset("synthetic/academic-mag", scale=scale)
    generated = time.perf_counter()
    cls = models.get("rphgnn")
    task = make_task(dataset, seeds=Seeds())
    model = cls.build(task.graph.schema, task.spec, config_from_dict(cls.Config, SETTINGS))
    with tempfile.TemporaryDirectory(dir=".") as folder, PeakMemory() as memory:
        begin = time.perf_counter()
        inputs = model.prepare(task, seeds=Seeds(), workdir=Path(folder))
        seconds = time.perf_counter() - begin
        stored = sum(tensor.nbytes for tensor in inputs.encoder.slabs.tensors)
        del inputs
    schema = dataset.graph.schema
    doubled = {max(pair) for pair in schema.reverses if pair[0] != pair[1]}
    relations = dataset.graph.relations
    edges = sum(relation.num_edges for key, relation in relations.items() if key not in doubled)
    return Measurement(
        num_nodes=sum(dataset.graph.num_nodes.values()),
        num_edges=edges,
        generate_seconds=generated - start,
        prepare_seconds=seconds,
        stored_bytes=stored,
        peak_bytes=memory.resident_bytes,
    )


def run(console: Console, *, quick: bool = False) -> None:
    """Measures four sizes, prints a table and writes a CSV and a plot to ``runs/bench``.

    Args:
        console: Where to print the table.
        quick: Use graphs of at most 4 % of the full size.
    """
    if not is_installed("matplotlib"):
        console.print("there will be no plot: pip install 'hetgraph[plot]'", markup=False)
    scales = QUICK_SCALES if quick else SCALES
    rows: list[Measurement] = []
    told = Told(console, len(scales))
    with kept(console, lambda: [_table(rows)]):
        for scale in scales:
            # "spawn": the child process does not inherit the memory of this one.
            with (
                told.case(f"{scale:.1%} of the size"),
                ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
            ):
                rows.append(pool.submit(measure, scale).result())
            told.done(
                f"{rows[-1].num_edges:,} edges: {rows[-1].prepare_seconds:.1f} s, "
                f"peak {rows[-1].peak_bytes / 2**30:.2f} GiB"
            )
    with atomic_path(RESULTS / "scale.csv") as path:
        path.write_text(_csv(rows), encoding="utf-8")
    try:
        plot(rows, RESULTS / "scale.svg")
    except ConfigError as error:
        console.print(f"no plot: {error}", markup=False)
    console.print(f"written to {RESULTS}")


def plot(rows: list[Measurement], path: Path) -> None:
    """Draws seconds and peak memory over millions of edges.

    Args:
        rows: The measurements.
        path: An SVG or PNG file.

    Raises:
        ConfigError: If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("plots need matplotlib: pip install 'hetgraph[plot]'.") from error
    edges = [row.num_edges / 1e6 for row in rows]
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    left = figure.add_subplot()
    (seconds,) = left.plot(
        edges, [row.prepare_seconds for row in rows], "o-", color="#0072B2", label="seconds"
    )
    left.set(xlabel="edges in millions", ylabel="preparation, seconds", xlim=0, ylim=0)
    right = left.twinx()
    (memory,) = right.plot(
        edges, [row.peak_bytes / 2**30 for row in rows], "s--", color="#D55E00", label="peak GiB"
    )
    right.set(ylabel="peak memory, GiB", ylim=0)
    left.legend(handles=[seconds, memory], loc="upper left", frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def _table(rows: list[Measurement]) -> Listing:
    numbers = ("nodes", "edges", "prepare", "s / M edges", "stored", "peak", "generate")
    title = "RpHGNN preparation, K=3, noise 256, tensors over 1 GiB memory-mapped"
    table = Listing(*numbers, title=title, right=numbers)
    for row in rows:
        table.add_row(
            f"{row.num_nodes:,}",
            f"{row.num_edges:,}",
            f"{row.prepare_seconds:.1f} s",
            f"{row.prepare_seconds / row.num_edges * 1e6:.2f}",
            f"{row.stored_bytes / 2**30:.2f} GiB",
            f"{row.peak_bytes / 2**30:.2f} GiB",
            f"{row.generate_seconds:.1f} s",
        )
    return table


def _csv(rows: list[Measurement]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [field.name for field in fields(Measurement)], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()
