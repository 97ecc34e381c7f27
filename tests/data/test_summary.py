from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from rich.console import Console

from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.data import summary as module
from hetgraph.data.summary import summarize


def oracle(relation: Relation) -> dict[str, object]:
    """The same counts from a dense matrix."""
    counts = relation.with_weight(None).to_dense(torch.float64).numpy()
    quarters = [0, 25, 50, 75, 100]
    square = counts.shape[0] == counts.shape[1]
    return {
        "out": tuple(np.percentile(counts.sum(0), quarters)),
        "in": tuple(np.percentile(counts.sum(1), quarters)),
        "parallel": int((counts - 1).clip(min=0).sum()),
        "loops": int(np.trace(counts)) if square else 0,
    }


@pytest.mark.parametrize("block", [3, 1 << 22])
@pytest.mark.parametrize("seed", range(4))
def test_counts_equal_the_dense_ones(
    seed: int, block: int, random_graph: Callable[..., HeteroGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    graph = random_graph(seed, num_nodes=9, num_edges=80)
    rows = {row.edge_type: row for row in summarize(graph).edges}
    assert any(row.parallel for row in rows.values())
    for edge_type, relation in graph.relations.items():
        expected, row = oracle(relation), rows[edge_type]
        assert row.count == relation.num_edges
        assert row.out_degree == pytest.approx(expected["out"])
        assert row.in_degree == pytest.approx(expected["in"])
        assert row.parallel == expected["parallel"]
        assert row.self_loops == (expected["loops"] if edge_type.src == edge_type.dst else 0)
        assert row.reverse == graph.schema.reverse_of(edge_type)


def test_rows_at_the_edges_of_the_matrix() -> None:
    """Parallel edges in the first and last row, empty rows around them."""
    src, dst = torch.tensor([1, 1, 2, 2, 2]), torch.tensor([1, 1, 3, 3, 3])
    relation = Relation.from_edges(src, dst, 5, 5)
    graph = HeteroGraph(num_nodes={"a": 5}, relations={EdgeType("a", "r", "a"): relation})
    row = summarize(graph).edges[0]
    assert (row.parallel, row.self_loops) == (3, 2)
    assert summarize(graph).nodes[0].isolated == 2


def test_summary_shows_what_nodes_and_edges_have(toy_graph: HeteroGraph) -> None:
    words = CSR.from_coo(torch.tensor([0, 0, 1]), torch.tensor([0, 3, 1]), (2, 4))
    graph = toy_graph.replace(
        num_nodes={**toy_graph.num_nodes, "ghost": 4},
        features={**toy_graph.features, "author": words, "ghost": torch.tensor([0, 1, 2, 0])},
        ids={"author": ["a", "b"]},
        text={"venue": ["v"]},
    )
    nodes = {row.node_type: row for row in graph.summary().nodes}
    assert (nodes["author"].kind, nodes["author"].dim, nodes["author"].density) == (
        "sparse",
        4,
        3 / 8,
    )
    assert (nodes["paper"].density, nodes["paper"].isolated) == (1.0, 0)
    assert (nodes["ghost"].kind, nodes["ghost"].isolated) == ("categorical", 4)
    assert (nodes["author"].has_ids, nodes["venue"].has_text) == (True, True)


def test_the_printed_table_shows_the_numbers() -> None:
    src = torch.arange(1234) % 2
    relation = Relation.from_edges(
        src, torch.arange(1234), 2, 1234, weight=torch.ones(1234), edge_features=torch.ones(1234, 8)
    )
    graph = HeteroGraph(
        num_nodes={"odd [bold]type": 2, "b": 1234},
        relations={
            EdgeType("odd [bold]type", "r", "b"): relation,
            EdgeType("b", "r_back", "odd [bold]type"): relation.transpose,
        },
        reverses=[(("odd [bold]type", "r", "b"), ("b", "r_back", "odd [bold]type"))],
        name="shown",
    )
    text = str(graph.summary())
    assert text.splitlines()[0] == "shown: 1,236 nodes of 2 types, 2,468 edges of 2 types"
    assert "odd [bold]type -r> b" in text
    assert "617 / 617 / 617 / 617 / 617" in text
    assert "weight, 8 features" in text
    assert "r_back" in text
    console = Console(record=True, width=70, file=None, quiet=False)
    with console.capture() as captured:
        console.print(graph.summary())
    assert "1,234" in captured.get()


def test_empty_types_and_relations() -> None:
    none = torch.zeros(0, dtype=torch.long)
    graph = HeteroGraph(
        num_nodes={"a": 2, "empty": 0},
        relations={
            EdgeType("a", "to", "empty"): Relation.from_edges(none, none, 2, 0),
            EdgeType("a", "to", "a"): Relation.from_edges(none, none, 2, 2),
        },
        features={"empty": torch.zeros(0, 3)},
    )
    summary = graph.summary()
    assert [row.isolated for row in summary.nodes] == [2, 0]
    assert summary.nodes[1].density is None
    assert summary.edges[0].in_degree == (0, 0, 0, 0, 0)
    assert "empty" in str(summary)
