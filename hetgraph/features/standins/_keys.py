"""Nodes of two graphs that are the same: those of the same id, or of the same number."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.errors import DataError

__all__ = ["check_identity", "identity", "node_keys", "places"]


def node_keys(graph: HeteroGraph, node_type: str) -> Tensor:
    """Returns ``[num_nodes]`` int64, equal for the same nodes of two graphs.

    That is the id where it is an integer, else a 64-bit hash of it, and the number of the node in
    a graph without ids.
    """
    ids = graph.ids.get(node_type)
    if ids is None:
        return torch.arange(graph.num_nodes[node_type])
    if pa.types.is_signed_integer(ids.type):
        return torch.from_numpy(ids.cast(pa.int64()).to_numpy(zero_copy_only=False).copy())
    hashes = (blake2b(str(value).encode(), digest_size=8).digest() for value in ids.to_pylist())
    return torch.from_numpy(np.frombuffer(b"".join(hashes), dtype="<i8").astype(np.int64))


def identity(graph: HeteroGraph, node_type: str) -> str:
    """Returns what tells the nodes of a type apart: their ``"ids"`` or their ``"numbers"``."""
    return "ids" if node_type in graph.ids else "numbers"


def check_identity(graph: HeteroGraph, node_type: str, fitted: str) -> None:
    """Fails when one of two graphs has ids and the other has none.

    Raises:
        DataError: Naming the type.
    """
    if (here := identity(graph, node_type)) != fitted:
        raise DataError(
            f"a stand-in was fitted on {node_type!r} nodes that are known by their {fitted}; in "
            f"this graph they are known by their {here}. Give both graphs ids, or neither."
        )


def places(keys: Tensor, fitted: Tensor) -> Tensor:
    """Returns ``[len(keys)]`` int64 positions of keys among the fitted ones, -1 for new nodes."""
    order = fitted.argsort()
    in_order = fitted[order]
    spot = torch.searchsorted(in_order, keys)
    near = order[spot.clamp(max=max(fitted.numel() - 1, 0))] if fitted.numel() else spot
    known = fitted[near] == keys if fitted.numel() else torch.zeros_like(keys, dtype=torch.bool)
    return torch.where(known, near, -1)
