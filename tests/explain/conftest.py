"""A model that is not trained but tells what it is told, in an opened run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import HeteroGraph
from hetgraph.methods import Method, RelevanceRow
from hetgraph.runs.record import Record
from hetgraph.runs.reopen import OpenRun
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task

CLASS_NAMES = ("theory", "systems", "graphs")


class Told(Method):
    """Weights 0.6 and 0.4 for all nodes; by class, the first grows with the class."""

    name = "told"
    rows: tuple[RelevanceRow, ...] = (
        RelevanceRow("author", "paper-author", 0, 0.6, 0.1),
        RelevanceRow("author", "(self)", 0, 0.4, 0.2),
    )

    def prepare(self, task: Any, *, seeds: Seeds, workdir: Path | None = None) -> Any:
        return task

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        rows = list(self.rows)
        if classes is not None:
            assert classes.shape == (inputs.graph.num_nodes["author"],)
            for label in classes[classes >= 0].unique().tolist():
                share = float((classes == label).sum())
                rows.append(RelevanceRow("author", "paper-author", 0, share, label=label))
        return rows

    def embed(self, inputs: Any, split: str) -> Tensor:
        ids = inputs.index(split)
        return torch.stack([ids.float(), 2.0 * ids, (ids % 7).float()], dim=1)


Told.__abstractmethods__ = frozenset()


@pytest.fixture
def open_run(random_graph: Callable[..., HeteroGraph], tmp_path: Path) -> Callable[..., OpenRun]:
    """Factory of runs of :class:`Told` on 30 authors in three classes; the last 10 are test."""

    def build(
        *, multi_label: bool = False, rows: tuple[RelevanceRow, ...] | None = None
    ) -> OpenRun:
        graph = random_graph(num_nodes=30)
        ids = torch.arange(30)
        target = ids % 3
        if multi_label:
            target = torch.stack([ids % 2 == 0, ids % 3 == 0, ids < 0], dim=1)
        labels = Labels("author", 3, ids, target, multi_label, CLASS_NAMES)
        split = Split(ids[:14], ids[14:20], ids[20:])
        dataset = Dataset("toy/told", graph, labels, splits={"fixed": split})
        task = make_task(dataset, seeds=Seeds())
        model = Told(graph.schema, task.spec, None)
        if rows is not None:
            model.rows = rows
        record = Record("told", "toy/told", {}, 0, "", {}, {}, {}, 0, 0, 0)
        return OpenRun(tmp_path, record, model, dataset, task, Seeds())

    return build
