"""A graph as a folder: ``schema.json``, ``tensors.safetensors`` and Parquet for ids and text.

Reading the folder cannot execute code, and the folder is written atomically.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from hetgraph.data.content import GraphContent
from hetgraph.data.csr import CSR
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType, Schema
from hetgraph.data.standin import StandIn
from hetgraph.errors import FileFormatError
from hetgraph.files import OutputError, atomic_dir
from hetgraph.tensorfile import load_tensors, save_tensors

__all__ = ["load_graph", "save_graph"]

G = TypeVar("G", bound=GraphContent)

_FORMAT = "hetgraph.graph"
_VERSION = 1
_HEADER = "schema.json"
_TENSORS = "tensors.safetensors"
_NODES = "nodes"
_REWRITE = "save the graph again or copy the whole folder"


def save_graph(graph: GraphContent, folder: Path) -> None:
    """Writes a graph, replacing a graph that was saved there.

    A relation that is exactly the transpose of its declared reverse is stored once.

    Args:
        graph: The graph, on any device.
        folder: Target folder; its parents are created.

    Raises:
        OutputError: If the folder holds anything but a saved graph, is not writable, or the disk is
            full. Then nothing is left behind and an old graph is kept.
    """
    _refuse_foreign(folder)
    transposes = _transposes(graph)
    tensors = _graph_tensors(graph, transposes)
    with atomic_dir(folder, marker=_HEADER) as temporary:
        save_tensors(tensors, temporary / _TENSORS)
        columns = _save_columns(graph, temporary)
        names = [_TENSORS, *(f"{_NODES}/{index}.parquet" for index in columns)]
        header = {
            "format": _FORMAT,
            "version": _VERSION,
            "name": graph.name,
            "content_hash": graph.content_hash,
            "num_nodes": dict(graph.num_nodes),
            "schema": graph.schema.to_dict(),
            "transposes": {str(copy): stored for copy, stored in transposes.items()},
            "columns": columns,
            "encoders": {key: dict(state) for key, state in graph.encoders.items()},
            "tensors": {key: _spec(value) for key, value in tensors.items()},
            "files": {name: (temporary / name).stat().st_size for name in names},
        }
        if graph.standins:
            header["standins"] = {k: standin.to_dict() for k, standin in graph.standins.items()}
        text = json.dumps(header, indent=1, ensure_ascii=False)
        (temporary / _HEADER).write_text(text + "\n", encoding="utf-8")


def load_graph(make: Callable[..., G], folder: Path, *, verify: bool = False) -> G:
    """Reads a graph written by :func:`save_graph`; tensors are memory-mapped, not copied.

    File sizes, dtypes, shapes, index ranges and finite values are always checked.

    Args:
        make: The class of the graph, called with what was read.
        folder: The folder.
        verify: Whether to recompute and compare the content hash, which detects any changed byte.

    Raises:
        FileFormatError: If the folder is not a saved graph, is damaged or has a newer format.
    """
    header = _read_header(folder)
    try:
        schema = Schema.from_dict(header["schema"])
        tensors = _checked_tensors(folder, header)
        columns = _load_columns(folder, header["columns"], list(schema.node_types))
        graph = make(
            num_nodes=header["num_nodes"],
            relations=_relations(schema, header, tensors),
            features=_features(schema, tensors),
            reverses=schema.reverses,
            ids=columns["ids"],
            text=columns["text"],
            encoders=header.get("encoders", {}),
            standins=_standins(header, tensors),
            name=header["name"],
        )
        expected = header["content_hash"]
    except FileFormatError:
        raise
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else error
        raise FileFormatError(f"{folder}: a damaged graph ({problem}); {_REWRITE}.") from error
    if verify and graph.content_hash != expected:
        raise FileFormatError(
            f"{folder}: the content hash is {graph.content_hash[:12]}..., expected "
            f"{str(expected)[:12]}...; the data was changed or damaged, {_REWRITE}."
        )
    return graph


# ------------------------------------------------------------------------------ writing


def _refuse_foreign(folder: Path) -> None:
    """Refuses to replace a folder that is not a saved graph or holds other files, too."""
    if not folder.is_dir():
        return
    present = {path.name for path in folder.iterdir()}
    foreign = sorted(present - {_HEADER, _TENSORS, _NODES})
    if foreign:
        raise OutputError(
            f"will not replace the folder {folder}: it holds {foreign[0]!r}, which is no part of "
            "a saved graph; choose another folder."
        )
    if present:
        try:
            _read_header(folder)
        except FileFormatError as error:
            raise OutputError(
                f"will not replace the folder {folder}: it is not a saved graph; "
                "choose another folder."
            ) from error


def _transposes(graph: GraphContent) -> dict[int, int]:
    """Returns ``{number of an edge type: number of the edge type that it is the transpose of}``."""
    place = {edge_type: index for index, edge_type in enumerate(graph.relations)}
    transposes: dict[int, int] = {}
    for forward, backward in graph.schema.reverses:
        stored, copy = place[forward], place[backward]
        # A relation that is stored as a transpose, or that another one refers to, stays as it is.
        if stored == copy or {stored, copy} & transposes.keys() or copy in transposes.values():
            continue
        if _same(graph.relations[forward].transpose, graph.relations[backward]):
            transposes[copy] = stored
    return transposes


def _same(first: Relation, second: Relation) -> bool:
    if first is second:
        return True
    mine, theirs = first._tensors(), second._tensors()
    return mine.keys() == theirs.keys() and all(
        mine[key].dtype == theirs[key].dtype and torch.equal(mine[key], theirs[key]) for key in mine
    )


def _graph_tensors(graph: GraphContent, transposes: Mapping[int, int]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for index, node_type in enumerate(graph.num_nodes):
        features = graph.features.get(node_type)
        if isinstance(features, CSR):
            arrays = features._tensors()
            tensors |= {f"node.{index}.{key}": value for key, value in arrays.items()}
        elif features is not None:
            tensors[f"node.{index}.features"] = features
    for index, relation in enumerate(graph.relations.values()):
        if index not in transposes:
            arrays = relation._tensors()
            tensors |= {f"edge.{index}.{key}": value for key, value in arrays.items()}
    for index, standin in enumerate(graph.standins.values()):
        tensors |= {f"standin.{index}.{key}": value for key, value in standin.tensors.items()}
    return tensors


def _save_columns(graph: GraphContent, folder: Path) -> dict[str, list[str]]:
    saved: dict[str, list[str]] = {}
    for index, node_type in enumerate(graph.num_nodes):
        given = {"ids": graph.ids.get(node_type), "text": graph.text.get(node_type)}
        columns = {key: value for key, value in given.items() if value is not None}
        if columns:
            (folder / _NODES).mkdir(exist_ok=True)
            table = pa.table(columns)
            pq.write_table(table, folder / _NODES / f"{index}.parquet", compression="zstd")
            saved[str(index)] = list(columns)
    return saved


def _spec(tensor: Tensor) -> dict[str, Any]:
    return {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape)}


# ------------------------------------------------------------------------------ reading


def _read_header(folder: Path) -> dict[str, Any]:
    path = folder / _HEADER
    if not path.is_file():
        raise FileFormatError(
            f"{folder} is not a saved graph: it has no {_HEADER}; give a folder written by "
            "HeteroGraph.save."
        )
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise FileFormatError(f"{path} cannot be read ({error}); {_REWRITE}.") from error
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise FileFormatError(
            f"{path} does not describe a saved graph; give a folder written by HeteroGraph.save."
        )
    if header.get("version") != _VERSION:
        raise FileFormatError(
            f"{path}: format version {header.get('version')!r}, this hetgraph reads {_VERSION}; "
            "update hetgraph or save the graph again."
        )
    return header


def _checked_tensors(folder: Path, header: Mapping[str, Any]) -> dict[str, Tensor]:
    for name, size in header["files"].items():
        path = folder / name
        if not path.is_file():
            raise FileFormatError(f"{path} is missing; {_REWRITE}.")
        if path.stat().st_size != size:
            raise FileFormatError(
                f"{path} has {path.stat().st_size} bytes, expected {size}: it is truncated or was "
                f"changed; {_REWRITE}."
            )
    tensors = load_tensors(folder / _TENSORS)
    specs = {key: _spec(value) for key, value in tensors.items()}
    if specs != header["tensors"]:
        names = sorted(specs.keys() ^ header["tensors"].keys()) or sorted(
            key for key in specs if specs[key] != header["tensors"][key]
        )
        raise FileFormatError(
            f"{folder / _TENSORS}: tensor {names[0]!r} is not as {_HEADER} says; {_REWRITE}."
        )
    return tensors


def _features(schema: Schema, tensors: Mapping[str, Tensor]) -> dict[str, Tensor | CSR]:
    features: dict[str, Tensor | CSR] = {}
    for index, (node_type, spec) in enumerate(schema.node_types.items()):
        if spec.kind == "sparse":
            features[node_type] = CSR(num_cols=spec.dim, **_prefixed(tensors, f"node.{index}."))
        elif spec.kind in ("dense", "categorical"):
            features[node_type] = tensors[f"node.{index}.features"]
    return features


def _standins(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, StandIn]:
    return {
        node_type: StandIn(**fields, tensors=_prefixed(tensors, f"standin.{index}."))
        for index, (node_type, fields) in enumerate(header.get("standins", {}).items())
    }


def _relations(
    schema: Schema, header: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> dict[EdgeType, Relation]:
    edge_types = list(schema.edge_types)
    transposes = {int(copy): int(stored) for copy, stored in header["transposes"].items()}
    relations = {
        edge_type: Relation(
            num_cols=header["num_nodes"][edge_type.src], **_prefixed(tensors, f"edge.{index}.")
        )
        for index, edge_type in enumerate(edge_types)
        if index not in transposes
    }
    for edge_type, relation in relations.items():
        # Checked before it is transposed: scipy's kernel does not check the range of indices.
        relation.validate(f"relation ({edge_type})")
    for copy, stored in transposes.items():
        relations[edge_types[copy]] = relations[edge_types[stored]].transpose
    return {edge_type: relations[edge_type] for edge_type in edge_types}


def _prefixed(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }


def _load_columns(
    folder: Path, saved: Mapping[str, list[str]], node_types: list[str]
) -> dict[str, dict[str, pa.Array]]:
    columns: dict[str, dict[str, pa.Array]] = {"ids": {}, "text": {}}
    for index, names in saved.items():
        path = folder / _NODES / f"{index}.parquet"
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise FileFormatError(f"{path} is damaged ({error}); {_REWRITE}.") from error
        for name in names:
            columns[name][node_types[int(index)]] = table[name].combine_chunks()
    return columns
