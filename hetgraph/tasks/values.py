"""What families of tasks about numbers of nodes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Split, Values
from hetgraph.errors import LeakageError
from hetgraph.metrics import mean_absolute_error, r2_score, root_mean_squared_error, spearman
from hetgraph.nn.losses import LossFunction, LossName, choose_loss
from hetgraph.tasks.audit import AuditReport, check_disjoint, check_value_columns
from hetgraph.tasks.base import SplitName, Task
from hetgraph.tasks.heads import Head, NodeHead
from hetgraph.tasks.nodes import node_rows, with_train_and_valid
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.question import Question
from hetgraph.tasks.spec import TaskSpec

__all__ = ["Scale", "ValueHead", "ValueTask", "number_criterion", "value_metrics"]


class ValueHead(NodeHead):
    """Numbers of nodes: a map of their vectors, added to the mean of the training labels."""

    def offset(self, task: Task) -> float:
        """Returns the mean of the training labels."""
        labels = task.labels[task.index("train")]
        if isinstance(task, Question) and task.origin.labels is not None:
            # Of those that were trained on, some or all may not be in the graph.
            labels = task.origin.labels.values[task.origin.labels.train]
        return float(labels.double().mean())


class ValueTask(Task):
    """Predict a number of the nodes of one type.

    Args:
        dataset: Graph and values.
        target: The values.
        split: Node ids of each split.
        labels: ``[num_nodes]`` float32 what is predicted; NaN where it is not known.
    """

    reads: ClassVar[str] = "values"
    Head: ClassVar[type[Head[Any, Any]]] = ValueHead
    errors: ClassVar[tuple[str, ...]] = ("loss", "rmse", "mae", "median_ae")

    def __init__(self, dataset: Dataset, target: Values, split: Split, labels: Tensor) -> None:
        graph = dataset.graph
        spec = TaskSpec(self.name, target.node_type, 1, num_nodes=dict(graph.num_nodes))
        super().__init__(graph, spec, dataset.name, dataset.hypergraphs)
        assert split.valid is not None  # families complete their splits
        self._splits = {"train": split.train, "valid": split.valid, "test": split.test}
        self.value_name = target.name
        self._labels = labels
        self._test_labels = labels[split.test]
        self._labels[split.test] = torch.nan

    @property
    def labels(self) -> Tensor:
        """``[num_nodes]`` float32 values; those of test nodes and unknown ones are NaN."""
        return self._labels

    def index(self, split: SplitName) -> Tensor:
        """Returns the int64 node ids of a split; predictions are given in this order."""
        self._check_split(split)
        return self._splits[split]

    def criterion(self, name: str = "auto") -> LossFunction:
        """Returns the mean squared error of ``[n, 1]`` predictions for ``[n]`` labels."""
        return self._functions.loss or number_criterion(name)

    def to_tensor(self, predictions: Predictions, split: SplitName) -> Tensor:
        """Returns the ``[num_nodes of the split, 1]`` predicted numbers."""
        return node_rows(predictions, self._splits[split].numel(), 1)

    def _compared(self, predictions: Predictions, split: SplitName) -> tuple[Tensor, Tensor]:
        """Predictions and labels of a split, ``[n]`` float64 each."""
        self._check_split(split)
        target = self._test_labels if split == "test" else self._labels[self._splits[split]]
        return self.to_tensor(predictions, split).double().squeeze(1), target.double()

    def audit(self) -> AuditReport:
        """Checks that splits share no node, no test label is readable, no feature is a value."""
        checks = check_disjoint(self._splits)
        readable = int(torch.isfinite(self.labels[self._splits["test"]]).sum())
        if readable:
            raise LeakageError(f"{readable} labels of test nodes are readable; mask them with NaN.")
        seen = torch.cat([self._splits["train"], self._splits["valid"]])
        features = check_value_columns(self.graph, self.spec.target, seen, self.labels[seen])
        return AuditReport((checks, "no label of a test node is readable", features))

    def refit_view(self) -> Self:
        """Returns a view that trains on training and validation nodes."""
        return with_train_and_valid(self)


def number_criterion(name: str = "auto") -> LossFunction:
    """Returns the mean loss of ``[n, 1]`` numbers against ``[n]``.

    Raises:
        ConfigError: If the loss does not fit numbers.
    """
    loss = choose_loss(_named(name), numbers=True)
    return lambda predicted, target: loss(predicted.float(), target)


def _named(name: str) -> LossName:
    return name  # type: ignore[return-value]  # choose_loss checks it


def value_metrics(predicted: Tensor, target: Tensor) -> dict[str, float]:
    """Returns ``loss rmse mae spearman`` of ``[n]`` float64 predictions."""
    rmse = root_mean_squared_error(predicted, target)
    return {
        "loss": rmse**2,
        "rmse": rmse,
        "mae": mean_absolute_error(predicted, target),
        "spearman": spearman(predicted, target),
    }


@dataclass(frozen=True)
class Scale:
    """What numbers were shifted and divided by before they are learned.

    Args:
        shift: Their mean over the training samples.
        std: Their standard deviation; 1 where all are equal.
    """

    shift: float = 0.0
    std: float = 1.0

    @classmethod
    def of(cls, train: Tensor) -> Scale:
        """Returns mean and deviation of ``[n]`` training numbers.

        Example:
            >>> Scale.of(torch.tensor([1.0, 3.0]))
            Scale(shift=2.0, std=1.0)
        """
        train = train.double()
        return cls(float(train.mean()), float(train.std(correction=0)) or 1.0)

    def learned(self, measured: Tensor) -> Tensor:
        """Returns numbers as they are learned, float32."""
        return ((measured - self.shift) / self.std).float()

    def measured(self, learned: Tensor) -> Tensor:
        """Returns numbers as they were measured."""
        return learned * self.std + self.shift

    def metrics(self, predicted: Tensor, target: Tensor) -> dict[str, float]:
        """Returns ``loss rmse mae spearman r2``; all but the loss are of measured numbers.

        Args:
            predicted: ``[n]`` float64 numbers as they are learned.
            target: ``[n]`` float64.
        """
        predicted, target = self.measured(predicted), self.measured(target)
        metrics = value_metrics(predicted, target)
        metrics["loss"] /= self.std**2
        return {**metrics, "r2": r2_score(predicted, target)}


def not_finite(names: Sequence[str]) -> dict[str, float]:
    """Returns NaN for each metric: what predictions that are not finite are scored with."""
    return dict.fromkeys(names, float("nan"))
