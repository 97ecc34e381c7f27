from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

bench = import_module("hetgraph.benchmarks.tables")


@pytest.mark.parametrize("text", [False, True], ids=["int", "text"])
def test_both_loaders_give_the_same_graph(tmp_path: Path, text: bool) -> None:
    pytest.importorskip("torch_geometric")
    bench.write_files(tmp_path, 100, 1000, text=text)
    ours, theirs = bench.load_ours(tmp_path), bench.load_by_hand(tmp_path)
    assert ours.num_nodes == {"user": 60, "item": 40}
    assert isinstance(ours.ids["user"][0].as_py(), str if text else int)
    assert len(ours.relations) == len(theirs.edge_types) == 6
    for key, relation in ours.relations.items():
        src, dst = relation.edges()
        edges = sorted(zip(src.tolist(), dst.tolist(), relation.edge_time.tolist(), strict=True))
        store = theirs[tuple(key)]
        peer = zip(*store.edge_index.tolist(), store.time.tolist(), strict=True)
        assert edges == sorted(peer)


def test_time_memory_and_edges_are_measured(tmp_path: Path) -> None:
    bench.write_files(tmp_path, 100, 1000, text=False)
    cost = bench.measure(tmp_path, ours=True)
    assert cost.num_edges == 2000
    assert cost.seconds > 0
    assert cost.peak_bytes > 2**20
