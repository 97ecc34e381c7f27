"""A trained model with what it was trained on, and on the graphs that it is asked about."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.loading import load_graph
from hetgraph.data.graph import HeteroGraph
from hetgraph.errors import ConfigError, suggest
from hetgraph.io.given import Given, as_dataset
from hetgraph.methods import Method
from hetgraph.runs.moved import Moved, move
from hetgraph.runs.outdir import DATA
from hetgraph.runs.record import Record
from hetgraph.runs.reopen import OpenRun, reopen
from hetgraph.seeds import Seeds
from hetgraph.tasks import Outputs

__all__ = ["Trained"]

_KEPT = {"standins": None, "text": None, "structure": "walks"}
"""Options of a data set that a model makes itself when it is asked; ``None``: whatever they are."""


class Trained:
    """What is common to all answers of a trained model: its record, its data, its graphs.

    Args:
        record: The outcome of the run.
        model: The trained model.
        run: What the model was trained on, if it is in memory.
        folder: Folder of the run, if there is one.
        root: Folder of the data sets.
    """

    def __init__(
        self,
        record: Record,
        model: Method,
        run: OpenRun | None = None,
        *,
        folder: Path | None = None,
        root: str | os.PathLike[str] | None = None,
    ) -> None:
        self.record = record
        self.model = model
        self.folder = folder
        self._root = root
        self._run = run
        self._moved: tuple[object, Moved] | None = None

    def __repr__(self) -> str:
        asked = ", ".join(map(str, self.model.spec.edge_types)) or self.model.spec.target
        return f"Fitted({self.record.model} on {self.record.dataset}: {self.kind} of {asked})"

    def _repr_html_(self) -> str:
        """Returns what was trained for what, and how well, for notebooks."""
        return f"<p><code>{escape(repr(self))}</code></p>{self.record._repr_html_()}"

    # ------------------------------------------------------------------------- the run

    @property
    def kind(self) -> str:
        """The family of the task, such as ``"node-classification"``."""
        return self.model.spec.kind

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """The metrics of the run by split; the test split was scored once."""
        return self.record.metrics

    @property
    def outputs(self) -> Outputs:
        """What the outputs of the model mean: its classes by name, or the scale of its numbers."""
        origin = self.model.origin
        if origin is None:
            raise ConfigError(
                f"{self.folder} is a run of an older version, which kept nothing that answers "
                "need; train again."
            )
        return origin.outputs

    @property
    def classes(self) -> list[str] | list[int] | list[bool]:
        """The classes in the order of probabilities, of a task with classes.

        Raises:
            ConfigError: If the task has none.
        """
        if self.outputs.kind not in ("class", "classes"):
            raise ConfigError(f"{self.kind} has no classes.")
        return self.outputs.classes(self.model.spec.num_outputs)

    @cached_property
    def run(self) -> OpenRun:
        """The data set and the task of the run; opened again where it was loaded from a folder.

        Raises:
            ConfigError: If the data set is another one now.
        """
        if self._run is not None:
            return self._run
        assert self.folder is not None  # without a folder the run is in memory
        return reopen(self.folder, self._root)

    @property
    def graph(self) -> HeteroGraph:
        """The graph that is asked about where no other is given."""
        return self._asked.graph

    def score(self, split: str = "test") -> Mapping[str, float]:
        """Returns the metrics of a split, as the run has scored it.

        Raises:
            ConfigError: If the run has no such split.
        """
        if split not in self.metrics:
            raise ConfigError(f"the run has no split {split!r}.{suggest(split, self.metrics)}")
        return self.metrics[split]

    # ------------------------------------------------------------------------ on a graph

    def moved(self, graph: Given | str | None = None) -> Moved:
        """Returns the model on a graph, with notes of what was decided; the last one is kept."""
        _ = self.outputs  # a run of an older version says so
        given = self._asked if graph is None else graph
        if self._moved is not None and self._moved[0] is given:
            return self._moved[1]
        dataset = self.source(given) if isinstance(given, str) else as_dataset(given)
        if graph is None and self._run is not None and dataset is self._run.dataset:
            dataset = replace(dataset, info={})  # its notes were told in training
        moved = move(
            self.model,
            dataset,
            seeds=Seeds(**self.record.config["seeds"]),
            trained_on=self.record.dataset,
        )
        # Behind a name are files that may be others the next time.
        self._moved = None if isinstance(given, str) else (given, moved)
        return moved

    @cached_property
    def _asked(self) -> Dataset:
        """The data set of the run as it is now: with new rows, and with links held out for tests.

        One that was given in Python is as it was given.
        """
        run = self._run
        if run is not None and (run.given or not _holds_out(run.dataset)):
            return run.dataset
        if run is None and self.folder is not None and (self.folder / DATA).is_dir():
            return self.run.dataset
        return self.source(self.record.dataset)

    def source(self, name: str) -> Dataset:
        """Loads another source for :meth:`predict`: its columns go through the saved encoders.

        Args:
            name: ``"collection/name"`` or ``"format:path"``.
        """
        _ = self.outputs
        assert self.model.origin is not None
        given = self.record.config.get("data", {})
        options = {k: v for k, v in given.items() if k not in _KEPT or _KEPT[k] not in (None, v)}
        return load_graph(name, self._root, encoders=self.model.origin.encoders, **options)


def _holds_out(dataset: Dataset) -> bool:
    """Whether links were taken out of the graph for a split."""
    return any(target.holds_out for target in dataset.targets.values())
