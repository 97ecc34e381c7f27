"""Edge classification: the class of each of some edges, such as the type of a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues
from hetgraph.errors import DataError
from hetgraph.nn.losses import LossFunction
from hetgraph.seeds import Seeds
from hetgraph.tasks.base import SplitName
from hetgraph.tasks.calibration import Calibration, calibrate
from hetgraph.tasks.classes import (
    check_label_smoothing,
    chosen_settings,
    class_criterion,
    class_metrics,
)
from hetgraph.tasks.edges import EdgeOptions, EdgeTask
from hetgraph.tasks.outputs import Outputs
from hetgraph.tasks.predictions import Predictions

__all__ = ["EdgeClassification", "EdgeClassificationOptions"]


@dataclass(frozen=True)
class EdgeClassificationOptions(EdgeOptions):
    """Protocol of an edge classification; drawn splits keep the fractions of the classes.

    Args:
        class_weights: Weights of the classes in the loss: one number per class, or ``"balanced"``
            for the inverse of their frequency among the training edges, with mean one.
        label_smoothing: Fraction of an edge's label that goes to all classes alike.
    """

    class_weights: Literal["balanced"] | tuple[float, ...] | None = None
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_label_smoothing(self.label_smoothing)


class EdgeClassification(EdgeTask):
    """Predict the class of edges of one relation.

    Args:
        dataset: Graph and labelled edges.
        seeds: ``seeds.split`` draws the splits that the data set does not give.
        options: The protocol.

    Raises:
        DataError: If the data set has no edges with classes.
    """

    name: ClassVar[str] = "edge-classification"
    reads: ClassVar[str] = "edge_labels"
    Options: ClassVar[type[Any]] = EdgeClassificationOptions
    score_names: ClassVar[tuple[str, ...]] = (
        "loss",
        "micro_f1",
        "macro_f1",
        "accuracy",
        "f1_mean",
        "auc",
    )

    options: EdgeClassificationOptions

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: EdgeClassificationOptions | None = None
    ) -> None:
        target = next((t for t in dataset.targets.values() if isinstance(t, EdgeLabels)), None)
        if target is None:
            raise DataError(f"{dataset.name} has no edges with classes, so none can be predicted.")
        self.class_names = target.class_names
        chosen = options or EdgeClassificationOptions()
        super().__init__(dataset, target, seeds, chosen, target.num_classes)

    def _strata(self, target: EdgeLabels | EdgeValues, ids: Tensor) -> Tensor | None:
        return target.target[ids]

    @property
    def outputs(self) -> Outputs:
        """Logits of one class per edge."""
        return Outputs("class", tuple(self.class_names))

    def criterion(self, name: str = "auto") -> LossFunction:
        """Returns the cross-entropy of ``[n, num_classes]`` logits and ``[n]`` classes."""
        if self._functions.loss is not None:
            return self._functions.loss
        return class_criterion(
            name,
            self._labels[self._splits["train"]],
            self.spec.num_outputs,
            weights=self.options.class_weights,
            smoothing=self.options.label_smoothing,
        )

    def loss_settings(self) -> tuple[str, ...]:
        """Returns what the user set of the loss."""
        return (*super().loss_settings(), *chosen_settings(self.options))

    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Returns ``loss micro_f1 macro_f1 accuracy f1_mean auc`` of logits for a split.

        Args:
            predictions: Vectors of both ends and a decoder.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If they are not of pairs.
        """
        target, logits = self._target(split), self.to_tensor(predictions, split)
        metrics = {"loss": float(self.criterion()(logits, target)), **class_metrics(logits, target)}
        return metrics | self._own_metrics(logits, target)

    def calibration(self, predictions: Mapping[str, Predictions]) -> Calibration | None:
        """Returns calibration error, Brier score and the temperature fitted on validation."""
        splits = self._open_among(predictions)
        return calibrate(
            {split: self.to_tensor(predictions[split], split) for split in splits},
            {split: self._target(split) for split in splits},
        )
