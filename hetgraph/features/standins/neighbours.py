"""The mean of the features of the neighbours."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.standin import StandIn
from hetgraph.errors import DataError
from hetgraph.features.standins._incidence import incidences
from hetgraph.features.standins.base import StandInKind
from hetgraph.ops import random_projection, spmm

__all__ = ["NeighbourMean"]


class NeighbourMean(StandInKind):
    """The mean of the features of the neighbours of each type, side by side.

    Features of more than ``dim`` columns are projected to ``dim`` by fixed random signs first
    (Achlioptas 2003). Weights of edges count; a node without such neighbours gets zeros. Types
    whose neighbours have no features get theirs one hop later.
    """

    name: ClassVar[str] = "neighbours"
    reads_edges: ClassVar[bool] = True
    reads_features: ClassVar[bool] = True

    def ready(self, graph: HeteroGraph, node_type: str) -> bool:
        """Whether some type that it has relations with has features."""
        return bool(_sources(graph, node_type))

    def unready(self, node_type: str) -> str:
        """Says that there is nothing to take the mean of."""
        return (
            f"no relation leads from {node_type!r} to a type with features, not even over others, "
            "so there are no neighbours to take the mean of; choose 'incidence-svd' or 'ids'."
        )

    def fit(self, graph: HeteroGraph, node_type: str, dim: int, seed: int) -> StandIn:
        """Notes which types are read, and the dimensions of their features."""
        return StandIn(self.name, dim, seed, {"reads": _sources(graph, node_type)})

    def vectors(self, graph: HeteroGraph, node_type: str, standin: StandIn) -> Tensor:
        """Returns the means of the types that were there at fitting."""
        reads: dict[str, int] = standin.state["reads"]
        sources = {name: _table(graph, name, width, standin) for name, width in reads.items()}
        count = graph.num_nodes[node_type]
        sums = {name: torch.zeros(count, x.shape[1]) for name, x in sources.items()}
        sizes = {name: torch.zeros(count) for name in reads}
        for incidence in incidences(graph, node_type):
            if (name := incidence.neighbour) in reads:
                edges = incidence.matrix
                size = torch.ones(edges.nnz) if edges.weight is None else edges.weight.abs()
                sums[name] += spmm(edges, sources[name])
                sizes[name].index_add_(0, edges.row_ids, size)
        means = [
            torch.where(sizes[name].unsqueeze(1) > 0, sums[name] / sizes[name].unsqueeze(1), 0.0)
            for name in reads
        ]
        return torch.cat(means, dim=1)


def _sources(graph: HeteroGraph, node_type: str) -> dict[str, int]:
    """Returns the number of columns of the features of the neighbour types that have some."""
    dims = {
        incidence.neighbour: graph.schema.node_types[incidence.neighbour].dim
        for incidence in incidences(graph, node_type)
        if incidence.neighbour != node_type
    }
    return {name: dim for name, dim in dims.items() if dim}


def _table(graph: HeteroGraph, node_type: str, width: int, standin: StandIn) -> Tensor:
    """Returns the features of a type as ``[num_nodes, at most dim]`` float32."""
    spec = graph.schema.node_types[node_type]
    x = graph.features.get(node_type)
    codes = isinstance(x, Tensor) and x.dim() == 1
    if x is None or (spec.dim > width if codes else spec.dim != width):
        raise DataError(
            f"a stand-in reads {width} columns of features of {node_type!r}; this graph has "
            f"{spec.dim}."
        )
    if isinstance(x, CSR):
        given: Tensor | CSR = x.with_weight(None if x.weight is None else x.weight.float())
    else:
        given = _one_hot(x.long(), width) if codes else x.float()
    given = given.to("cpu")
    if width > standin.dim:
        key = ("stand-in", "neighbours", standin.seed, node_type)
        return random_projection(given, standin.dim, key).div_(math.sqrt(standin.dim))
    return given.to_dense() if isinstance(given, CSR) else given


def _one_hot(codes: Tensor, dim: int) -> CSR:
    rows = torch.arange(codes.numel())
    return CSR.from_coo(rows, codes.cpu(), (codes.numel(), dim))
