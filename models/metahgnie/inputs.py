"""Inputs of MetaHGNIE: a hypergraph of the nodes, their structure and their texts."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from hetgraph.data import CSR, HeteroGraph, Hypergraph
from hetgraph.data.hypergraph_relations import (
    relation_hypergraph,
    signature_hypergraph,
    star_hypergraph,
)
from hetgraph.data.hypergraph_sets import SetLimits
from hetgraph.features import (
    WalkConfig,
    hyperedge_features,
    make_encoder,
    text_features,
    walk_features,
)
from hetgraph.features.text import text_scale
from hetgraph.metapaths.hypergraph import metapath_hypergraph
from hetgraph.methods import default_hypergraph
from hetgraph.models.metahgnie.config import MetaHGNIEConfig
from hetgraph.tasks import Task

__all__ = ["input_dims", "make_hypergraph", "semantic_input", "structural_input"]


def make_hypergraph(task: Task, config: MetaHGNIEConfig, seed: int = 0) -> Hypergraph:
    """Returns the hypergraph that a configuration selects, over all nodes of the graph.

    Args:
        task: Its graph and the hypergraphs of its data set are read.
        config: ``hypergraph``, ``metapaths`` and ``max_size`` are read.
        seed: Seed for sampling members of hyperedges larger than ``max_size``.
    """
    if config.hypergraph == "default":
        return default_hypergraph(task)
    if config.hypergraph == "signature":
        return signature_hypergraph(task.graph)
    if config.hypergraph == "relation":
        return relation_hypergraph(task.graph)
    limits = SetLimits(max_size=config.max_size, seed=seed)
    if config.hypergraph == "star":
        return star_hypergraph(task.graph, limits=limits)
    return metapath_hypergraph(task.graph, config.metapaths, limits=limits)


def warn_of_partition(hypergraph: Hypergraph) -> None:
    """Warns that the attention of nodes to hyperedges has nothing to choose from."""
    if hypergraph.is_partition:
        warnings.warn(
            "every node is in exactly one hyperedge, so the attention of nodes to hyperedges is "
            "always 1; model.hypergraph=relation, star or metapath gives hyperedges that overlap.",
            stacklevel=3,
        )


def structural_input(task: Task, hypergraph: Hypergraph, config: MetaHGNIEConfig) -> Tensor:
    """Returns ``[num_nodes, structural_dim]`` float32 of all types."""
    if task.graph.num_edges:
        vectors = walk_features(task.graph, WalkConfig(dim=config.walk_dim))
    else:
        vectors = hyperedge_features(hypergraph, standardize=config.standardize)
    joined = torch.cat([vectors[name] for name in task.graph.num_nodes])
    return _standard(joined) if config.standardize else joined


def semantic_input(
    task: Task, structure: Tensor, config: MetaHGNIEConfig, scale: Tensor | None = None
) -> Tensor:
    """Returns ``[num_nodes, semantic_dim]`` float32 of all types.

    Args:
        task: Its graph is read.
        structure: What stands for the semantics of a graph without texts and features.
        config: ``text`` and ``standardize`` are read.
        scale: ``[2, semantic_dim]`` means and stds of training; ``None``: those of this graph.
    """
    graph = task.graph
    if graph.text:
        given = None if scale is None else (scale[0], scale[1])
        vectors = text_features(graph, config.text, standardize=config.standardize, scale=given)
        return torch.cat([vectors[name] for name in graph.num_nodes])
    joined = _joined_features(graph)
    if joined is None:
        return structure
    return _standard(joined, scale) if config.standardize else joined


def semantic_scale(task: Task, config: MetaHGNIEConfig) -> Tensor | None:
    """Returns ``[2, semantic_dim]`` means and stds; ``None`` for a graph without either input."""
    if task.graph.text:
        return torch.stack(text_scale(task.graph, config.text))
    joined = _joined_features(task.graph)
    return None if joined is None else _scale(joined)


def _joined_features(graph: HeteroGraph) -> Tensor | None:
    """The features of all types side by side; ``None`` without a column."""
    by_type = {name: _dense(x) for name, x in graph.features.items() if len(x.shape) == 2}
    if not any(x.shape[1] for x in by_type.values()):
        return None
    # Columns of different types mean different things, so each type has its own.
    blocks = [by_type.get(name, torch.zeros(n, 0)) for name, n in graph.num_nodes.items()]
    joined: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return joined


def input_dims(task: Task, hypergraph: Hypergraph, config: MetaHGNIEConfig) -> tuple[int, int]:
    """Returns the dims of the structural and the semantic input without computing these."""
    graph = task.graph
    structural = config.walk_dim if graph.num_edges else hypergraph.num_types + 2
    if graph.text:
        return structural, make_encoder(config.text).dim
    semantic = sum(x.shape[1] for x in graph.features.values() if len(x.shape) == 2)
    return structural, semantic or structural


def _dense(x: Tensor | CSR) -> Tensor:
    return x.to_dense(torch.float32) if isinstance(x, CSR) else x.float()


def _standard(x: Tensor, scale: Tensor | None = None) -> Tensor:
    """Returns columns of mean 0 and std 1; a column of equal values becomes zeros."""
    scale = _scale(x) if scale is None else scale
    return (x - scale[0]) / scale[1]


def _scale(x: Tensor) -> Tensor:
    std, mean = torch.std_mean(x, dim=0, correction=0)
    return torch.stack([mean, torch.where(std > 1e-6, std, 1.0)])
