"""Random walks, vectorised over all walks: a step is a few indexing operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.numbering import node_spans
from hetgraph.errors import ConfigError, DataError, MetaPathError
from hetgraph.metapaths.chain import bind_path, step_relation
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.sampling._checks import check_ids

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
    """Returns uniform random walks from each start node, or those of node2vec.

    With ``p`` or ``q`` other than 1 the walks are those of node2vec (Grover and Leskovec, KDD
    2016): a step back to the previous node has weight 1 / p, a step to one of its successors 1, and
    any other step 1 / q, drawn by rejection. Parallel edges count separately; edge weights are
    ignored.

    O(n * length); with p and q times log(nnz) and the mean number of rejections.

    Args:
        edges: ``[num_nodes, num_nodes]``; row v holds the successors of node v.
        starts: ``[n]`` start nodes.
        length: Number of steps.
        generator: Random generator.
        p: Return parameter.
        q: In-out parameter.

    Returns:
        ``[n, length + 1]`` int64 nodes; -1 after a node without outgoing edges.

    Raises:
        ConfigError: If ``length``, ``p`` or ``q`` is out of range.
        DataError: If the matrix is not square, or a start is out of range.

    Example:
        >>> cycle = CSR.from_coo(torch.tensor([0, 1, 2]), torch.tensor([1, 2, 0]), (3, 3))
        >>> random_walks(cycle, torch.tensor([0, 2]), 3, torch.Generator())
        tensor([[0, 1, 2, 0],
                [2, 0, 1, 2]])
    """
    if length < 0 or p <= 0 or q <= 0:
        raise ConfigError(
            f"length is {length}, p {p} and q {q}; expected 0 or more and two positive numbers."
        )
    if edges.num_rows != edges.num_cols:
        shape = f"{edges.num_rows} x {edges.num_cols}"
        raise DataError(f"the matrix is {shape}, expected a square one.")
    check_ids("starts", starts, edges.num_rows)
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
    """Returns random walks that repeat the relations of a meta-path.

    These are the walks of metapath2vec (Dong et al., KDD 2017). O(n * length).

    Args:
        graph: The graph, on the CPU.
        path: A meta-path with equal start and end types.
        starts: ``[n]`` nodes of this type.
        length: Number of steps.
        generator: Random generator.

    Returns:
        ``[n, length + 1]`` int64 global node ids, offset by type; -1 after a dead end.

    Raises:
        MetaPathError: If the path does not match, or has different start and end types.
        DataError: If a start is out of range.

    Example:
        >>> from hetgraph.data import HeteroGraph, Relation
        >>> writes = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([0, 1]), 2, 2)
        >>> graph = HeteroGraph(
        ...     num_nodes={"author": 2, "paper": 2},
        ...     relations={("author", "writes", "paper"): writes},
        ... )
        >>> starts = torch.tensor([0, 1])
        >>> metapath_walks(graph, "author-paper-author", starts, 2, torch.Generator())
        tensor([[0, 2, 0],
                [1, 3, 1]])
    """
    bound = bind_path(graph, path)
    if bound.start != bound.end:
        raise MetaPathError(
            f"a walk cannot repeat {bound}, which starts at {bound.start!r} and ends at "
            f"{bound.end!r}; use the path and its reverse, .symmetric."
        )
    check_ids("starts", starts, graph.num_nodes[bound.start])
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
    """Returns ``[n]`` next nodes; -1 where ``current`` is -1 or has no outgoing edge."""
    node = current.clamp(min=0)
    degree = torch.where(current >= 0, edges.degree[node], 0)
    place = (torch.rand(node.numel(), generator=generator, dtype=torch.float64) * degree).long()
    entry = edges.indptr[node].long() + torch.minimum(place, degree - 1)
    successor = edges.indices[entry.clamp(0, max(edges.nnz - 1, 0))] if edges.nnz else node
    return torch.where(degree > 0, successor.long(), -1)


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
        proposed, past = result[open_walks], before[open_walks]
        weight = torch.full(proposed.shape, away)
        weight[_contains(keys, past * edges.num_cols + proposed)] = 1.0
        weight[proposed == past] = back
        rejected = torch.rand(proposed.numel(), generator=generator) * most >= weight
        open_walks = open_walks[rejected]
        result[open_walks] = _step(edges, current[open_walks], generator)
    return result


def _contains(keys: Tensor, wanted: Tensor) -> Tensor:
    place = torch.searchsorted(keys, wanted).clamp(max=keys.numel() - 1)
    return keys[place] == wanted
