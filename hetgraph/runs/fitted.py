"""A trained model that answers: predictions about any graph of its schema, vectors, relevance."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from hetgraph.catalog.parsed_cache import write_dataset
from hetgraph.errors import ConfigError, suggest
from hetgraph.files import OutputError, atomic_dir
from hetgraph.io.given import Given
from hetgraph.methods import Method
from hetgraph.runs.answers import (
    Candidates,
    in_blocks,
    node_answers,
    pair_answers,
    relevance_table,
    top_answers,
    vector_answers,
)
from hetgraph.runs.asked import (
    check_question,
    known_pairs,
    nodes_asked,
    pairs_asked,
    relations_asked,
)
from hetgraph.runs.outdir import DATA, MODEL, RESULT
from hetgraph.runs.reopen import open_record
from hetgraph.runs.trained import Trained

__all__ = ["Fitted", "load"]


class Fitted(Trained):
    """What :func:`hetgraph.fit` returns and :func:`hetgraph.load` opens.

    Args:
        record: The outcome of the run.
        model: The trained model.
        run: What the model was trained on, if it is in memory.
        folder: Folder of the run, if there is one.
        root: Folder of the data sets.

    Example:
        >>> import hetgraph
        >>> settings = {"train": {"max_epochs": 2}, "data": {"num_nodes": 300}}
        >>> fitted = hetgraph.fit("rgcn", "synthetic/academic", settings=settings, progress=False)
        >>> fitted.predict([5, 7]).column_names[:3]
        ['id', 'prediction', 'probability']
    """

    # ------------------------------------------------------------------------- answers

    def predict(
        self,
        nodes: Any = "all",
        *,
        graph: Given | str | None = None,
        pairs: Any = None,
        relation: Any = None,
        top: int = 10,
        embeddings: bool = False,
    ) -> pa.Table:
        """Returns what the model says of nodes or pairs, with the user's ids.

        Of nodes: ``id`` and ``prediction probability p_<class>...``, or ``value``. For links and
        recommendation, the best candidates of sources, ``src dst rank score``, without edges that
        the graph has. Of pairs: ``src dst`` and a score, classes or a value.

        Args:
            nodes: Ids of nodes of the target type (of sources, for links), one id, or ``"all"``.
                Where the graph has no ids they are row numbers. A tensor always holds row numbers,
                and an array of bool is a mask.
            graph: A graph of the same schema, with other nodes or edges; its features must be made
                by the encoders of the training graph, ``from_tables(..., encoders=
                fitted.graph.encoders)``. Or the name of a source, such as
                ``"tables:shop_of_today"``, whose columns go through the encoders by themselves.
                ``None``: the one of the run.
            pairs: ``(sources, destinations)`` to be scored, for tasks about pairs, or a table with
                the columns ``src``, ``dst`` and possibly ``relation``.
            relation: The relation by name or as an edge type, where the model was trained for
                several; for pairs also a list of names, one per pair.
            top: Most candidates of a source.
            embeddings: Whether to add the vectors of nodes. For tasks about pairs the table then
                holds ``node_type id embedding`` of all nodes, and nothing else.

        Raises:
            ConfigError: If the question does not fit the task.
            DataError: If an id is unknown, or the graph is of another schema.
        """
        batches = [
            *self.batches(
                nodes, graph=graph, pairs=pairs, relation=relation, top=top, embeddings=embeddings
            )
        ]
        return pa.Table.from_batches(batches).combine_chunks()

    def batches(
        self,
        nodes: Any = "all",
        *,
        graph: Given | str | None = None,
        pairs: Any = None,
        relation: Any = None,
        top: int = 10,
        embeddings: bool = False,
        rows: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yields the table of :meth:`predict` in blocks of rows.

        Args:
            nodes: See :meth:`predict`, as all others.
            graph: A graph.
            pairs: Pairs.
            relation: A relation.
            top: Most candidates of a source.
            embeddings: Whether to add vectors.
            rows: Most rows of a block; ``None``: as many as are fast. Answers do not depend on it.
        """
        spec = self.model.spec
        check_question(
            self.kind,
            nodes=nodes,
            pairs=pairs,
            relation=relation,
            top=top,
            embeddings=embeddings,
            rows=rows,
            of_pairs=bool(spec.edge_types),
            ranks=self._ranks,
        )
        yield from in_blocks(self._answers(nodes, graph, pairs, relation, top, embeddings), rows)

    def _answers(
        self, nodes: Any, graph: Any, pairs: Any, relation: Any, top: int, embeddings: bool
    ) -> Iterator[pa.RecordBatch]:
        moved, spec = self.moved(graph), self.model.spec
        if not spec.edge_types:
            numbers = nodes_asked(moved.graph, spec.target, nodes)
            return node_answers(moved, numbers, embeddings=embeddings)
        if embeddings:
            return vector_answers(moved.graph, moved.pairs)
        if pairs is not None or not self._ranks:
            listed, kinds = pairs_asked(moved.graph, spec.edge_types, pairs, relation)
            return pair_answers(moved, listed, kinds)
        sources = [
            (position, nodes_asked(moved.graph, spec.edge_types[position].src, nodes))
            for position in relations_asked(spec.edge_types, relation)
        ]
        held = self._asked.links.values() if graph is None else ()
        known = known_pairs(moved.graph, spec.edge_types, held)
        return top_answers(moved, sources, Candidates(top, known))

    def predict_proba(
        self, nodes: Any = "all", *, graph: Given | str | None = None
    ) -> np.ndarray[Any, Any]:
        """Returns ``[n, num_classes]`` float64 probabilities, calibrated on validation.

        Args:
            nodes: As in :meth:`predict`.
            graph: As in :meth:`predict`.

        Raises:
            ConfigError: If the task is not about classes of nodes.
        """
        if self.outputs.kind not in ("class", "classes") or self.model.spec.edge_types:
            raise ConfigError(f"{self.kind} has no classes of nodes; use predict.")
        moved = self.moved(graph)
        numbers = nodes_asked(moved.graph, self.model.spec.target, nodes)
        logits, _ = moved.of_nodes(numbers)
        assert self.model.origin is not None  # outputs are there
        return self.outputs.probabilities(logits, self.model.origin.temperature).numpy()

    def embed(
        self,
        nodes: Any = "all",
        *,
        node_type: str = "",
        graph: Given | str | None = None,
    ) -> Tensor:
        """Returns ``[n, dim]`` float32 vectors of nodes.

        Args:
            nodes: As in :meth:`predict`.
            node_type: The type; empty: that of the target, or of the sources of pairs.
            graph: As in :meth:`predict`.

        Raises:
            ConfigError: If the model makes no vectors of the type.
        """
        spec = self.model.spec
        node_type = node_type or spec.target
        if node_type not in spec.ends:
            raise ConfigError(
                f"the model makes no vectors of {node_type!r}.{suggest(node_type, spec.ends)}"
            )
        moved = self.moved(graph)
        numbers = nodes_asked(moved.graph, node_type, nodes)
        if spec.edge_types:
            return moved.pairs.vectors[node_type][numbers]
        vectors = moved.of_nodes(numbers, vectors=True)[1]
        assert vectors is not None  # as they were asked for
        return vectors

    def explain(self, *, by_class: bool = False) -> pa.Table:
        """Returns the weight of each relation or meta-path; no rows if the method weighs none.

        ``hetgraph explain`` draws it. It is about the graph of the run.

        Args:
            by_class: Whether to add the weights per class, where the method has them.
        """
        rows = self.run.relevance(by_class=by_class)
        return relevance_table(rows, self.outputs.class_names if by_class else None)

    # -------------------------------------------------------------------------- folders

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes record, model and, of a graph that was given in Python, the data to a new folder.

        Args:
            folder: A folder that is new or empty.

        Returns:
            The folder; :func:`hetgraph.load` opens it, and the commands ``predict`` and
            ``explain`` read it.

        Raises:
            OutputError: If the folder is in use or cannot be written.
        """
        path = Path(folder)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise OutputError(f"{path} is in use; choose a new or an empty folder.")
        with atomic_dir(path) as temporary:
            if self.folder is not None:
                shutil.copytree(self.folder, temporary, dirs_exist_ok=True)
                return path
            self.model.save(temporary / MODEL)
            if self.run.given:
                write_dataset(self.run.dataset, temporary / DATA)
            self.record.save(temporary / RESULT)
        return path

    @property
    def _ranks(self) -> bool:
        return self.outputs.kind == "score"


def load(folder: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> Fitted:
    """Opens the folder of a finished run.

    Args:
        folder: What ``hetgraph train --out`` or :meth:`Fitted.save` wrote.
        root: Folder of the data sets.

    Raises:
        ConfigError: If the folder holds no finished run.
        FileFormatError: If a file is damaged.

    Example:
        >>> import tempfile, hetgraph
        >>> settings = {"train": {"max_epochs": 1}, "data": {"num_nodes": 300}}
        >>> fitted = hetgraph.fit("mlp", "synthetic/academic", settings=settings, progress=False)
        >>> folder = fitted.save(f"{tempfile.mkdtemp()}/run")
        >>> load(folder)
        Fitted(mlp on synthetic/academic: node-classification of author)
    """
    path = Path(folder)
    record = open_record(path)
    return Fitted(record, Method.load(path / MODEL), folder=path, root=root)
