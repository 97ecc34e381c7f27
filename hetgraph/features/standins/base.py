"""The contract of a kind of stand-in: fitted on one graph, applied to any of the same schema."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.standin import StandIn

__all__ = ["StandInKind"]


class StandInKind(ABC):
    """A rule that gives vectors to the nodes of a type without features.

    A new kind is one module of this package, named like the kind.
    """

    name: ClassVar[str]
    reads_edges: ClassVar[bool] = False
    """Whether the vectors depend on edges, so that they are made anew where edges are hidden."""
    reads_features: ClassVar[bool] = False
    """Whether it reads features of other types, so that it goes after the stand-ins of these."""
    has_dim: ClassVar[bool] = True
    """Whether the user may choose the dimension."""

    def ready(self, graph: HeteroGraph, node_type: str) -> bool:
        """Whether the graph has what :meth:`fit` needs; a stand-in of other types may bring it."""
        return True

    def unready(self, node_type: str) -> str:
        """Returns the message for a type that never gets ready."""
        return f"{node_type!r} cannot have the stand-in {self.name!r}."

    @abstractmethod
    def fit(self, graph: HeteroGraph, node_type: str, dim: int, seed: int) -> StandIn:
        """Returns what the rule needs to answer for nodes of any graph.

        Args:
            graph: The graph to fit on.
            node_type: A type without features.
            dim: Dimension of the vectors.
            seed: Seed of what is drawn.
        """

    @abstractmethod
    def vectors(self, graph: HeteroGraph, node_type: str, standin: StandIn) -> Tensor | None:
        """Returns ``[num_nodes, dim]`` float32, or ``None`` if the encoder learns them.

        Args:
            graph: A graph of the schema that the stand-in was fitted on.
            node_type: The type.
            standin: What :meth:`fit` returned.

        Raises:
            DataError: If the graph lacks what the rule reads.
        """
