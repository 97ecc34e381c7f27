"""Dense oracles for meta-paths."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hetgraph.data import HeteroGraph
from hetgraph.metapaths.metapath import MetaPath


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
    """Returns the dense product of a path; rows are its end nodes."""

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
