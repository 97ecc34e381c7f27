"""Hypergraphs: typed sets of nodes, stored as an incidence matrix and its transpose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.numbering import node_spans
from hetgraph.errors import DataError, SchemaError, suggest

__all__ = ["Hypergraph"]

Ints = Tensor | np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Hypergraph:
    """Typed hyperedges, each a set of nodes of any types.

    Nodes have global ids, offset by type in the order of ``node_types``, which is the order of the
    graph that the hypergraph was made from. Hyperedges may overlap or be empty, and a node may
    belong to none.

    Args:
        incidence: ``[num_nodes, num_edges]`` pattern without weights: the hyperedges of each node.
            ``spmm(incidence, x)`` sums the states of hyperedges at their members.
        edge_type: ``[num_edges]`` int64 type of each hyperedge.
        type_names: Names of the hyperedge types.
        node_types: Number of nodes by node type.

    Raises:
        DataError: If there is no node or no hyperedge, an id is out of range, a node is listed
            twice in a hyperedge, or lengths do not match.

    Example:
        >>> pair_and_all = Hypergraph.from_sets([[0, 2], [0, 1, 2]], [0, 1], num_nodes=3)
        >>> pair_and_all.sizes.tolist(), pair_and_all.degree.tolist(), pair_and_all.is_partition
        ([2, 3], [2, 1, 2], False)
    """

    incidence: CSR
    edge_type: Tensor
    type_names: tuple[str, ...]
    node_types: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = dict(self.node_types) or {"node": self.incidence.num_rows}
        object.__setattr__(self, "node_types", MappingProxyType(counts))
        object.__setattr__(self, "type_names", tuple(map(str, self.type_names)))
        _check(self)

    # ---------------------------------------------------------------- construction

    @classmethod
    def from_pairs(
        cls,
        nodes: Ints,
        edges: Ints,
        edge_type: Ints,
        *,
        num_nodes: int | Mapping[str, int],
        type_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds a hypergraph from memberships, in O(memberships + nodes + hyperedges).

        Args:
            nodes: ``[nnz]`` node of each membership, any integer dtype.
            edges: ``[nnz]`` hyperedge of each membership.
            edge_type: ``[num_edges]`` type of each hyperedge.
            num_nodes: Number of nodes, in all or by node type.
            type_names: Names of the types; default: their numbers.

        Raises:
            DataError: As for the class.
        """
        counts = num_nodes if isinstance(num_nodes, Mapping) else {"node": num_nodes}
        types = torch.as_tensor(edge_type)
        if types.numel() and types.is_floating_point():
            raise DataError(f"edge_type is {types.dtype}, expected integers.")
        types = types.long()
        if type_names is None:
            type_names = [str(kind) for kind in range(int(types.max()) + 1 if types.numel() else 0)]
        incidence = CSR.from_coo(nodes, edges, (sum(counts.values()), types.numel()))
        return cls(incidence, types, tuple(type_names), counts)

    @classmethod
    def from_sets(
        cls,
        sets: Iterable[Iterable[int]],
        edge_type: Sequence[int] | Tensor,
        *,
        num_nodes: int | Mapping[str, int],
        type_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds a hypergraph from the list of its sets; see :meth:`from_pairs`."""
        listed = [list(members) for members in sets]
        types = torch.as_tensor(edge_type)
        if types.numel() != len(listed):
            raise DataError(f"edge_type has {types.numel()} entries for {len(listed)} hyperedges.")
        nodes = torch.tensor([node for members in listed for node in members], dtype=torch.int64)
        sizes = torch.tensor([len(members) for members in listed], dtype=torch.int64)
        edges = torch.repeat_interleave(sizes)
        return cls.from_pairs(nodes, edges, types, num_nodes=num_nodes, type_names=type_names)

    @classmethod
    def union(cls, *hypergraphs: Hypergraph) -> Self:
        """Concatenates the hyperedges of several hypergraphs over the same nodes.

        Types with the same name become one type.

        Raises:
            DataError: If there is none, or they are over different nodes.
        """
        counts = [dict(hypergraph.node_types) for hypergraph in hypergraphs]
        if not counts or any(count != counts[0] for count in counts):
            raise DataError("a union needs hypergraphs over the same node types and counts.")
        names = tuple(dict.fromkeys(name for graph in hypergraphs for name in graph.type_names))
        place = {name: number for number, name in enumerate(names)}
        nodes, edges, types, start = [], [], [], 0
        for graph in hypergraphs:
            rows, cols = graph.incidence.coo()
            nodes.append(rows)
            edges.append(cols + start)
            types.append(torch.tensor([place[name] for name in graph.type_names])[graph.edge_type])
            start += graph.num_edges
        return cls.from_pairs(
            torch.cat(nodes),
            torch.cat(edges),
            torch.cat(types),
            num_nodes=counts[0],
            type_names=names,
        )

    # ------------------------------------------------------------------ properties

    @property
    def num_nodes(self) -> int:
        """Number of nodes of all types."""
        return self.incidence.num_rows

    @property
    def num_edges(self) -> int:
        """Number of hyperedges."""
        return self.incidence.num_cols

    @property
    def num_types(self) -> int:
        """Number of hyperedge types."""
        return len(self.type_names)

    @property
    def nnz(self) -> int:
        """Number of memberships."""
        return self.incidence.nnz

    @property
    def members(self) -> CSR:
        """``[num_edges, num_nodes]`` pattern: the nodes of each hyperedge, in ascending order."""
        return self.incidence.transpose

    @property
    def degree(self) -> Tensor:
        """``[num_nodes]`` int64 number of hyperedges per node."""
        return self.incidence.degree

    @property
    def sizes(self) -> Tensor:
        """``[num_edges]`` int64 number of members per hyperedge."""
        return self.members.degree

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return self.incidence.device

    @cached_property
    def is_partition(self) -> bool:
        """Whether every node belongs to exactly one hyperedge."""
        return self.nnz == self.num_nodes and bool((self.degree == 1).all())

    def span(self, node_type: str) -> slice:
        """Returns the slice of global ids of a node type.

        Raises:
            SchemaError: If the type is unknown.
        """
        spans = node_spans(self.node_types)
        if node_type not in spans:
            raise SchemaError(f"unknown node type {node_type!r}.{suggest(node_type, spans)}")
        return spans[node_type]

    # -------------------------------------------------------------- modified copies

    def take(self, edges: Tensor) -> Self:
        """Returns the hypergraph of some hyperedges: ``[n]`` ids in any order, or a bool mask."""
        index = edges.nonzero().squeeze(1) if edges.dtype == torch.bool else edges.long()
        kept = self.members.rows(index).transpose
        return type(self)(kept, self.edge_type[index], self.type_names, self.node_types)

    def to(self, device: torch.device | str) -> Self:
        """Returns the hypergraph on ``device``, or itself if it is already there."""
        if torch.device(device) == self.device:
            return self
        moved = self.incidence.to(device)
        return type(self)(moved, self.edge_type.to(device), self.type_names, self.node_types)

    def __repr__(self) -> str:
        kind = ", a partition" if self.is_partition else ""
        return (
            f"Hypergraph({self.num_nodes:,} nodes, {self.num_edges:,} hyperedges of "
            f"{self.num_types} types, {self.nnz:,} memberships{kind})"
        )


def _check(graph: Hypergraph) -> None:
    incidence = graph.incidence
    if not incidence.num_rows or not incidence.num_cols:
        raise DataError(
            f"a hypergraph of {incidence.num_rows} nodes and {incidence.num_cols} hyperedges is "
            "empty; give at least one of each."
        )
    incidence.validate("incidence")
    if incidence.weight is not None:
        raise DataError("incidence has weights; a hypergraph takes a pattern: with_weight(None).")
    expected = sum(graph.node_types.values())
    if incidence.num_rows != expected:
        raise DataError(
            f"incidence has {incidence.num_rows} rows, expected {expected}: one per node."
        )
    row, col = incidence.coo()
    twice = (row[1:] == row[:-1]) & (col[1:] == col[:-1])
    if bool(twice.any()):
        at = int(twice.nonzero()[0])
        raise DataError(
            f"node {int(row[at])} is listed twice in hyperedge {int(col[at])}; list it once."
        )
    types = graph.edge_type
    if types.shape != (incidence.num_cols,) or types.dtype != torch.int64:
        raise DataError(
            f"edge_type is {types.dtype} of shape {list(types.shape)}, expected int64 "
            f"[{incidence.num_cols}]: one type per hyperedge."
        )
    low, high = int(types.min()), int(types.max())
    if low < 0 or high >= graph.num_types:
        raise DataError(
            f"hyperedge types run from {low} to {high}, expected 0..{graph.num_types - 1}: "
            f"there are {graph.num_types} type names."
        )
