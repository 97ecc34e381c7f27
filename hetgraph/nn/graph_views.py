"""Any graph as a list of undirected graphs over its target nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import Schema
from hetgraph.errors import DataError
from hetgraph.nn.metapaths import metapath_labels, metapath_relations, metapath_requests

__all__ = ["closed_pattern", "drop_edges", "graph_views", "is_homogeneous", "view_names"]

WHOLE = "(graph)"


def is_homogeneous(schema: Schema) -> bool:
    """Whether there is one type of nodes.

    Args:
        schema: What the graph is made of.

    Example:
        >>> is_homogeneous(HeteroGraph(num_nodes={"page": 3}, relations={}).schema)
        True
    """
    return len(schema.node_types) == 1


def view_names(schema: Schema, target: str, requests: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the views of :func:`graph_views` without dropped edges.

    Args:
        schema: What the graph is made of.
        target: The node type of the views.
        requests: Names, texts, or ``name=text``; empty takes the default meta-paths.

    Example:
        >>> from hetgraph import load_dataset
        >>> graph = load_dataset("synthetic/academic", num_nodes=500).graph
        >>> view_names(graph.schema, "author", ["apa=author-paper-author"])
        ('apa',)
    """
    if is_homogeneous(schema) and not requests:
        return (WHOLE,)
    return metapath_labels(metapath_requests(schema, target, requests))


def graph_views(
    graph: HeteroGraph,
    dataset_name: str,
    target: str,
    requests: Sequence[str],
    *,
    memory_budget: str = "2GiB",
) -> dict[str, CSR]:
    """Returns symmetric patterns over the target nodes, each with all self-loops.

    Meta-paths are composed; without any, a graph of one node type is its own view, and another has
    the short round trips of :func:`metapath_requests`.

    Args:
        graph: The graph.
        dataset_name: Name of its data set, for registered paths.
        target: The node type.
        requests: Names, texts, or ``name=text``.
        memory_budget: Most memory of the composition.

    Returns:
        ``[num_target_nodes, num_target_nodes]`` by name.

    Raises:
        MetaPathError: If a request is unknown or does not begin and end at the target.
        DataError: If a graph of one node type has no relation.

    Example:
        >>> from hetgraph import load_dataset
        >>> graph = load_dataset("synthetic/academic", num_nodes=500).graph
        >>> views = graph_views(graph, "", "author", ["apa=author-paper-author"])
        >>> views["apa"].shape == (graph.num_nodes["author"],) * 2
        True
    """
    schema = graph.schema
    names = view_names(schema, target, requests)
    if names == (WHOLE,):
        return {WHOLE: _whole(graph, target)}
    asked = metapath_requests(schema, target, requests)
    composed = metapath_relations(
        graph, dataset_name, (target,), asked, memory_budget=memory_budget
    )
    return {name: closed_pattern(relation) for name, relation in composed.items()}


def closed_pattern(*relations: CSR) -> CSR:
    """Returns the union of relations, their reverses and all self-loops, each pair once.

    Args:
        relations: ``[num_nodes, num_nodes]`` each; values of their entries do not count.

    Example:
        >>> edge = CSR.from_coo(torch.tensor([0]), torch.tensor([1]), (2, 2))
        >>> closed_pattern(edge).to_dense().tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    size = relations[0].num_rows
    total = sp.eye_array(size, dtype=np.int32, format="csr")
    for relation in relations:
        ones = np.ones(relation.nnz, dtype=np.int32)
        entries = (ones, relation.indices.numpy(), relation.indptr.numpy())
        matrix = sp.csr_array(entries, relation.shape)
        total = total + matrix + matrix.T
    total.data[:] = 1
    return CSR.from_scipy(total)


def drop_edges(pattern: CSR, fraction: float, generator: torch.Generator) -> CSR:
    """Drops undirected edges at random, both directions together; self-loops stay.

    Args:
        pattern: What :func:`closed_pattern` returned.
        fraction: Probability of dropping an edge.
        generator: Random generator.

    Example:
        >>> edge = closed_pattern(CSR.from_coo(torch.tensor([0]), torch.tensor([1]), (2, 2)))
        >>> drop_edges(edge, 1.0, torch.Generator()).to_dense().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    rows, cols = (ids.long() for ids in pattern.coo())
    upper = rows < cols
    rows, cols = rows[upper], cols[upper]
    kept = torch.rand(rows.numel(), generator=generator) >= fraction
    half = CSR.from_coo(rows[kept], cols[kept], pattern.shape)
    return closed_pattern(half)


def _whole(graph: HeteroGraph, target: str) -> CSR:
    relations = tuple(graph.relations.values())
    if not relations:
        raise DataError(f"the graph {graph.name} has no edges between {target!r} nodes.")
    return closed_pattern(*relations)
