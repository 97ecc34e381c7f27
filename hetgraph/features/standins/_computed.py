"""Computed columns among the features of a graph, which are made anew where edges are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.standin import StandIn
from hetgraph.features.standins._keys import identity
from hetgraph.features.standins.ids import extend_ids, fit_ids
from hetgraph.features.structure import walk_features
from hetgraph.features.text import text_features, text_scale

__all__ = [
    "COMPUTED",
    "computed_mark",
    "encode_computed",
    "keep_computed",
    "refreshed_computed",
]

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


def keep_computed(graph: HeteroGraph, node_type: str) -> StandIn:
    """Returns the mark of a type with its walk vectors, so that nodes of other graphs keep them.

    Walks on another graph would give vectors of another basis. Texts are encoded anew, on the scale
    of training.
    """
    mark, place = graph.standins[node_type], int(graph.standins[node_type].state["start"])
    features, tensors = graph.features[node_type], dict(fit_ids(graph, node_type).tensors)
    assert isinstance(features, Tensor)  # as they were when columns were appended
    for what, dim in mark.state["parts"]:
        if what == "walks":
            tensors["vectors"] = features[:, place : place + dim].clone()
        if encoder := _text_encoder(what):
            tensors["mean"], tensors["std"] = text_scale(graph, encoder)
        place += dim
    state = {**mark.state, "by": identity(graph, node_type)}
    return replace(mark, state=state, tensors=tensors)


def encode_computed(graph: HeteroGraph, node_type: str, kept: StandIn) -> HeteroGraph:
    """Returns a graph with the computed columns of training; new nodes have mean walk vectors.

    Columns from hyperedges must be there. A graph whose features are of neither form is returned
    as it is.
    """
    start, parts = int(kept.state["start"]), kept.state["parts"]
    given = graph.features.get(node_type)
    has = 0 if given is None else given.shape[1]
    if has not in (start, start + sum(dim for _, dim in parts)) or isinstance(given, CSR):
        return graph
    own, place, blocks = given, start, [] if given is None else [given[:, :start]]
    for what, dim in parts:
        if what == "walks":
            block = extend_ids(kept.tensors["vectors"], graph, node_type, kept)
        elif what == "hyperedges":
            if own is None or has == start:
                return graph
            block = own[:, place : place + dim]
        else:
            scale = (kept.tensors["mean"], kept.tensors["std"])
            block = text_features(graph, _text_encoder(what), scale=scale)[node_type]
        blocks.append(block)
        place += dim
    features = {**graph.features, node_type: torch.cat(blocks, dim=1)}
    return graph.replace(features=features, standins={**graph.standins, node_type: kept})


def _made(graph: HeteroGraph, what: str) -> dict[str, Tensor]:
    if encoder := _text_encoder(what):
        return text_features(graph, encoder)
    return walk_features(graph) if graph.num_edges else {}


def _text_encoder(what: str) -> str:
    """Returns the encoder of a block of columns; empty if they are no texts."""
    kind, _, encoder = what.partition(":")
    return encoder if kind == "text" else ""
