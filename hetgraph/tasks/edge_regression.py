"""Edge regression: a number of each of some edges, such as a rating."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues
from hetgraph.errors import DataError
from hetgraph.nn.losses import LossFunction
from hetgraph.seeds import Seeds
from hetgraph.tasks.base import SplitName
from hetgraph.tasks.edges import EdgeOptions, EdgeTask
from hetgraph.tasks.outputs import Outputs
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.values import Scale, not_finite, number_criterion

__all__ = ["EdgeRegression"]


class EdgeRegression(EdgeTask):
    """Predict a number of edges of one relation.

    Methods learn from numbers of mean 0 and std 1 of the training edges and predict on that scale;
    :meth:`score` undoes it.

    Args:
        dataset: Graph and edges with numbers.
        seeds: ``seeds.split`` draws the splits that the data set does not give.
        options: The protocol.

    Raises:
        DataError: If the data set has no edges with numbers.
    """

    name: ClassVar[str] = "edge-regression"
    reads: ClassVar[str] = "edge_values"
    Options: ClassVar[type[Any]] = EdgeOptions
    score_names: ClassVar[tuple[str, ...]] = ("loss", "rmse", "mae", "r2", "spearman")
    errors: ClassVar[tuple[str, ...]] = ("loss", "rmse", "mae")
    default_monitor: ClassVar[str] = "rmse"
    _hidden = float("nan")

    def __init__(self, dataset: Dataset, seeds: Seeds, options: EdgeOptions | None = None) -> None:
        target = next((t for t in dataset.targets.values() if isinstance(t, EdgeValues)), None)
        if target is None:
            raise DataError(f"{dataset.name} has no edges with numbers, so none can be predicted.")
        super().__init__(dataset, target, seeds, options or EdgeOptions(), 1)

    def _readable(self, target: EdgeLabels | EdgeValues) -> Tensor:
        self.scale = Scale.of(target.target[self._splits["train"]])
        return self.scale.learned(target.target)

    @property
    def outputs(self) -> Outputs:
        """A number of mean 0 and std 1 over the training split."""
        return Outputs("number", shift=self.scale.shift, std=self.scale.std)

    def criterion(self, name: str = "auto") -> LossFunction:
        """Returns the mean squared error of ``[n, 1]`` predictions for ``[n]`` labels."""
        return self._functions.loss or number_criterion(name)

    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Returns ``loss rmse mae r2 spearman`` for a split; the loss is of scaled numbers.

        All are NaN where a prediction is not finite.

        Args:
            predictions: Vectors of both ends and a decoder.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If they are not of pairs.
        """
        target = self._target(split).double()
        scaled = self.to_tensor(predictions, split).double().squeeze(1)
        if not bool(torch.isfinite(scaled).all()):
            return not_finite(self.monitors)
        metrics = self.scale.metrics(scaled, target)
        return metrics | self._own_metrics(self.scale.measured(scaled), self.scale.measured(target))
