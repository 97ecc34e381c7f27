"""A graph with every kind of content that conversions must keep."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation


@pytest.fixture
def rich_graph() -> HeteroGraph:
    """Dense, sparse, categorical and no features; weights, times, parallel edges, self loops."""
    generator = torch.Generator().manual_seed(1)
    counts = {"author": 5, "paper": 7, "venue": 2, "ghost": 3}

    def ids(node_type: str, size: int) -> torch.Tensor:
        return torch.randint(counts[node_type], (size,), generator=generator)

    writes = Relation.from_edges(
        ids("author", 20), ids("paper", 20), 5, 7, weight=torch.rand(20, generator=generator)
    )
    cites = Relation.from_edges(
        ids("paper", 15),
        ids("paper", 15),
        7,
        7,
        edge_features=torch.rand(15, 3, generator=generator),
        edge_time=torch.randint(1990, 2020, (15,), generator=generator),
    )
    at = Relation.from_edges(torch.arange(7), ids("venue", 7), 7, 2)
    words = CSR.from_coo(
        torch.tensor([0, 0, 3, 6]), torch.tensor([1, 4, 2, 8]), (7, 10), torch.rand(4)
    )
    types = [
        EdgeType("author", "writes", "paper"),
        EdgeType("paper", "rev_writes", "author"),
        EdgeType("paper", "cites", "paper"),
        EdgeType("paper", "at", "venue"),
    ]
    return HeteroGraph(
        num_nodes=counts,
        relations=dict(zip(types, [writes, writes.transpose, cites, at], strict=True)),
        features={
            "author": torch.randn(5, 4, generator=generator),
            "paper": words,
            "venue": torch.tensor([1, 0]),
        },
        reverses=[(types[0], types[1])],
        ids={"author": ["ann", "bob", "cy", "dä", "007"], "paper": list(range(100, 170, 10))},
        text={"paper": [f"title {i}" for i in range(7)]},
        name="rich",
    )
