from __future__ import annotations

import io

import pytest
from rich.console import Console

from hetgraph.benchmarks import kernels
from hetgraph.benchmarks.kernels import Row

PEERS = {"hetgraph": 0.0123, "index_add": 0.1, "PyG": 0.2, "torch-scatter": 0.3, "DGL": 0.4}


@pytest.mark.parametrize("width", [60, 80, 120])
def test_numbers_are_whole_at_every_width(width: int) -> None:
    rows = [
        Row(kernel, "1,000,000 x 700,000, 7,000,000", PEERS, moved=10**8, memory=memory)
        for kernel, memory in (
            ("spmm 256 forward + backward", None),
            ("edge_attention 8 x 16 forward + backward", {"hetgraph": 2**30, "PyG": 2**33}),
        )
    ]
    console = Console(record=True, width=width, file=io.StringIO())
    for table in kernels._tables(rows, 1e10):
        console.print(table)
    text = console.export_text()
    assert "…" not in text
    for number in ("12.30 ms", "16.3x", "24.4x", "32.5x", "1,024", "8,192", "81%", "16.26x"):
        assert number in text
