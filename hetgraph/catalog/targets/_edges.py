"""Base class of targets on the edges of one relation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from hetgraph.catalog.targets.base import Target
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError

__all__ = ["EdgeTarget", "check_edges"]


class EdgeTarget(Target):
    """A target on given edges of one relation, which need not be in the graph.

    The ids of a split are positions in ``edges``.
    """

    over: ClassVar[Literal["nodes", "edges"]] = "edges"

    edge_type: EdgeType
    edges: Tensor
    target: Tensor
    time: Tensor | None

    def meta(self) -> dict[str, Any]:
        """Returns the fields that are not tensors, as JSON values."""
        return {**super().meta(), "edge_type": list(self.edge_type)}

    @classmethod
    def read(cls, meta: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Builds the target from the results of :meth:`meta` and :meth:`tensors`."""
        return super().read({**meta, "edge_type": EdgeType(*meta["edge_type"])}, tensors)

    def node_ids(self) -> Iterable[tuple[str, Tensor]]:
        """Yields sources and destinations."""
        yield self.edge_type.src, self.edges[0]
        yield self.edge_type.dst, self.edges[1]

    def split_size(self, num_nodes: Mapping[str, int]) -> int:
        """Returns the number of edges: splits hold positions among them."""
        return self.edges.shape[1]


def check_edges(target: EdgeTarget, dtype: torch.dtype) -> None:
    """Checks that edges, targets and times fit each other.

    Raises:
        DataError: Naming everything that is wrong.
    """
    edges, time = target.edges, target.time
    wrong = []
    if edges.dtype != torch.int64 or edges.dim() != 2 or edges.shape[0] != 2:
        wrong.append(f"edges are {edges.dtype} {list(edges.shape)}, expected int64 [2, n]")
    elif edges.numel() and int(edges.min()) < 0:
        wrong.append(f"edges hold the node {int(edges.min())}, expected ids from 0")
    size = list(edges.shape[-1:])
    if target.target.dtype != dtype or list(target.target.shape) != size:
        actual = f"{target.target.dtype} {list(target.target.shape)}"
        wrong.append(f"target is {actual}, expected {dtype} {size}, one value per edge")
    if time is not None and list(time.shape) != size:
        wrong.append(f"time has shape {list(time.shape)}, expected {size}")
    if time is not None and time.is_floating_point() and not bool(torch.isfinite(time).all()):
        wrong.append("time holds NaN or infinite numbers; leave these edges out")
    if wrong:
        raise DataError(f"{target.kind} of {target.edge_type}: {'; '.join(wrong)}.")
