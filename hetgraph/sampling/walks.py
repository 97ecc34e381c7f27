"""Random walks: all of them one step at a time, so a step is a few indexing operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.numbering import node_spans
from hetgraph.errors import ConfigError, DataError, MetaPathError
from hetgraph.metapaths.chain import bind_path, step_relation
from hetgraph.metapaths.metapath import MetaPath

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["metapath_walks", "random_walks"]


def random_walks(
    edges: CSR,
    starts: Tensor,
    length: int,
    generator: torch.Generator,
    *,
    p: float = 1.0,
    q: float = 1.0,
) -> Tensor:
    """Walks from each start node, every edge of a node as likely as the others.

    With other ``p`` and ``q`` the walks are those of node2vec (Grover and Leskovec, KDD 2016): a
    step back to the node before weighs 1 / p, one to a node that has an edge from it 1, any other
    1 / q. They are drawn by rejection. Parallel edges count apart, weights do not count.

    O(n * length), with p and q times log(nnz) and the mean number of rejections.

    Args:
        edges: ``[num_nodes, num_nodes]``: row v holds the nodes that a step from v can go to.
        starts: ``[n]`` nodes.
        length: Number of steps.
        generator: Source of chance.
        p: Reluctance to return.
        q: Reluctance to move away.

    Returns:
        ``[n, length + 1]`` int64 nodes; -1 after a node that no edge leaves.

    Raises:
        ConfigError: If ``length``, ``p`` or ``q`` is out of its range.
        DataError: If the matrix is not square.
    """
    if length < 0 or p <= 0 or q <= 0:
        raise ConfigError(
            f"length is {length}, p {p} and q {q}; expected 0 or more and two positive numbers."
        )
    if edges.num_rows != edges.num_cols:
        shape = f"{edges.num_rows} x {edges.num_cols}"
        raise DataError(f"the matrix is {shape}, expected a square one.")
    walks = torch.full((starts.numel(), length + 1), -1, dtype=torch.int64)
    walks[:, 0] = starts
    biased = p != 1.0 or q != 1.0
    keys = edges.row_ids * edges.num_cols + edges.indices.long() if biased else None
    for step in range(length):
        current = walks[:, step]
        if keys is None or step == 0:
            walks[:, step + 1] = _step(edges, current, generator)
        else:
            before = walks[:, step - 1]
            walks[:, step + 1] = _biased_step(edges, keys, before, current, generator, (p, q))
    return walks


def metapath_walks(
    graph: HeteroGraph,
    path: MetaPath | str,
    starts: Tensor,
    length: int,
    generator: torch.Generator,
) -> Tensor:
    """Walks that follow the relations of a meta-path, over and over.

    These are the walks of metapath2vec (Dong et al., KDD 2017). O(n * length).

    Args:
        graph: The graph, on the CPU.
        path: A meta-path that ends at the type it starts at.
        starts: ``[n]`` nodes of this type.
        length: Number of steps.
        generator: Source of chance.

    Returns:
        ``[n, length + 1]`` int64 nodes, numbered through all types; -1 after a dead end.

    Raises:
        MetaPathError: If the path does not fit, or does not end where it starts.
    """
    bound = bind_path(graph, path)
    if bound.start != bound.end:
        raise MetaPathError(
            f"a walk over {bound} cannot go on: it starts at {bound.start!r} and ends at "
            f"{bound.end!r}; use the path and back, .symmetric."
        )
    spans = node_spans(graph.num_nodes)
    edges = [step_relation(graph, bound, step).transpose for step in bound.steps]
    walks = torch.full((starts.numel(), length + 1), -1, dtype=torch.int64)
    current = starts.long()
    walks[:, 0] = current + spans[bound.start].start
    for number in range(length):
        place = number % len(bound)
        current = _step(edges[place], current, generator)
        offset = spans[bound.steps[place].end].start
        walks[:, number + 1] = torch.where(current >= 0, current + offset, -1)
    return walks


def _step(edges: CSR, current: Tensor, generator: torch.Generator) -> Tensor:
    """Returns ``[n]`` next nodes, -1 where ``current`` is -1 or has no way on."""
    node = current.clamp(min=0)
    degree = torch.where(current >= 0, edges.degree[node], 0)
    place = (torch.rand(node.numel(), generator=generator, dtype=torch.float64) * degree).long()
    entry = edges.indptr[node].long() + torch.minimum(place, degree - 1)
    found = edges.indices[entry.clamp(0, max(edges.nnz - 1, 0))] if edges.nnz else node
    return torch.where(degree > 0, found.long(), -1)


def _biased_step(
    edges: CSR,
    keys: Tensor,
    before: Tensor,
    current: Tensor,
    generator: torch.Generator,
    weights: tuple[float, float],
) -> Tensor:
    back, away = 1 / weights[0], 1 / weights[1]
    most = max(back, 1.0, away)
    result = _step(edges, current, generator)
    open_walks = (result >= 0).nonzero().squeeze(1)
    while open_walks.numel():
        found, past = result[open_walks], before[open_walks]
        weight = torch.full(found.shape, away)
        weight[_contains(keys, past * edges.num_cols + found)] = 1.0
        weight[found == past] = back
        refused = torch.rand(found.numel(), generator=generator) * most >= weight
        open_walks = open_walks[refused]
        result[open_walks] = _step(edges, current[open_walks], generator)
    return result


def _contains(keys: Tensor, wanted: Tensor) -> Tensor:
    place = torch.searchsorted(keys, wanted).clamp(max=keys.numel() - 1)
    return keys[place] == wanted
