"""The edges of a node type, by neighbour type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.features.store import content_digest

__all__ = ["Incidence", "edges_digest", "incidences"]


@dataclass(frozen=True, eq=False)
class Incidence:
    """The edges of one relation, as rows of the nodes of one of its ends.

    Args:
        edge_type: The relation.
        outgoing: Whether the rows are its sources.
        matrix: ``[num_nodes, num_neighbours]`` with float32 weights, or ``None`` for ones.
    """

    edge_type: EdgeType
    outgoing: bool
    matrix: CSR

    @property
    def neighbour(self) -> str:
        """The type of the columns."""
        return self.edge_type.dst if self.outgoing else self.edge_type.src

    @property
    def label(self) -> str:
        """The relation and its direction."""
        return f"{'out' if self.outgoing else 'in'} {self.edge_type}"


def incidences(graph: HeteroGraph, node_type: str) -> Iterator[Incidence]:
    """Yields the relations of a type in both directions, one of each declared pair of reverses."""
    for key, relation in graph.relations.items():
        if key.dst == node_type:
            yield Incidence(key, False, _plain(relation))
        if key.src == node_type and graph.schema.reverse_of(key) is None:
            yield Incidence(key, True, _plain(relation.transpose))


def edges_digest(graph: HeteroGraph) -> str:
    """Returns a digest of all edges and their weights."""
    parts: list[object] = []
    for key, relation in sorted(graph.relations.items()):
        parts += [list(key), relation.indptr.long(), relation.indices.long()]
        parts += [] if relation.weight is None else [relation.weight]
    return content_digest(*parts)


def _plain(matrix: CSR) -> CSR:
    """Returns the pattern and the weights on the CPU."""
    weight = None if matrix.weight is None else matrix.weight.float()
    return CSR(matrix.indptr, matrix.indices, matrix.num_cols, weight).to("cpu")
