"""Text features of a graph: nodes without a text borrow from their neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.data.numbering import joint_adjacency, node_spans
from hetgraph.errors import DataError
from hetgraph.features.embed import embed_texts
from hetgraph.features.encoder import TextEncoder, make_encoder
from hetgraph.ops import spmm

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["text_features"]

_ROUNDS = 3  # steps that a vector is handed on to nodes without a text


def text_features(
    graph: HeteroGraph,
    encoder: TextEncoder | str = "minilm",
    *,
    fill: bool = True,
    standardize: bool = True,
    progress: bool = True,
) -> dict[str, Tensor]:
    """Returns ``[num_nodes, dim]`` float32 vectors by node type.

    Args:
        graph: The graph; at least one type has texts.
        encoder: An encoder or its name, see :func:`make_encoder`.
        fill: Whether a node without a text gets the mean of its neighbours that have one, and so
            on for up to three steps. The others stay zero.
        standardize: Whether each column is brought to mean 0 and deviation 1 over the nodes that
            have a vector.
        progress: Whether to show a bar on a terminal.

    Raises:
        DataError: If no node has a text.
        ConfigError: If there is no such encoder.
    """
    if not graph.text:
        raise DataError(f"no node of {graph.name or 'the graph'} has a text to be encoded.")
    chosen = make_encoder(encoder) if isinstance(encoder, str) else encoder
    spans = node_spans(graph.num_nodes)
    total = sum(graph.num_nodes.values())
    vectors = torch.zeros(total, chosen.dim)
    known = torch.zeros(total, dtype=torch.bool)
    for name, column in graph.text.items():
        vectors[spans[name]] = embed_texts(column, chosen, progress=progress)
        known[spans[name]] = (vectors[spans[name]] != 0).any(dim=1)
    if fill and graph.num_edges:
        vectors, known = _fill(graph, vectors, known)
    if standardize and bool(known.any()):
        some = vectors[known]
        deviation, mean = torch.std_mean(some, dim=0, correction=0)
        vectors[known] = (some - mean) / torch.where(deviation > 1e-6, deviation, 1.0)
    return {name: vectors[span].clone() for name, span in spans.items()}


def _fill(graph: HeteroGraph, vectors: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    edges = joint_adjacency(graph, undirected=True)
    for _ in range(_ROUNDS):
        missing = (~known).nonzero().squeeze(1)
        near = edges.rows(missing)
        count = spmm(near, known.float())
        found = count > 0
        if not bool(found.any()):
            break
        vectors[missing[found]] = spmm(near, vectors)[found] / count[found].unsqueeze(1)
        known = known.clone()
        known[missing[found]] = True
    return vectors, known
