"""One learned vector per node, in the encoder."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.standin import StandIn
from hetgraph.errors import DataError
from hetgraph.features.standins._incidence import incidences
from hetgraph.features.standins._keys import check_identity, identity, node_keys, places
from hetgraph.features.standins.base import StandInKind
from hetgraph.ops import spmm

__all__ = ["Ids", "extend_ids", "fit_ids", "known_places"]


class Ids(StandInKind):
    """Leaves the type without features, so that encoders learn one vector per node.

    It keeps which nodes there are, for :func:`extend_ids`.
    """

    name: ClassVar[str] = "ids"
    has_dim: ClassVar[bool] = False

    def fit(self, graph: HeteroGraph, node_type: str, dim: int, seed: int) -> StandIn:
        """Keeps the nodes of the type."""
        return fit_ids(graph, node_type)

    def vectors(self, graph: HeteroGraph, node_type: str, standin: StandIn) -> None:
        """Returns ``None``."""
        return


def fit_ids(graph: HeteroGraph, node_type: str, rows: Tensor | None = None) -> StandIn:
    """Returns which nodes of a type there are, as a value that :func:`known_places` reads.

    Args:
        graph: The graph.
        node_type: The type.
        rows: ``[n]`` int64 nodes to keep, in this order; ``None``: all.
    """
    keys = node_keys(graph, node_type)
    kept = keys if rows is None else keys[rows]
    return StandIn(Ids.name, state={"by": identity(graph, node_type)}, tensors={"keys": kept})


def known_places(graph: HeteroGraph, node_type: str, fitted: StandIn) -> Tensor:
    """Returns ``[num_nodes]`` int64 places of the nodes of a graph among fitted ones; -1: new.

    Args:
        graph: A graph with old and new nodes, in any order.
        node_type: The type.
        fitted: What :func:`fit_ids` returned of the other graph.

    Raises:
        DataError: If nodes have ids in one graph and none in the other.
    """
    check_identity(graph, node_type, fitted.state["by"])
    return places(node_keys(graph, node_type), fitted.tensors["keys"])


def extend_ids(learned: Tensor, graph: HeteroGraph, node_type: str, standin: StandIn) -> Tensor:
    """Returns learned vectors for all nodes of a graph, those of new nodes made from the old ones.

    A new node gets the mean over its neighbours of the mean vector of the old nodes of its own type
    that they are joined to, as vectors of another type mean something else. Where there are no such
    nodes it gets the mean of all. O(num_edges * dim).

    Args:
        learned: ``[num_old, dim]`` vectors in the order of the graph that was learned from.
        graph: A graph with old and new nodes, in any order.
        node_type: The type of the vectors.
        standin: The type's entry in ``graph.standins`` of the graph that was learned from.

    Returns:
        ``[num_nodes, dim]``; the vectors of old nodes are unchanged.

    Raises:
        DataError: If there is not one vector per old node.

    Example:
        >>> from hetgraph.data import Relation
        >>> from hetgraph.features import apply_standins
        >>> writes = Relation.from_edges(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1]), 3, 2)
        >>> new = HeteroGraph(
        ...     num_nodes={"author": 3, "paper": 2},
        ...     relations={("author", "writes", "paper"): writes},
        ... )
        >>> old = new.subgraph({"author": torch.tensor([0, 1])})
        >>> standin = apply_standins(old, {"author": "ids"}).standins["author"]
        >>> extend_ids(torch.tensor([[1.0], [5.0]]), new, "author", standin)
        tensor([[1.],
                [5.],
                [5.]])
    """
    fitted = standin.tensors["keys"]
    if learned.dim() != 2 or learned.shape[0] != fitted.numel():
        raise DataError(
            f"{list(learned.shape)} learned vectors of {node_type!r}, expected "
            f"[{fitted.numel()}, dim]: one per node."
        )
    place = known_places(graph, node_type, standin).to(learned.device)
    old = (place >= 0).float().unsqueeze(1)
    if not fitted.numel():
        return learned.new_zeros(place.numel(), learned.shape[1])
    own = learned[place.clamp(min=0)]
    # One more column counts the old nodes, so that the same products give sums and numbers.
    counted = torch.cat([own, torch.ones_like(old)], dim=1) * old
    total = torch.zeros_like(counted)
    for incidence in incidences(graph, node_type):
        edges = incidence.matrix.with_weight(None).to(learned.device)
        total += spmm(edges, _means(edges.transpose, counted))
    near = total[:, :-1] / total[:, -1:].clamp(min=1)
    made = torch.where(total[:, -1:] > 0, near, learned.mean(0))
    return torch.where(old > 0, own, made)


def _means(edges: CSR, counted: Tensor) -> Tensor:
    """Returns the mean of the old neighbours and a one, or zeros where there are none."""
    sums = spmm(edges, counted)
    return sums / sums[:, -1:].clamp(min=1)
