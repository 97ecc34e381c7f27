"""What a data set refuses to hold."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, NodeValues
from hetgraph.data import HeteroGraph, Hypergraph
from hetgraph.errors import DataError


@pytest.mark.parametrize(
    ("index", "target", "message"),
    [
        (torch.tensor([0, 1]), torch.tensor([1.0]).double(), "one value for each id"),
        (torch.tensor([0]), torch.tensor([1.0]), "expected float64"),
        (torch.tensor([0]).int(), torch.tensor([1.0]).double(), "expected float64 for int64"),
        (torch.tensor([0]), torch.tensor([torch.nan]).double(), "NaN or infinite"),
        (torch.tensor([3, 3]), torch.tensor([1.0, 2.0]).double(), "list a node twice"),
    ],
)
def test_bad_values_are_told(index: Tensor, target: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        NodeValues("paper", index, target)


def test_a_hypergraph_over_other_nodes_is_told(toy_graph: HeteroGraph) -> None:
    counts = dict(toy_graph.num_nodes)
    swapped = {"paper": counts["paper"], "author": counts["author"], "venue": counts["venue"]}
    for other in ({"node": 6}, swapped):
        hypergraph = Hypergraph.from_sets([[0]], [0], num_nodes=other)
        with pytest.raises(DataError, match="hypergraph 'h' is over"):
            Dataset("toy", toy_graph, hypergraphs={"h": hypergraph})
