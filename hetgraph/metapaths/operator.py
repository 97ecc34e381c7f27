"""A meta-path as a linear operator: a chain of sparse products that is never multiplied out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError, MetaPathError
from hetgraph.metapaths.chain import bind_path, step_relation
from hetgraph.metapaths.metapath import MetaPath

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["MetaPathOperator", "metapath_operator"]


@dataclass(frozen=True, eq=False, repr=False)
class MetaPathOperator:
    """The product of the matrices along a path, applied from right to left.

    ``operator @ x`` multiplies ``x`` by one factor after the other, first step first, and costs
    ``operator.cost`` multiply-adds for each column of ``x``, in time and in reads; the composed
    relation would cost its number of entries. Gradients flow through to ``x``. The only memory is
    one intermediate ``[num_nodes, dim]`` tensor a step.

    Args:
        path: The meta-path.
        weighting: ``"count"`` or ``"row"``.
        factors: One matrix a step, in the order they are applied.
    """

    path: MetaPath
    weighting: Literal["count", "row"]
    factors: tuple[CSR, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """``(nodes at the end of the path, nodes at its start)``."""
        return self.factors[-1].num_rows, self.factors[0].num_cols

    @property
    def cost(self) -> int:
        """Multiply-adds for each column of ``x``: the edges along the path."""
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
            The same with ``num_end`` rows.

        Raises:
            DataError: If the rows of ``x`` are not the nodes the path starts at.
        """
        from hetgraph.ops.spmm import spmm

        if not isinstance(x, Tensor):
            return NotImplemented
        if x.dim() == 0 or x.shape[0] != self.shape[1]:
            raise DataError(
                f"({self.path}) @ x: x has shape {list(x.shape)}, expected {self.shape[1]} rows, "
                f"one for each {self.path.start!r} node."
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
    """Returns a meta-path as an operator that is never multiplied out.

    Args:
        graph: The graph.
        path: A meta-path or its text.
        weighting: ``"count"`` multiplies like ``compose(..., weighting="count")``; ``"row"`` like
            ``compose(..., weighting="row")``: every factor takes a mean, so the product is a
            random walk.

    Raises:
        MetaPathError: If the path does not fit, or for a weighting that needs the whole product.
    """
    bound = bind_path(graph, path)
    if weighting not in ("count", "row"):
        raise MetaPathError(
            f"an operator has weighting 'count' or 'row', not {weighting!r}: other values are only "
            "known after building the product; use compose(graph, path, weighting=...)."
        )
    relations = (step_relation(graph, bound, step) for step in bound.steps)
    factors: tuple[CSR, ...] = tuple(
        relation.normalized("row") if weighting == "row" else relation for relation in relations
    )
    return MetaPathOperator(bound, weighting, factors)
