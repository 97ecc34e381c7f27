"""Composed relations on disk, found again by what they were made from."""

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

_VERSION = 1  # raise it when the meaning of a stored result changes


class CompositionCache:
    """A folder of results; without a folder it stores and finds nothing.

    A file that cannot be read is a miss, and a folder that cannot be written to is a warning: the
    result itself is there in any case.

    Args:
        graph: Its content hash is part of the key.
        weighting: As for :func:`hetgraph.metapaths.compose.compose`.
        keep_self_loops: Likewise.
        folder: Where to keep results; default the environment variable ``HETGRAPH_CACHE``.
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
        """Returns the file of a result, whether or not it is there."""
        if self.folder is None:
            return None
        steps = [[*edge_type, forward] for edge_type, forward in metapath.steps]
        custom = [[*edge_type, _hash(relation)] for edge_type, relation in metapath.custom]
        what = [self._graph.content_hash, *self._options, steps, custom]
        digest = hashlib.sha256(json.dumps(what).encode()).hexdigest()
        return self.folder / f"{digest}.safetensors"

    def load(self, metapath: MetaPath) -> Relation | None:
        """Returns a stored result, mapped into memory, or ``None``."""
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
        """Stores a result; the file appears whole or not at all."""
        file = self.path(metapath)
        if file is None:
            return
        try:
            save_tensors(_tensors(relation), file, {"path": json.dumps(str(metapath))})
        except UserError as error:
            warnings.warn(f"{metapath} was composed but not kept: {error}", stacklevel=2)


def _tensors(relation: Relation) -> dict[str, Tensor]:
    tensors = {"indptr": relation.indptr, "indices": relation.indices}
    return tensors if relation.weight is None else {**tensors, "weight": relation.weight}


def _hash(relation: Relation) -> str:
    digest = hashlib.sha256()
    for name, tensor in _tensors(relation).items():
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
