"""Means along meta-paths, of features and of training labels; nothing here is learned."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import CSR, HeteroGraph
from hetgraph.data.entries import check_sign
from hetgraph.metapaths import MetaPath, compose
from hetgraph.metapaths.chain import step_relation
from hetgraph.nn import mean_matrix
from hetgraph.nn.features import SPARSE_FRACTION, Features, feature_matrix
from hetgraph.ops import spgemm, spmm

__all__ = ["aggregate_features", "aggregate_labels", "input_matrix", "label_table"]

_LABEL_CURE = "or set model.edge_weights=false, or model.labels=false"


def input_matrix(graph: HeteroGraph, node_type: str) -> Features:
    """Returns what a type sends: its features, one-hot codes, or one-hot node ids.

    Returns:
        ``[num_nodes, dim]`` float32, dense or sparse.
    """
    given, count = feature_matrix(graph, node_type), graph.num_nodes[node_type]
    nodes = torch.arange(count)
    if given is None:
        return CSR.from_coo(nodes, nodes, (count, count)).to(graph.device)
    if isinstance(given, Tensor) and given.dim() == 1:
        dim = graph.schema.node_types[node_type].dim
        return CSR.from_coo(nodes, given.cpu(), (count, dim)).to(graph.device)
    return given


@dataclass
class _Branch:
    """A node of the tree of paths from one type, keyed by their steps.

    Args:
        factor: Row-normalised matrix of the step that leads here; ``None`` at the root.
        ends: Positions of the paths that end here.
        children: Branches by step.
    """

    factor: CSR | None = None
    ends: list[int] = field(default_factory=list)
    children: dict[Hashable, _Branch] = field(default_factory=dict)


def aggregate_features(graph: HeteroGraph, paths: Sequence[MetaPath]) -> list[Features]:
    """Returns the mean of the features along each path: a product of :func:`mean_matrix`.

    Paths that begin alike share their products. A path costs O(edges * dim) beyond what it
    shares, or less while the features are sparse.

    Args:
        graph: The graph.
        paths: Meta-paths; the result has a row for each node they end at.

    Returns:
        ``[num_end_nodes, dim of the start type]`` for each path, dense or sparse.
    """
    results: list[Features | None] = [None] * len(paths)
    for start in dict.fromkeys(path.start for path in paths):
        root = _Branch()
        for position, path in enumerate(paths):
            if path.start == start:
                _grow(root, graph, path, position)
        _descend(root, input_matrix(graph, start), results)
    return [mean for mean in results if mean is not None]


def _grow(root: _Branch, graph: HeteroGraph, path: MetaPath, position: int) -> None:
    custom = {key: id(relation) for key, relation in path.custom}
    branch = root
    for step in path.steps:
        key = (step, custom.get(step.edge_type))
        if key not in branch.children:
            branch.children[key] = _Branch(mean_matrix(step_relation(graph, path, step)))
        branch = branch.children[key]
    branch.ends.append(position)


def _descend(branch: _Branch, x: Features, results: list[Features | None]) -> None:
    for position in branch.ends:
        results[position] = x
    for child in branch.children.values():
        assert child.factor is not None  # only the root has none
        _descend(child, _multiply(child.factor, x), results)


def _multiply(factor: CSR, x: Features) -> Features:
    if isinstance(x, Tensor):
        return spmm(factor, x)
    if x.device.type != "cpu":
        return spmm(factor, x.to_dense())
    product = spgemm(factor, x)
    few = product.nnz < SPARSE_FRACTION * product.num_rows * product.num_cols
    return product if few else product.to_dense()


def label_table(labels: Tensor, train: Tensor, num_classes: int) -> Tensor:
    """Returns ``[num_nodes, num_classes]``: 0/1 rows of training nodes, zeros for all others.

    Args:
        labels: ``[num_nodes]`` classes or ``[num_nodes, num_classes]`` 0/1.
        train: Ids of the training nodes, the only ones whose labels are read.
        num_classes: Number of classes.
    """
    table = torch.zeros(labels.shape[0], num_classes, device=labels.device)
    given = labels[train]
    table[train] = F.one_hot(given, num_classes).float() if given.dim() == 1 else given.float()
    return table


def aggregate_labels(
    graph: HeteroGraph, paths: Sequence[MetaPath], table: Tensor, memory_budget: str
) -> list[Tensor]:
    """Returns the labels that arrive along each path, those of the node itself left out.

    Args:
        graph: The graph.
        paths: Meta-paths from a type to itself.
        table: ``[num_nodes, num_classes]`` labels.
        memory_budget: Most memory the product of one path may take.

    Returns:
        ``[num_nodes, num_classes]`` for each path.

    Raises:
        DataError: If a weight is negative: what arrives would be no mean of classes.
        BudgetError: If a product does not fit.
    """
    arrived = []
    for path in paths:
        for step in path.steps:
            edges = step_relation(graph, path, step)
            check_sign(edges.weight, *edges.coo(), str(step.edge_type), _LABEL_CURE)
        walk = compose(
            graph, path, weighting="row", keep_self_loops=False, memory_budget=memory_budget
        )
        arrived.append(spmm(walk, table))
    return arrived
