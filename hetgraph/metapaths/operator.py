"""A meta-path as a linear operator: a chain of sparse products that is never composed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.entries import check_sign
from hetgraph.errors import DataError, MetaPathError
from hetgraph.metapaths.chain import ROW_CURE, bind_path, step_relation
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.step import Step

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["MetaPathOperator", "metapath_operator"]


@dataclass(frozen=True, eq=False, repr=False)
class MetaPathOperator:
    """The product of the matrices along a path, applied from right to left.

    ``operator @ x`` multiplies ``x`` by one factor after another, first step first, at
    ``operator.cost`` multiply-adds per column of ``x``, where the composed relation would cost its
    number of entries. It is differentiable in ``x``. The only extra memory is one intermediate
    ``[num_nodes, dim]`` tensor per step.

    Args:
        path: The meta-path.
        weighting: ``"count"`` or ``"row"``.
        factors: One matrix per step, in the order in which they are applied.
    """

    path: MetaPath
    weighting: Literal["count", "row"]
    factors: tuple[CSR, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """``(number of end nodes, number of start nodes)``."""
        return self.factors[-1].num_rows, self.factors[0].num_cols

    @property
    def cost(self) -> int:
        """Multiply-adds per column of ``x``: the number of edges along the path."""
        return sum(factor.nnz for factor in self.factors)

    @property
    def T(self) -> MetaPathOperator:  # noqa: N802 (the name that numpy, scipy and torch use)
        """The transposed operator, from the end of the path to its start."""
        back = tuple(factor.transpose for factor in reversed(self.factors))
        return MetaPathOperator(~self.path, self.weighting, back)

    def __matmul__(self, x: Tensor) -> Tensor:
        """Multiplies.

        Args:
            x: ``[num_start]``, ``[num_start, dim]`` or ``[num_start, heads, dim]`` floats.

        Returns:
            The same shape with ``num_end`` rows.

        Raises:
            DataError: If ``x`` does not have one row per start node.
        """
        from hetgraph.ops.spmm import spmm

        if not isinstance(x, Tensor):
            return NotImplemented
        if x.dim() == 0 or x.shape[0] != self.shape[1]:
            raise DataError(
                f"({self.path}) @ x: x has shape {list(x.shape)}, expected {self.shape[1]} rows, "
                f"one per {self.path.start!r} node."
            )
        for factor in self.factors:
            x = spmm(factor, x)
        return x

    def to(self, device: torch.device | str) -> MetaPathOperator:
        """Returns the operator on ``device``."""
        moved = tuple(factor.to(device) for factor in self.factors)
        return MetaPathOperator(self.path, self.weighting, moved)

    def __repr__(self) -> str:
        rows, cols = self.shape
        return f"MetaPathOperator({str(self.path)!r}, {rows} x {cols}, {self.weighting})"


def metapath_operator(
    graph: HeteroGraph, path: MetaPath | str, *, weighting: Literal["count", "row"] = "count"
) -> MetaPathOperator:
    """Returns a meta-path as a linear operator that is never composed.

    Args:
        graph: The graph.
        path: A meta-path or its text.
        weighting: ``"count"`` or ``"row"``, as for :func:`hetgraph.metapaths.compose.compose`.

    Raises:
        MetaPathError: If the path does not match, or the weighting needs the composed relation.
        DataError: If a weight is negative and rows are to sum to one.

    Example:
        >>> from hetgraph.data import HeteroGraph, Relation
        >>> writes = Relation.from_edges(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2, 2)
        >>> graph = HeteroGraph(
        ...     num_nodes={"author": 2, "paper": 2},
        ...     relations={("author", "writes", "paper"): writes},
        ... )
        >>> coauthors = metapath_operator(graph, "author-paper-author")
        >>> coauthors @ torch.tensor([[1.0], [10.0]])
        tensor([[11.],
                [21.]])
    """
    bound = bind_path(graph, path)
    if weighting not in ("count", "row"):
        raise MetaPathError(
            f"an operator has weighting 'count' or 'row', not {weighting!r}: other weightings need "
            "the composed relation; use compose(graph, path, weighting=...)."
        )
    factors = tuple(_factor(graph, bound, step, weighting) for step in bound.steps)
    return MetaPathOperator(bound, weighting, factors)


def _factor(graph: HeteroGraph, path: MetaPath, step: Step, weighting: str) -> CSR:
    relation = step_relation(graph, path, step)
    if weighting != "row":
        return relation
    check_sign(relation.weight, *relation.coo(), str(step.edge_type), ROW_CURE)
    return relation.normalized("row")
