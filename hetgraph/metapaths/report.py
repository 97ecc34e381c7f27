"""Statistics of a composed meta-path: estimated before it is built, counted afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from hetgraph.data.relation import Relation
from hetgraph.metapaths.chain import Weighting, bind_path, check_weighting
from hetgraph.metapaths.composition import Composition
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.plan import Node
from hetgraph.metapaths.schedule import matrix_bytes
from hetgraph.metapaths.sizes import parse_bytes

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["CompositionEstimate", "CompositionReport", "compose_report", "estimate_composition"]


@dataclass(frozen=True)
class CompositionEstimate:
    """Estimates of a composition, made without building it.

    Args:
        path: The meta-path.
        weighting: As for :func:`hetgraph.metapaths.compose.compose`.
        num_rows: Number of end nodes.
        num_cols: Number of start nodes.
        nnz: Estimated number of entries.
        relative_error: Upper bound of the relative standard deviation of ``nnz``; 0 if exact.
        upper: Upper bound of the number of entries.
        instances: Number of path instances, with parallel edges counted separately; exact.
        result_bytes: Size of the relation.
        peak_bytes: Peak memory.
        terms: Number of multiply-adds.
        order: Order of multiplication.
        seconds: Time that the estimate took.
    """

    path: MetaPath
    weighting: Weighting
    num_rows: int
    num_cols: int
    nnz: float
    relative_error: float
    upper: int
    instances: float
    result_bytes: float
    peak_bytes: float
    terms: float
    order: str
    seconds: float

    @property
    def density(self) -> float:
        """Estimated fraction of the pairs that are connected."""
        return self.nnz / max(self.num_rows * self.num_cols, 1)


@dataclass(frozen=True)
class CompositionReport:
    """The estimate and the result of a composition.

    Args:
        estimate: The estimate made beforehand.
        relation: The result.
        seconds: Time that the composition took.
    """

    estimate: CompositionEstimate
    relation: Relation
    seconds: float

    @property
    def nnz(self) -> int:
        """Number of entries."""
        return self.relation.nnz

    @property
    def density(self) -> float:
        """Fraction of the pairs that are connected."""
        return self.nnz / max(self.relation.num_rows * self.relation.num_cols, 1)

    @property
    def deviation(self) -> float:
        """Error of the estimated number of entries, relative to the actual one."""
        return self.estimate.nnz / self.nnz - 1 if self.nnz else self.estimate.nnz

    @property
    def self_loops(self) -> int | None:
        """Number of self-loops; ``None`` if the path ends at another type than its start."""
        if self.estimate.path.start != self.estimate.path.end:
            return None
        rows, cols = self.relation.coo()
        return int((rows == cols).sum())

    @property
    def degree_quartiles(self) -> tuple[int, ...]:
        """Minimum, quartiles and maximum of the number of entries per row."""
        degree = self.relation.degree.sort().values
        if degree.numel() == 0:
            return (0, 0, 0, 0, 0)
        at = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]) * (degree.numel() - 1)
        return tuple(degree[at.round().long()].tolist())

    @property
    def empty_rows(self) -> int:
        """Number of end nodes that no start node reaches."""
        return int((self.relation.degree == 0).sum())

    @property
    def empty_cols(self) -> int:
        """Number of start nodes that reach no end node."""
        reached = torch.zeros(self.relation.num_cols, dtype=torch.bool)
        reached[self.relation.indices.cpu().long()] = True
        return int((~reached).sum())


def estimate_composition(
    graph: HeteroGraph, path: MetaPath | str, *, weighting: Weighting = "binary"
) -> CompositionEstimate:
    """Estimates the size and the cost of a meta-path without building it.

    Raises:
        MetaPathError: If the path or the weighting does not match.
    """
    return _planned(graph, path, weighting, float("inf"))[1]


def compose_report(
    graph: HeteroGraph,
    path: MetaPath | str,
    *,
    weighting: Weighting = "binary",
    keep_self_loops: bool = True,
    memory_budget: int | str = "2GiB",
    on_estimate: Callable[[CompositionEstimate], None] | None = None,
) -> CompositionReport:
    """Estimates, builds and counts a composition, without the cache.

    ``weighting``, ``keep_self_loops`` and ``memory_budget`` are as for
    :func:`hetgraph.metapaths.compose.compose`.

    Args:
        graph: The graph.
        path: A meta-path or its text.
        weighting: Meaning of the values.
        keep_self_loops: Whether to keep the diagonal.
        memory_budget: Peak memory.
        on_estimate: Called with the estimate before the budget is checked.

    Raises:
        MetaPathError: If the path or the weighting does not match.
        BudgetError: If more memory is needed.
    """
    budget = parse_bytes(memory_budget)
    composition, estimate = _planned(graph, path, weighting, budget)
    if on_estimate is not None:
        on_estimate(estimate)
    start = time.perf_counter()
    relation = composition.run(keep_self_loops=keep_self_loops, budget=budget)[0]
    return CompositionReport(estimate, relation, time.perf_counter() - start)


def _planned(
    graph: HeteroGraph, path: MetaPath | str, weighting: Weighting, budget: float
) -> tuple[Composition, CompositionEstimate]:
    start = time.perf_counter()
    bound = bind_path(graph, path)
    check_weighting(weighting, bound)
    composition = Composition.plan(graph, [bound], weighting, budget)
    root, sizes = composition.roots[0], composition.sizes[0]
    exact = len(bound) == 1 or root.nnz == sizes.lower == sizes.upper
    estimate = CompositionEstimate(
        path=bound,
        weighting=weighting,
        num_rows=root.shape[0],
        num_cols=root.shape[1],
        nnz=root.nnz,
        relative_error=0.0 if exact else (sizes.num_labels - 2) ** -0.5,
        upper=sizes.upper,
        instances=sizes.instances,
        result_bytes=matrix_bytes(root.shape[0], root.nnz, composition.entry.result),
        peak_bytes=composition.schedule.peak,
        terms=composition.schedule.terms,
        order=_order(root, bound),
        seconds=time.perf_counter() - start,
    )
    return composition, estimate


def _order(node: Node, path: MetaPath) -> str:
    """Returns the order of multiplication as a bracketed product of node types."""
    types = path.node_types
    if not node.children:
        return f"{types[node.span[0]]}-{types[node.span[1] + 1]}"
    return " x ".join(
        f"({_order(child, path)})" if child.children else _order(child, path)
        for child in node.children
    )
