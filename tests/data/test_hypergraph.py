"""The hypergraph: incidence and transpose, counts, modified copies, errors."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR, Hypergraph
from hetgraph.errors import DataError, SchemaError


@pytest.fixture
def overlapping() -> Hypergraph:
    """Six nodes of two types; node 5 in no hyperedge, hyperedge 2 empty."""
    return Hypergraph.from_sets(
        [[0, 3], [4, 0, 1], [], [2]],
        [1, 0, 0, 1],
        num_nodes={"a": 4, "b": 2},
        type_names=["x", "y"],
    )


def test_both_orders_and_counts(overlapping: Hypergraph) -> None:
    dense = torch.tensor(
        [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0.0]]
    )
    assert torch.equal(overlapping.incidence.to_dense(), dense)
    assert torch.equal(overlapping.members.to_dense(), dense.T)
    assert overlapping.members.indices.tolist() == [0, 3, 0, 1, 4, 2]
    assert overlapping.degree.tolist() == [2, 1, 1, 1, 1, 0]
    assert overlapping.sizes.tolist() == [2, 3, 0, 1]
    counts = (overlapping.num_nodes, overlapping.num_edges, overlapping.num_types, overlapping.nnz)
    assert counts == (6, 4, 2, 6)
    assert overlapping.span("b") == slice(4, 6)
    assert not overlapping.is_partition
    assert "4 hyperedges of 2 types" in repr(overlapping)
    with pytest.raises(SchemaError, match="unknown node type 'c'"):
        overlapping.span("c")


def test_a_partition_is_recognised() -> None:
    partition = Hypergraph.from_sets([[1], [0, 2]], [0, 0], num_nodes=3)
    assert partition.is_partition
    assert "a partition" in repr(partition)
    # As many memberships as nodes, but node 1 is in two hyperedges and node 2 in none.
    assert not Hypergraph.from_sets([[1], [0, 1]], [0, 0], num_nodes=3).is_partition


def test_some_hyperedges_in_another_order(overlapping: Hypergraph) -> None:
    taken = overlapping.take(torch.tensor([3, 0]))
    assert taken.sizes.tolist() == [1, 2]
    assert taken.edge_type.tolist() == [1, 1]
    assert taken.members.indices.tolist() == [2, 0, 3]
    assert taken.node_types == overlapping.node_types
    assert overlapping.take(overlapping.sizes > 1).num_edges == 2
    assert overlapping.to("cpu") is overlapping


def test_union_joins_types_by_name(overlapping: Hypergraph) -> None:
    other = Hypergraph.from_sets([[5]], [0], num_nodes={"a": 4, "b": 2}, type_names=["y"])
    both = Hypergraph.union(overlapping, other)
    assert both.sizes.tolist() == [2, 3, 0, 1, 1]
    assert both.edge_type.tolist() == [1, 0, 0, 1, 1]
    assert both.type_names == ("x", "y")
    assert both.members.indices.tolist()[-1] == 5
    with pytest.raises(DataError, match="same node types"):
        Hypergraph.union(overlapping, Hypergraph.from_sets([[0]], [0], num_nodes=6))


@pytest.mark.parametrize(
    ("sets", "types", "num_nodes", "names", "message"),
    [
        ([[0, 7]], [0], 3, None, r"row 7 is outside 0\.\.2"),
        ([[0, -1]], [0], 3, None, r"row -1 is outside"),
        ([[0, 1, 0]], [0], 3, None, "node 0 is listed twice in hyperedge 0"),
        ([[0], [1]], [0], 3, None, "edge_type has 1 entries for 2 hyperedges"),
        ([[0]], [2], 3, ["a", "b"], r"types run from 2 to 2, expected 0\.\.1"),
        ([[0]], [-1], 3, ["a"], "types run from -1"),
        ([], [], 3, None, "3 nodes and 0 hyperedges is empty"),
        ([[]], [0], 0, None, "0 nodes and 1 hyperedges is empty"),
        ([[0]], [0.5], 3, None, "expected integers"),
    ],
)
def test_mismatches_are_reported(
    sets: list[list[int]], types: list[int], num_nodes: int, names: list[str] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Hypergraph.from_sets(sets, types, num_nodes=num_nodes, type_names=names)


def test_a_bad_matrix_is_reported() -> None:
    pattern = CSR.from_dense(torch.ones(2, 2))
    types = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(DataError, match="has weights"):
        Hypergraph(pattern.with_weight(torch.ones(4)), types, ("t",))
    with pytest.raises(DataError, match="2 rows, expected 3"):
        Hypergraph(pattern, types, ("t",), {"a": 3})
    with pytest.raises(DataError, match="expected int64"):
        Hypergraph(pattern, types.int(), ("t",))
