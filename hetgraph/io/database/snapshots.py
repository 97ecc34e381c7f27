"""One graph that holds a graph as it was at several times, so that no node sees a later edge.

The copies of the graph, one per time, are not connected. Whatever a method does on the union -
sampling, propagation, meta-paths - a node of the copy of time ``t`` depends on nothing later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import BudgetError

__all__ = ["Snapshots", "take_snapshots"]

_MOST_EDGES = 200_000_000


@dataclass(frozen=True)
class Snapshots:
    """A graph at several times, as one graph.

    Args:
        graph: The union of the snapshots; their nodes follow each other.
        nodes: By node type, for each snapshot the ``[n]`` int64 visible nodes, in their order.
    """

    graph: HeteroGraph
    nodes: Mapping[str, tuple[Tensor, ...]]

    def position(self, node_type: str, nodes: Tensor, snapshot: Tensor) -> Tensor:
        """Returns the nodes of the union.

        Args:
            node_type: Their type.
            nodes: ``[n]`` int64 nodes of the original graph.
            snapshot: ``[n]`` int64 number of the snapshot of each.

        Returns:
            ``[n]`` int64; -1 for a node that is not visible in its snapshot.
        """
        visible = self.nodes[node_type]
        sizes = torch.tensor([0, *(ids.numel() for ids in visible)])
        first = sizes.cumsum(0)
        found = torch.full_like(nodes, -1)
        for number, ids in enumerate(visible):
            own = (snapshot == number).nonzero().flatten()
            at = torch.searchsorted(ids, nodes[own])
            hit = torch.zeros(own.numel(), dtype=torch.bool)
            inside = at < ids.numel()
            hit[inside] = ids[at[inside]] == nodes[own][inside]
            found[own[hit]] = first[number] + at[hit]
        return found


def take_snapshots(
    graph: HeteroGraph,
    times: Sequence[float],
    node_time: Mapping[str, Tensor],
    labels: Sequence[str],
    *,
    most_edges: int = _MOST_EDGES,
) -> Snapshots:
    """Returns a graph as it was at several times.

    A node is visible from its time on, an edge from its time on and with visible ends. What has no
    time is always visible. A node type without features gets the logarithms of its degrees in the
    snapshot: learned vectors of nodes would say nothing about the nodes of another snapshot.

    Args:
        graph: The graph with all nodes and edges; edge times are those of its relations.
        times: The times, ascending.
        node_time: ``[num_nodes]`` times by node type.
        labels: A name for each time, which becomes a part of the ids: ``7 @ 2024-05-01``.
        most_edges: Most edges of the union.

    Raises:
        BudgetError: If there would be more.

    Example:
        >>> buys = Relation.from_edges(
        ...     torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2, 2,
        ...     edge_time=torch.tensor([5, 7, 9]))
        >>> graph = HeteroGraph(
        ...     num_nodes={"user": 2, "item": 2}, relations={("user", "buys", "item"): buys})
        >>> union = take_snapshots(graph, [6, 8], {}, ["6", "8"]).graph
        >>> union.num_nodes["user"], union.relation("buys").edge_time.tolist()
        (4, [5, 5, 7])
    """
    visible = {
        node_type: _visible(node_time.get(node_type), count, times)
        for node_type, count in graph.num_nodes.items()
    }
    relations: dict[EdgeType, Relation] = {}
    left = most_edges
    for key, relation in graph.relations.items():
        union = _union(key, relation, times, visible, left)
        if union is None:
            raise BudgetError(
                f"relation ({key}): with its edges the {len(times)} snapshots of the graph have "
                f"more than {most_edges:,} edges; take longer windows, or fewer times."
            )
        relations[key] = union
        left -= union.num_edges
    index = {node_type: torch.cat(list(parts)) for node_type, parts in visible.items()}
    whole = graph.replace(
        num_nodes={node_type: nodes.numel() for node_type, nodes in index.items()},
        relations=relations,
        features={
            node_type: values.rows(index[node_type])
            if isinstance(values, CSR)
            else values[index[node_type]]
            for node_type, values in graph.features.items()
        },
        ids={
            node_type: _ids(graph.ids.get(node_type), parts, labels)
            for node_type, parts in visible.items()
        },
        text={
            node_type: column.take(pa.array(index[node_type].numpy()))
            for node_type, column in graph.text.items()
        },
    )
    return Snapshots(_with_degrees(whole), visible)


def _visible(time: Tensor | None, count: int, times: Sequence[float]) -> tuple[Tensor, ...]:
    if time is None:
        return (torch.arange(count),) * len(times)
    return tuple((time <= cut).nonzero().flatten() for cut in times)


def _union(
    key: EdgeType,
    relation: Relation,
    times: Sequence[float],
    visible: Mapping[str, tuple[Tensor, ...]],
    most: int,
) -> Relation | None:
    """Returns the edges of a relation in all snapshots; ``None`` if there are too many."""
    src, dst = relation.edges()
    kept: list[Tensor] = []
    ends: list[tuple[Tensor, Tensor]] = []
    offsets = [0, 0]
    total = 0
    for number, cut in enumerate(times):
        new_src = _renumbered(visible[key.src][number], relation.num_src, offsets[0])[src]
        new_dst = _renumbered(visible[key.dst][number], relation.num_dst, offsets[1])[dst]
        seen = (new_src >= 0) & (new_dst >= 0)
        if relation.edge_time is not None:
            seen &= relation.edge_time <= cut
        edges = seen.nonzero().flatten()
        total += edges.numel()
        if total > most:
            return None
        kept.append(edges)
        ends.append((new_src[edges], new_dst[edges]))
        offsets[0] += visible[key.src][number].numel()
        offsets[1] += visible[key.dst][number].numel()
    chosen = torch.cat(kept)
    values: dict[str, Any] = {
        name: None if value is None else value[chosen]
        for name, value in (
            ("weight", relation.weight),
            ("edge_features", relation.edge_features),
            ("edge_time", relation.edge_time),
        )
    }
    return Relation.from_edges(
        torch.cat([src for src, _ in ends]),
        torch.cat([dst for _, dst in ends]),
        offsets[0],
        offsets[1],
        **values,
    )


def _renumbered(visible: Tensor, count: int, offset: int) -> Tensor:
    """Returns the new number of each node, -1 for those that are not visible."""
    numbers = torch.full((count,), -1)
    numbers[visible] = torch.arange(offset, offset + visible.numel())
    return numbers


def _ids(column: pa.Array | None, visible: Sequence[Tensor], labels: Sequence[str]) -> pa.Array:
    parts = []
    for nodes, label in zip(visible, labels, strict=True):
        numbers = pa.array(nodes.numpy())
        own = numbers if column is None else column.take(numbers)
        try:
            texts = own.cast(pa.large_string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # Bytes that are no text.
            texts = numbers.cast(pa.large_string())
        ending = pa.scalar(f" @ {label}", pa.large_string())
        parts.append(pc.binary_join_element_wise(texts, ending, pa.scalar("", pa.large_string())))
    return pa.chunked_array(parts, pa.large_string()).combine_chunks()


def _with_degrees(graph: HeteroGraph) -> HeteroGraph:
    """Gives node types without features and text the logarithms of their degrees."""
    features = dict(graph.features)
    for node_type, count in graph.num_nodes.items():
        if node_type in features or node_type in graph.text:
            continue
        columns = [torch.ones(count)]
        for key, relation in graph.relations.items():
            if key.dst == node_type:
                columns.append(torch.log1p(relation.indptr.diff().float()))
            if key.src == node_type and graph.schema.reverse_of(key) is None:
                degrees = np.bincount(relation.indices.numpy(), minlength=count)
                columns.append(torch.log1p(torch.from_numpy(degrees).float()))
        features[node_type] = torch.stack(columns, dim=1)
    return graph.replace(features=features)
