"""A hash of the content of a graph, independent of how it was built or stored."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.data.content import GraphContent
from hetgraph.data.csr import CSR
from hetgraph.data.relation import Relation
from hetgraph.errors import DataError

__all__ = ["graph_hash"]

# Blocks are hashed in parallel, so their size is part of the definition of the hash.
_BLOCK_BYTES = 8 << 20
_INT32_LIMIT = 2**31 - 1
_VERSION = "hetgraph-content-1"

Array = np.ndarray[Any, Any]


class _Leaves:
    """Arrays to hash, each under a key for its place in the graph."""

    def __init__(self) -> None:
        self.arrays: list[tuple[str, str, Array, str]] = []

    def add(self, key: str, array: Array, kind: str, canonical: str = "") -> None:
        """Adds an array, to be hashed as dtype ``canonical`` (default: its own)."""
        self.arrays.append((key, kind, array, canonical or array.dtype.str))

    def digests(self) -> dict[str, list[Any]]:
        """Returns ``[kind, shape, digest]`` by key."""
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            blocks = pool.map(_block_digest, self._blocks())
            digests: dict[str, list[Any]] = {}
            for key, kind, array, canonical in self.arrays:
                outer = hashlib.sha256()
                for _ in range(_num_blocks(array, canonical)):
                    outer.update(next(blocks))
                digests[key] = [kind, list(array.shape), outer.hexdigest()]
        return digests

    def _blocks(self) -> Iterator[tuple[Array, str]]:
        for _, _, array, canonical in self.arrays:
            flat = np.ascontiguousarray(array).reshape(-1)
            step = _BLOCK_BYTES // np.dtype(canonical).itemsize
            for start in range(0, flat.size, step):
                yield flat[start : start + step], canonical


def graph_hash(graph: GraphContent) -> str:
    """Returns the SHA-256 of the schema, features, relations, ids and text of a graph.

    It does not depend on the graph's name, the order in which types, edges or reverse pairs were
    given, the device, or the integer dtype (int32 or int64). It does depend on the floating-point
    dtype, and on the order of parallel edges when they carry values.

    The hash is a tree: 8 MiB blocks are hashed in parallel, then the block digests of each array,
    then sorted JSON of the digests of all arrays. About 1 GB/s per core.

    Raises:
        DataError: If ids or text have an Arrow type without a canonical form.
    """
    leaves = _Leaves()
    for node_type, features in graph.features.items():
        key = json.dumps(["features", node_type])
        if isinstance(features, CSR):
            _add_csr(leaves, key, features)
        else:
            _add_tensor(leaves, key, features)
    for edge_type, relation in graph.relations.items():
        _add_csr(leaves, json.dumps(["relation", *edge_type]), relation)
    for what, columns in (("ids", graph.ids), ("text", graph.text)):
        for node_type, column in columns.items():
            _add_column(leaves, json.dumps([what, node_type]), column)
    root = {
        "version": _VERSION,
        "schema": _canonical_schema(graph),
        "num_nodes": dict(graph.num_nodes),
        "arrays": leaves.digests(),
    }
    text = json.dumps(root, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical_schema(graph: GraphContent) -> dict[str, Any]:
    declared = graph.schema.to_dict()
    declared["node_types"].sort(key=lambda node: node["name"])
    declared["edge_types"].sort(key=lambda edge: edge["type"])
    declared["reverses"] = sorted(sorted(pair) for pair in declared["reverses"])
    return declared


def _add_csr(leaves: _Leaves, key: str, matrix: CSR) -> None:
    index = "<i4" if max(*matrix.shape, matrix.nnz) <= _INT32_LIMIT else "<i8"
    leaves.add(f"{key} shape", np.array(matrix.shape, dtype="<i8"), "index")
    leaves.add(f"{key} indptr", matrix.indptr.cpu().numpy(), "index", index)
    leaves.add(f"{key} indices", matrix.indices.cpu().numpy(), "index", index)
    values = {"weight": matrix.weight}
    if isinstance(matrix, Relation):
        values |= {"edge_features": matrix.edge_features, "edge_time": matrix.edge_time}
    for name, value in values.items():
        if value is not None:
            _add_tensor(leaves, f"{key} {name}", value)


def _add_tensor(leaves: _Leaves, key: str, tensor: Tensor) -> None:
    tensor = tensor.detach().cpu().contiguous()
    if tensor.is_floating_point() or tensor.dtype == torch.bool:
        kind = str(tensor.dtype).removeprefix("torch.")
        raw = tensor.reshape(-1).view(torch.uint8).numpy()
        leaves.add(f"{key} of shape {list(tensor.shape)}", raw, kind)
    else:
        leaves.add(key, tensor.numpy(), "int", "<i8")


def _add_column(leaves: _Leaves, key: str, column: pa.Array) -> None:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.null_count:
        leaves.add(f"{key} valid", np.asarray(column.is_valid()).astype("u1"), "valid")
    kind, column = _canonical_column(key, column)
    if kind not in ("string", "binary"):
        canonical = {"int": "<i8", "uint64": "<u8"}.get(kind, "<f8")
        leaves.add(key, column.to_numpy(zero_copy_only=False), kind, canonical)
        return
    offsets = np.frombuffer(column.buffers()[1], dtype="<i8")
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    data = column.buffers()[2]
    raw = np.frombuffer(data, dtype="u1") if data is not None else np.zeros(0, dtype="u1")
    leaves.add(f"{key} lengths", np.diff(offsets), kind, "<i8")
    leaves.add(key, raw[offsets[0] : offsets[-1]] if offsets.size else raw, kind)


def _canonical_column(key: str, column: pa.Array) -> tuple[str, pa.Array]:
    """Returns the kind and the column cast to int64, uint64, float64, large string or binary."""
    kind = column.type
    try:
        if pa.types.is_uint64(kind):
            return "uint64", pc.fill_null(column, 0)
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return "int", pc.fill_null(column.cast(pa.int64()), 0)
        if pa.types.is_floating(kind):
            return "float", pc.fill_null(column.cast(pa.float64()), 0.0)
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return "binary", pc.fill_null(column.cast(pa.large_binary()), b"")
        if pa.types.is_fixed_size_binary(kind):
            return "binary", pc.fill_null(column.cast(pa.large_binary()), b"")
        return "string", pc.fill_null(column.cast(pa.large_string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{key}: Arrow type {kind} cannot be hashed; cast it to string.") from error


def _num_blocks(array: Array, canonical: str) -> int:
    step = _BLOCK_BYTES // np.dtype(canonical).itemsize
    return -(-array.size // step)


def _block_digest(block: tuple[Array, str]) -> bytes:
    values, canonical = block
    return hashlib.sha256(values.astype(canonical, copy=False).data).digest()
