"""Computed columns among the features of a graph, which are made anew where edges are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.standin import StandIn
from hetgraph.features.structure import walk_features
from hetgraph.features.text import text_features

__all__ = ["COMPUTED", "computed_mark", "refreshed_computed"]

COMPUTED = "computed"
"""Kind of the mark of columns that were computed from edges, beside others that a type may have."""


def computed_mark(parts: Sequence[tuple[str, int]], start: int, edges: str) -> StandIn:
    """Returns the mark of computed columns in the features of a type.

    Args:
        parts: What each block of columns is, and its dim: ``"walks"``, ``"text:<encoder>"``, or
            ``"hyperedges"``, which is no matter of edges and stays as it is.
        start: The first of these columns.
        edges: Digest of the edges that were read.
    """
    dim = sum(size for _, size in parts)
    state = {"start": start, "parts": [list(part) for part in parts]}
    return StandIn(COMPUTED, dim, state=state, edges=edges)


def refreshed_computed(graph: HeteroGraph, edges: str) -> HeteroGraph:
    """Returns the graph with columns that are computed from the edges it has now.

    Args:
        graph: The graph.
        edges: Digest of its edges.
    """
    marks = {k: mark for k, mark in graph.standins.items() if mark.kind == COMPUTED}
    if all(mark.edges == edges for mark in marks.values()):
        return graph
    made: dict[str, dict[str, Tensor]] = {}
    features, standins = dict(graph.features), dict(graph.standins)
    for node_type, mark in marks.items():
        given = features[node_type]
        assert isinstance(given, Tensor)  # as they were when columns were appended
        start = int(mark.state["start"])
        blocks, place = [given[:, :start]], start
        for what, dim in mark.state["parts"]:
            block = given[:, place : place + dim]
            if what != "hyperedges":
                if what not in made:
                    made[what] = _made(graph, what)
                block = made[what].get(node_type, torch.zeros_like(block)).to(given)
            blocks.append(block)
            place += dim
        features[node_type] = torch.cat([*blocks, given[:, place:]], dim=1)
        standins[node_type] = replace(mark, edges=edges)
    return graph.replace(features=features, standins=standins)


def _made(graph: HeteroGraph, what: str) -> dict[str, Tensor]:
    kind, _, encoder = what.partition(":")
    if kind == "text":
        return text_features(graph, encoder)
    return walk_features(graph) if graph.num_edges else {}
