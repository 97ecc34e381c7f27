"""All nodes and edges that can reach the target, as one matrix: one softmax over all relations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Self

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError
from hetgraph.nn.edge_inputs import EdgeInputs
from hetgraph.nn.joint_edges import JointEdges
from hetgraph.nn.layers import LayerPlan

__all__ = ["JointGraph"]


@dataclass(frozen=True, eq=False)
class JointGraph:
    """A graph of several types with global node ids, offset by type.

    Args:
        csr: ``[num_nodes, num_nodes]`` pattern; rows are destinations. Every node has a self-loop.
        types: ``[nnz, num_edge_types]``: row e has one entry, at the type of entry e of ``csr``.
            Scores by type times it are scores by entry, and its transpose sums their gradient.
        spans: Rows of each node type.
        edges: What the entries carry beside their type, if they carry something.

    Example:
        >>> from hetgraph.data import HeteroGraph, Relation
        >>> from hetgraph.nn import layer_plans
        >>> writes = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([0, 0]), 2, 1)
        >>> graph = HeteroGraph(
        ...     num_nodes={"author": 2, "paper": 1},
        ...     relations={("author", "writes", "paper"): writes},
        ... )
        >>> (plan,) = layer_plans(graph.schema, "paper", 1)
        >>> joint = JointGraph.join(plan, graph.num_nodes, graph.relations)
        >>> joint.csr, joint.spans["paper"]  # two edges and three self-loops
        (CSR(3 x 3, 5), slice(2, 3, None))
        >>> joint.edge_type.tolist()  # 1 is the self-loop
        [1, 1, 0, 0, 1]
    """

    csr: CSR
    types: CSR
    spans: Mapping[str, slice]
    edges: JointEdges | None = None

    @property
    def edge_type(self) -> Tensor:
        """``[nnz]`` position of each entry's relation; the last one is the self-loop."""
        return self.types.indices

    @classmethod
    def join(
        cls, plan: LayerPlan, num_nodes: Mapping[str, int], relations: Mapping[EdgeType, CSR]
    ) -> Self:
        """Joins the node types and relations of a plan and adds the self-loops.

        Args:
            plan: Node types are its inputs, relations its edge types.
            num_nodes: Number of nodes by type.
            relations: Edges by type.

        Raises:
            DataError: If one of them is missing.
        """
        missing = [str(key) for key in plan.edge_types if key not in relations]
        if missing:
            raise DataError(f"no edges are given of {', '.join(missing)}; pass graph.relations.")
        bounds = list(accumulate((num_nodes[name] for name in plan.inputs), initial=0))
        spans = {
            name: slice(*ends) for name, ends in zip(plan.inputs, pairwise(bounds), strict=True)
        }
        loop = torch.arange(bounds[-1])
        dst, src, kinds = [], [], []
        for kind, key in enumerate(plan.edge_types):
            rows, cols = relations[key].coo()
            dst.append(rows + spans[key.dst].start)
            src.append(cols + spans[key.src].start)
            kinds.append(torch.full_like(rows, kind))
        kinds.append(torch.full_like(loop, len(plan.edge_types)))
        csr, perm = CSR.from_coo_with_perm(
            torch.cat([*dst, loop]), torch.cat([*src, loop]), (loop.numel(), loop.numel())
        )
        entries = torch.arange(csr.nnz + 1, dtype=csr.indptr.dtype)
        edge_type = torch.cat(kinds)[perm].to(csr.indptr.dtype)
        return cls(csr, CSR(entries, edge_type, len(plan.edge_types) + 1), spans)

    def with_edges(self, plan: LayerPlan, edges: Mapping[EdgeType, EdgeInputs]) -> Self:
        """Returns the graph with what its edges carry.

        Args:
            plan: The plan that it was joined by.
            edges: By relation; the patterns are those that were joined.
        """
        return replace(self, edges=JointEdges.join(plan.edge_types, self.edge_type, edges))

    def to(self, device: torch.device | str) -> Self:
        """Returns the graph on ``device``."""
        edges = None if self.edges is None else self.edges.to(device)
        return type(self)(self.csr.to(device), self.types.to(device), self.spans, edges)
