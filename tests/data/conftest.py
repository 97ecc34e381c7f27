"""Multigraphs with every kind of relation, and dense oracles for meta-paths."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.data.metapath import MetaPath


@pytest.fixture
def multigraph() -> Callable[..., HeteroGraph]:
    """Factory: parallel edges, loops, isolated nodes; declared, undeclared and own reverses."""

    def build(seed: int = 0, *, size: int = 12, edges: int = 40, weighted: bool = False):
        generator = torch.Generator().manual_seed(seed)
        counts = {"a": size, "b": size + 5, "c": size // 2}

        def relation(src: str, dst: str) -> Relation:
            ids = [torch.randint(counts[t] - 1, (edges,), generator=generator) for t in (src, dst)]
            weight = torch.rand(edges, generator=generator) + 0.5 if weighted else None
            return Relation.from_edges(*ids, counts[src], counts[dst], weight=weight)

        ab, loops = relation("a", "b"), relation("a", "a")
        types = {
            EdgeType("a", "ab", "b"): ab,
            EdgeType("b", "ba", "a"): ab.transpose,
            EdgeType("b", "bc", "c"): relation("b", "c"),
            EdgeType("b", "cites", "b"): relation("b", "b"),
            EdgeType("a", "friend", "a"): Relation.from_edges(
                *(torch.cat(pair) for pair in zip(loops.edges(), loops.edges()[::-1], strict=True)),
                *loops.shape,
            ),
        }
        keys = list(types)
        reverses = [(keys[0], keys[1]), (keys[4], keys[4])]
        return HeteroGraph(num_nodes=counts, relations=types, reverses=reverses)

    return build


@pytest.fixture
def dense_factors() -> Callable[[HeteroGraph, str], list[Tensor]]:
    """Returns the dense float64 matrices of a path, in the order they are applied."""

    def build(graph: HeteroGraph, path: str) -> list[Tensor]:
        factors = []
        for edge_type, forward in MetaPath.parse(path, graph.schema).steps:
            dense = graph.relations[edge_type].to_dense(torch.float64)
            factors.append(dense if forward else dense.T)
        return factors

    return build


@pytest.fixture
def dense_product(
    dense_factors: Callable[[HeteroGraph, str], list[Tensor]],
) -> Callable[..., Tensor]:
    """Returns the dense product of a path, rows = nodes at its end."""

    def build(graph: HeteroGraph, path: str, weighting: str = "count") -> Tensor:
        factors = dense_factors(graph, path)
        if weighting == "row":
            factors = [m / m.sum(dim=1, keepdim=True).clamp(min=1e-300) for m in factors]
        product = factors[0]
        for factor in factors[1:]:
            product = factor @ product
        if weighting == "binary":
            return (product > 0).double()
        if weighting == "pathsim":
            diagonal = product.diagonal()
            norm = diagonal[:, None] + diagonal[None, :]
            return torch.where(product > 0, 2 * product / norm, 0.0)
        return product

    return build
