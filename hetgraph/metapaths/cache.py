"""Composed relations on disk, under a digest of the graph, the path and the options."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from hetgraph.data.relation import Relation
from hetgraph.errors import UserError
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.tensorfile import load_tensors, save_tensors

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["CompositionCache"]

_VERSION = 1  # to be incremented when the meaning of a stored result changes


class CompositionCache:
    """A folder of composed relations; without a folder nothing is stored or found.

    An unreadable file is a cache miss and an unwritable folder only a warning, because the result
    can be computed in any case.

    Args:
        graph: The graph, whose content hash is part of the key.
        weighting: As for :func:`hetgraph.metapaths.compose.compose`.
        keep_self_loops: As for :func:`hetgraph.metapaths.compose.compose`.
        folder: The folder; default: the environment variable ``HETGRAPH_CACHE``.
    """

    def __init__(
        self,
        graph: HeteroGraph,
        weighting: str,
        keep_self_loops: bool,
        folder: str | Path | None = None,
    ) -> None:
        given = folder if folder is not None else os.environ.get("HETGRAPH_CACHE")
        self.folder = Path(given) / "metapaths" if given else None
        self._graph = graph
        self._options = [_VERSION, weighting, keep_self_loops]

    def path(self, metapath: MetaPath) -> Path | None:
        """Returns the file of a result, whether or not it exists."""
        if self.folder is None:
            return None
        steps = [[*edge_type, forward] for edge_type, forward in metapath.steps]
        custom = [[*edge_type, _hash(relation)] for edge_type, relation in metapath.custom]
        key = [self._graph.content_hash, *self._options, steps, custom]
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
        return self.folder / f"{digest}.safetensors"

    def load(self, metapath: MetaPath) -> Relation | None:
        """Returns a stored result, memory-mapped, or ``None``."""
        file = self.path(metapath)
        if file is None or not file.is_file():
            return None
        sizes = self._graph.num_nodes
        try:
            tensors = load_tensors(file)
            relation = Relation(
                indptr=tensors["indptr"],
                indices=tensors["indices"],
                num_cols=sizes[metapath.start],
                weight=tensors.get("weight"),
            )
            relation.validate(str(metapath))
        except (UserError, KeyError):
            return None
        return relation if relation.num_rows == sizes[metapath.end] else None

    def save(self, metapath: MetaPath, relation: Relation) -> None:
        """Stores a result; the file is written atomically."""
        file = self.path(metapath)
        if file is None:
            return
        try:
            save_tensors(_tensors(relation), file, {"path": json.dumps(str(metapath))})
        except UserError as error:
            warnings.warn(f"{metapath} was composed but not cached: {error}", stacklevel=2)


def _tensors(relation: Relation) -> dict[str, Tensor]:
    tensors = {"indptr": relation.indptr, "indices": relation.indices}
    return tensors if relation.weight is None else {**tensors, "weight": relation.weight}


def _hash(relation: Relation) -> str:
    digest = hashlib.sha256()
    for name, tensor in _tensors(relation).items():
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
