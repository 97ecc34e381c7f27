"""Non-learned baselines: what is computed once from graph and labels, without a gradient."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.hypergraph_relations import signature_hypergraph
from hetgraph.data.numbering import joint_adjacency, node_spans
from hetgraph.methods.method import Loss, Method, Stage
from hetgraph.seeds import Seeds
from hetgraph.tasks import NodePredictions, Task

__all__ = [
    "Baseline",
    "BaselineInputs",
    "ScoreBaseline",
    "Untrained",
    "default_hypergraph",
    "importance_edges",
]

_FOLDS = 5
"""Folds of the training nodes, of which one at a time is hidden for the calibration."""


class Untrained(Method):
    """A method without stages: what it predicts is computed once, in :meth:`prepare`."""

    def stages(self) -> tuple[Stage, ...]:
        """Returns none: there is nothing to train."""
        return ()

    def batches(self, inputs: Any, split: str, **_: Any) -> Iterator[Any]:
        """Yields nothing."""
        return iter(())

    def training_step(self, batch: Any, *, stage: Stage) -> Loss:
        """Is never called, as there are no stages."""
        raise NotImplementedError(f"{self.name} is not trained")


@dataclass(eq=False)
class BaselineInputs:
    """Predictions of all target nodes.

    Args:
        predicted: ``[num_target_nodes]`` values on the scale of the labels.
        rows: Node ids of each split, in the order of the task.
    """

    predicted: Tensor
    rows: Mapping[str, Tensor]


class Baseline(Untrained):
    """A method without parameters that predicts numbers of nodes from graph and labels."""

    families: ClassVar[tuple[str, ...]] = ("node-importance", "node-regression")
    purpose: ClassVar[str] = "it computes one number per node, without learned vectors."

    @abstractmethod
    def predictions(self, task: Task, known: Tensor) -> Tensor:
        """Returns ``[num_target_nodes]`` values on the scale of the labels.

        Args:
            task: Graph and hypergraphs.
            known: ``[num_target_nodes]`` float64 labels of the training nodes; NaN for all others.
        """

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> BaselineInputs:
        """Computes all predictions from the labels of the training nodes alone."""
        self.check(task)
        known = torch.full(task.labels.shape, torch.nan, dtype=torch.float64)
        train = task.index("train")
        known[train] = task.labels[train].double()
        return BaselineInputs(self.predictions(task, known).float(), task.open_splits())

    def predict(self, inputs: BaselineInputs, split: str) -> NodePredictions:
        """Returns one value per node of the split, in the order of the task."""
        return NodePredictions(inputs.predicted[inputs.rows[split]].unsqueeze(1))

    def embed(self, inputs: BaselineInputs, split: str) -> Tensor:
        """Returns the predictions: there is nothing else."""
        return self.predict(inputs, split).values


class ScoreBaseline(Baseline):
    """A score of each node, brought to the scale of the labels by a straight line.

    The line is the least squares fit of the training labels to log(1 + score). It only moves and
    stretches the scores (and turns them round if the training nodes say so), so that errors can be
    compared; the ranking is that of the scores. Scores that read labels are computed for a fifth
    of the training nodes from the labels of the others, so that the line is fitted to scores like
    those of unlabelled nodes.
    """

    reads_labels: ClassVar[bool] = False

    @abstractmethod
    def scores(self, task: Task, known: Tensor) -> Tensor:
        """Returns ``[num_target_nodes]`` float64 scores of 0 or more; see :meth:`predictions`."""

    def predictions(self, task: Task, known: Tensor) -> Tensor:
        """Returns the scores on the scale of the labels."""
        scores = self.scores(task, known)
        train = task.index("train")
        seen = scores[train]
        if self.reads_labels:
            seen = seen.clone()
            for number in range(_FOLDS):
                hidden = known.clone()
                hidden[train[number::_FOLDS]] = torch.nan
                seen[number::_FOLDS] = self.scores(task, hidden)[train[number::_FOLDS]]
        slope, start = fit_line(seen.log1p(), known[train])
        return start + slope * scores.log1p()


def fit_line(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Returns slope and start of the least squares line; slope 0 where all ``x`` are equal."""
    offset = x - x.mean()
    total = float(offset @ offset)
    slope = float(offset @ y) / total if total > 1e-12 * max(float(x @ x), 1.0) else 0.0
    return slope, float(y.mean() - slope * x.mean())


def importance_edges(task: Task, *, undirected: bool) -> tuple[CSR, slice]:
    """Returns what a walk goes along, and the rows of the target nodes.

    These are the edges of all relations. Without any, the hyperedges of the first hypergraph take
    their place: each is a node after the others, joined to its members in both directions.

    Raises:
        DataError: If there is neither.

    Example:
        >>> from hetgraph import load_dataset
        >>> from hetgraph.tasks import make_task
        >>> task = make_task(load_dataset("synthetic/academic", num_nodes=500))
        >>> edges, rows = importance_edges(task, undirected=False)
        >>> edges.num_rows == sum(task.graph.num_nodes.values()), rows.stop - rows.start
        (True, 150)
    """
    rows = node_spans(task.graph.num_nodes)[task.spec.target]
    if task.graph.num_edges:
        return joint_adjacency(task.graph, undirected=undirected), rows
    return _star_expansion(default_hypergraph(task)), rows


def default_hypergraph(task: Task) -> Hypergraph:
    """Returns the first hypergraph of a task, else the partition by signatures of its graph.

    Raises:
        DataError: If it has none, and no edges either.

    Example:
        >>> from hetgraph import load_dataset
        >>> from hetgraph.tasks import make_task
        >>> task = make_task(load_dataset("synthetic/academic", num_nodes=500))
        >>> default_hypergraph(task).is_partition
        True
    """
    for hypergraph in task.hypergraphs.values():
        return hypergraph
    return signature_hypergraph(task.graph)


def _star_expansion(hypergraph: Hypergraph) -> CSR:
    node, edge = (ids.cpu() for ids in hypergraph.incidence.coo())
    edge = edge + hypergraph.num_nodes
    size = hypergraph.num_nodes + hypergraph.num_edges
    return CSR.from_coo(torch.cat([node, edge]), torch.cat([edge, node]), (size, size))
