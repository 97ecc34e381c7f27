"""Loading 1 M nodes and 10 M edges from Parquet files, compared with pandas and PyG by hand.

Every load runs in a separate process, so that the peak memory is that of this load alone. Both
sides read the same files, map ids to row numbers and hold every relation in both directions.
hetgraph also checks ids and values, and sorts the edges of a relation by destination; by hand, an
unknown id is a row number of -1 that nobody looks at.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from hetgraph.benchmarks._shown import Told, kept
from hetgraph.listing import Listing
from hetgraph.optional import Package, demand

__all__ = ["Measurement", "load_by_hand", "load_ours", "measure", "run", "write_files"]

NODES, EDGES = 1_000_000, 10_000_000
QUICK = 50
"""Factor by which the graph of a quick run is smaller."""
SECONDS, PEAK = 20.0, 3 * 2**30
"""Targets: the maximum time and peak memory of hetgraph on 2 cores."""
_DIM = 8
_EDGE_FILES = {
    ("user", "buys", "item"): 0.5,
    ("user", "views", "item"): 0.3,
    ("user", "follows", "user"): 0.2,
}


@dataclass(frozen=True)
class Measurement:
    """The cost of one load.

    Args:
        seconds: Time from the files to the graph.
        peak_bytes: Peak resident memory of the process, libraries included.
        num_edges: Number of edges, reverse relations included.
    """

    seconds: float
    peak_bytes: int
    num_edges: int


def write_files(folder: Path, num_nodes: int, num_edges: int, *, text: bool, seed: int = 0) -> None:
    """Writes ``user`` and ``item`` with features, and three relations between them.

    Args:
        folder: Where to write ``<node type>.parquet`` and ``<relation>.parquet``.
        num_nodes: Number of users and items; 60 % are users.
        num_edges: Number of edges in one direction.
        text: Whether ids are texts; otherwise they are integers, neither sorted nor from 0.
        seed: Random seed.
    """
    rng = np.random.default_rng(seed)
    ids = {}
    for node_type, count in (("user", num_nodes * 6 // 10), ("item", num_nodes * 4 // 10)):
        numbers = pa.array(rng.permutation(count) + 10**9)
        ids[node_type] = numbers.cast(pa.string()) if text else numbers
        if text:  # A letter in front, so that no reader takes them for numbers.
            letters = pa.array([node_type[0]] * count)
            ids[node_type] = pa.compute.binary_join_element_wise(letters, ids[node_type], "")
        flat = pa.array(rng.standard_normal(count * _DIM, dtype=np.float32))
        features = pa.FixedSizeListArray.from_arrays(flat, _DIM)
        table = pa.table({"id": ids[node_type], "features": features})
        pq.write_table(table, folder / f"{node_type}.parquet")
    for (src, name, dst), fraction in _EDGE_FILES.items():
        size = round(num_edges * fraction)
        ends = {
            column: ids[kind].take(pa.array(rng.integers(len(ids[kind]), size=size)))
            for column, kind in (("src", src), ("dst", dst))
        }
        table = pa.table(ends | {"time": rng.integers(1_600_000_000, 1_700_000_000, size=size)})
        pq.write_table(table, folder / f"{name}.parquet")


def load_ours(folder: Path) -> Any:
    """Returns the graph, with reverses."""
    from hetgraph.io import EdgeTable, NodeTable, from_tables

    return from_tables(
        {
            node_type: NodeTable(folder / f"{node_type}.parquet", features=["features"])
            for node_type in ("user", "item")
        },
        {key: EdgeTable(folder / f"{key[1]}.parquet", time="time") for key in _EDGE_FILES},
        add_reverses=True,
    )


def load_by_hand(folder: Path) -> Any:
    """Returns the same graph as a PyG ``HeteroData``, as its tutorials build it from pandas."""
    import pandas as pd
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    index = {}
    for node_type in ("user", "item"):
        frame = pd.read_parquet(folder / f"{node_type}.parquet")
        index[node_type] = pd.Index(frame["id"])
        data[node_type].x = torch.from_numpy(np.stack(frame["features"].to_numpy()))
    for src, name, dst in _EDGE_FILES:
        frame = pd.read_parquet(folder / f"{name}.parquet")
        ends = [index[src].get_indexer(frame["src"]), index[dst].get_indexer(frame["dst"])]
        edge_index = torch.from_numpy(np.stack(ends))
        edge_time = torch.from_numpy(frame["time"].to_numpy(copy=True))
        data[src, name, dst].edge_index, data[src, name, dst].time = edge_index, edge_time
        data[dst, f"rev_{name}", src].edge_index = edge_index.flip(0)
        data[dst, f"rev_{name}", src].time = edge_time
    return data


def measure(folder: Path, *, ours: bool) -> Measurement:
    """Loads the files once, in this process."""
    from hetgraph.train.memory import PeakMemory

    load = load_ours if ours else load_by_hand
    for module in ("hetgraph.io",) if ours else ("pandas", "torch_geometric.data"):
        import_module(module)  # The libraries count as memory, but not as time.
    with PeakMemory() as memory:
        start = time.perf_counter()
        graph = load(folder)
        seconds = time.perf_counter() - start
    return Measurement(seconds, memory.resident_bytes, int(graph.num_edges))


def run(console: Console, *, quick: bool = False) -> None:
    """Loads integer and text ids with both, and prints a table.

    Args:
        console: Where to print the table.
        quick: Use a graph that is 50 times smaller.
    """
    demand([Package("pandas", "hetgraph[pandas]"), Package("torch_geometric", "hetgraph[pyg]")])
    factor = QUICK if quick else 1
    numbers = ("seconds", "peak GiB", "edges")
    title = f"{NODES // factor:,} nodes, {EDGES // factor:,} edges from Parquet"
    listing = Listing("ids", "loader", *numbers, title=title, right=numbers)
    told = Told(console, 4)
    with kept(console, lambda: [listing]):
        for text in (False, True):
            with tempfile.TemporaryDirectory(dir=".") as name:
                write_files(Path(name), NODES // factor, EDGES // factor, text=text)
                for ours in (True, False):
                    cells = ("text" if text else "int", "hetgraph" if ours else "pandas + PyG")
                    # "spawn": the child process does not inherit the memory of this one.
                    with (
                        told.case(f"{cells[0]} ids, {cells[1]}"),
                        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
                    ):
                        cost = pool.submit(measure, Path(name), ours=ours).result()
                    listing.add_row(*cells, *_numbers(cost))
                    told.done(f"{cells[0]} ids, {cells[1]}: {cost.seconds:.1f} s")
    console.print(f"target: {SECONDS:.0f} s and {PEAK / 2**30:.0f} GiB on 2 cores")


def _numbers(cost: Measurement) -> tuple[str, str, str]:
    return f"{cost.seconds:.1f}", f"{cost.peak_bytes / 2**30:.2f}", f"{cost.num_edges:,}"
