"""Hypergraphs: typed sets of nodes, as an incidence matrix in both orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from hetgraph.data.csr import CSR
from hetgraph.data.numbering import node_spans
from hetgraph.errors import DataError, SchemaError, suggest

__all__ = ["Hypergraph"]

Ints = Tensor | np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Hypergraph:
    """Hyperedges, each a set of nodes of any types and with a type of its own.

    The nodes of all types are numbered through, type after type, in the order of ``node_types``,
    which is that of the graph the hypergraph was made from. Hyperedges may overlap and may be
    empty, and a node may be in none.

    Args:
        incidence: ``[num_nodes, num_edges]`` pattern without weights: which hyperedges each node
            is in. ``spmm(incidence, x)`` sums states of hyperedges into their members.
        edge_type: ``[num_edges]`` int64 type of each hyperedge.
        type_names: What the types are called; as many as there are types.
        node_types: Number of nodes by node type.

    Raises:
        DataError: If there is no node or no hyperedge, a number is out of its range, a node is
            listed twice in a hyperedge, or lengths do not fit.

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
            num_nodes: Number of nodes, or by node type.
            type_names: Names of the types; numbers if not given.

        Raises:
            DataError: As for the class.
        """
        counts = num_nodes if isinstance(num_nodes, Mapping) else {"node": num_nodes}
        types = torch.as_tensor(edge_type)
        if types.numel() and types.is_floating_point():
            raise DataError(f"edge_type is {types.dtype}, expected integers.")
        types = types.long()
        if type_names is None:
            type_names = [str(one) for one in range(int(types.max()) + 1 if types.numel() else 0)]
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
        """Builds a hypergraph from its sets, one after the other; see :meth:`from_pairs`."""
        listed = [list(one) for one in sets]
        types = torch.as_tensor(edge_type)
        if types.numel() != len(listed):
            raise DataError(f"edge_type has {types.numel()} entries for {len(listed)} hyperedges.")
        nodes = torch.tensor([node for one in listed for node in one], dtype=torch.int64)
        sizes = torch.tensor([len(one) for one in listed], dtype=torch.int64)
        edges = torch.repeat_interleave(sizes)
        return cls.from_pairs(nodes, edges, types, num_nodes=num_nodes, type_names=type_names)

    @classmethod
    def union(cls, *parts: Hypergraph) -> Self:
        """Puts the hyperedges of several hypergraphs over the same nodes one after the other.

        Types of equal names are one type.

        Raises:
            DataError: If there is none, or they are over different nodes.
        """
        if not parts or any(dict(one.node_types) != dict(parts[0].node_types) for one in parts):
            raise DataError("a union needs hypergraphs over the same node types and counts.")
        names = tuple(dict.fromkeys(name for one in parts for name in one.type_names))
        place = {name: number for number, name in enumerate(names)}
        nodes, edges, types, start = [], [], [], 0
        for one in parts:
            rows, cols = one.incidence.coo()
            nodes.append(rows)
            edges.append(cols + start)
            types.append(torch.tensor([place[name] for name in one.type_names])[one.edge_type])
            start += one.num_edges
        return cls.from_pairs(
            torch.cat(nodes),
            torch.cat(edges),
            torch.cat(types),
            num_nodes=parts[0].node_types,
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
        """Number of types of hyperedges."""
        return len(self.type_names)

    @property
    def nnz(self) -> int:
        """Number of memberships."""
        return self.incidence.nnz

    @property
    def members(self) -> CSR:
        """``[num_edges, num_nodes]`` pattern: the nodes of each hyperedge, ascending."""
        return self.incidence.transpose

    @property
    def degree(self) -> Tensor:
        """``[num_nodes]`` int64 number of hyperedges of each node."""
        return self.incidence.degree

    @property
    def sizes(self) -> Tensor:
        """``[num_edges]`` int64 number of members of each hyperedge."""
        return self.members.degree

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.incidence.device

    @cached_property
    def is_partition(self) -> bool:
        """Whether every node is in exactly one hyperedge."""
        return self.nnz == self.num_nodes and bool((self.degree == 1).all())

    def span(self, node_type: str) -> slice:
        """Returns the numbers of the nodes of a type.

        Raises:
            SchemaError: If there is no such type.
        """
        spans = node_spans(self.node_types)
        if node_type not in spans:
            raise SchemaError(f"unknown node type {node_type!r}.{suggest(node_type, spans)}")
        return spans[node_type]

    # --------------------------------------------------------------- changed copies

    def take(self, edges: Tensor) -> Self:
        """Returns the hypergraph of some hyperedges: ``[n]`` numbers in any order, or a mask."""
        index = edges.nonzero().squeeze(1) if edges.dtype == torch.bool else edges.long()
        kept = self.members.rows(index).transpose
        return type(self)(kept, self.edge_type[index], self.type_names, self.node_types)

    def to(self, device: torch.device | str) -> Self:
        """Returns the hypergraph on ``device``; itself if it is there already."""
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
            f"incidence has {incidence.num_rows} rows, expected {expected}: one for each node."
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
            f"[{incidence.num_cols}]: one type for each hyperedge."
        )
    low, high = int(types.min()), int(types.max())
    if low < 0 or high >= graph.num_types:
        raise DataError(
            f"hyperedge types run from {low} to {high}, expected 0..{graph.num_types - 1} as "
            f"there are {graph.num_types} type names."
        )
