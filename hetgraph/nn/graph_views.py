"""Any graph as a list of undirected graphs over its target nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch

from hetgraph.data.csr import CSR
from hetgraph.data.schema import Schema
from hetgraph.errors import DataError
from hetgraph.nn.metapaths import metapath_labels, metapath_relations, metapath_requests
from hetgraph.tasks.base import Task

__all__ = ["closed_pattern", "drop_edges", "graph_views", "is_homogeneous", "view_names"]

WHOLE = "(graph)"


def is_homogeneous(schema: Schema) -> bool:
    """Whether there is one type of nodes."""
    return len(schema.node_types) == 1


def view_names(schema: Schema, target: str, requests: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the views of :func:`graph_views` without dropped edges."""
    if is_homogeneous(schema) and not requests:
        return (WHOLE,)
    return metapath_labels(metapath_requests(schema, target, requests))


def graph_views(
    task: Task, requests: Sequence[str], *, memory_budget: str = "2GiB"
) -> dict[str, CSR]:
    """Returns symmetric patterns over the target nodes, each with all self-loops.

    Meta-paths are composed; without any, a graph of one node type is its own view, and another has
    the short round trips of :func:`metapath_requests`.

    Args:
        task: Its graph, and its data set's name for registered paths.
        requests: Names, texts, or ``name=text``.
        memory_budget: Most memory of the composition.

    Returns:
        ``[num_target_nodes, num_target_nodes]`` by name.

    Raises:
        MetaPathError: If a request is unknown or does not begin and end at the target.
        DataError: If a graph of one node type has no relation.
    """
    schema, target = task.graph.schema, task.spec.target
    names = view_names(schema, target, requests)
    if names == (WHOLE,):
        return {WHOLE: _whole(task, target)}
    asked = metapath_requests(schema, target, requests)
    found = metapath_relations(task, asked, memory_budget=memory_budget)
    return {name: closed_pattern(one) for name, one in zip(found, found.values(), strict=True)}


def closed_pattern(*relations: CSR) -> CSR:
    """Returns the union of relations, their reverses and all self-loops, each pair once.

    Args:
        relations: ``[num_nodes, num_nodes]`` each; values of their entries do not count.
    """
    size = relations[0].num_rows
    total = sp.eye_array(size, dtype=np.int32, format="csr")
    for one in relations:
        ones = np.ones(one.nnz, dtype=np.int32)
        matrix = sp.csr_array((ones, one.indices.numpy(), one.indptr.numpy()), one.shape)
        total = total + matrix + matrix.T
    total.data[:] = 1
    return CSR.from_scipy(total)


def drop_edges(pattern: CSR, share: float, generator: torch.Generator) -> CSR:
    """Drops undirected edges at random, both directions together; self-loops stay.

    Args:
        pattern: What :func:`closed_pattern` returned.
        share: Probability that an edge is dropped.
        generator: Source of chance.
    """
    rows, cols = (one.long() for one in pattern.coo())
    upper = rows < cols
    rows, cols = rows[upper], cols[upper]
    kept = torch.rand(rows.numel(), generator=generator) >= share
    half = CSR.from_coo(rows[kept], cols[kept], pattern.shape)
    return closed_pattern(half)


def _whole(task: Task, target: str) -> CSR:
    relations = tuple(task.graph.relations.values())
    if not relations:
        raise DataError(f"{task.dataset_name}: the graph has no edges between {target!r} nodes.")
    return closed_pattern(*relations)
