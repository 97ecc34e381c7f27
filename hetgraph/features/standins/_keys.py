"""Nodes of two graphs that are the same: those of the same id, or of the same number."""

from __future__ import annotations

import re
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.errors import DataError

__all__ = ["check_identity", "identity", "node_keys", "places"]

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")


def node_keys(graph: HeteroGraph, node_type: str) -> Tensor:
    """Returns ``[num_nodes]`` int64, equal for the same nodes of two graphs.

    That is the id where it is an integer, else a 64-bit hash of it, and the number of the node in
    a graph without ids. A text such as ``"7"`` is the integer: one new id with a letter makes texts
    of all ids of a text file.
    """
    ids = graph.ids.get(node_type)
    if ids is None:
        return torch.arange(graph.num_nodes[node_type])
    if pa.types.is_signed_integer(ids.type):
        return torch.from_numpy(ids.cast(pa.int64()).to_numpy(zero_copy_only=False).copy())
    keys = np.fromiter((_key(str(value)) for value in ids.to_pylist()), np.int64, len(ids))
    return torch.from_numpy(keys)


def _key(text: str) -> int:
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


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
            f"the {node_type!r} nodes that were learned from are known by their {fitted}; in this "
            f"graph they are known by their {here}. Give both graphs ids, or neither."
        )


def places(keys: Tensor, fitted: Tensor) -> Tensor:
    """Returns ``[len(keys)]`` int64 positions of keys among the fitted ones, -1 for new nodes."""
    order = fitted.argsort()
    in_order = fitted[order]
    spot = torch.searchsorted(in_order, keys)
    near = order[spot.clamp(max=max(fitted.numel() - 1, 0))] if fitted.numel() else spot
    known = fitted[near] == keys if fitted.numel() else torch.zeros_like(keys, dtype=torch.bool)
    return torch.where(known, near, -1)
