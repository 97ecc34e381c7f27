"""What a graph holds, for the functions that read all of it and need nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pyarrow as pa
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType, Schema
from hetgraph.data.standin import StandIn

__all__ = ["GraphContent"]


class GraphContent(Protocol):
    """The attributes of a :class:`~hetgraph.data.HeteroGraph` that are data.

    Checks, hash, summary and files are written against it, so that the graph may import them.
    """

    @property
    def schema(self) -> Schema:
        """Types, features and reverses."""

    @property
    def num_nodes(self) -> Mapping[str, int]:
        """Number of nodes by type."""

    @property
    def relations(self) -> Mapping[EdgeType, Relation]:
        """Edges by edge type."""

    @property
    def features(self) -> Mapping[str, Tensor | CSR]:
        """``[num_nodes, dim]`` by node type."""

    @property
    def ids(self) -> Mapping[str, pa.Array]:
        """``[num_nodes]`` ids of the user by node type."""

    @property
    def text(self) -> Mapping[str, pa.Array]:
        """``[num_nodes]`` texts by node type."""

    @property
    def encoders(self) -> Mapping[str, Mapping[str, Any]]:
        """How features were made from columns, as plain values by type."""

    @property
    def standins(self) -> Mapping[str, StandIn]:
        """How the features of types that had none were made, by type."""

    @property
    def name(self) -> str:
        """Name in tables."""

    @property
    def content_hash(self) -> str:
        """SHA-256 of all but the name, and how features were made."""
