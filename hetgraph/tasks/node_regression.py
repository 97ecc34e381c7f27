"""Node regression: predict a number of each node as it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from hetgraph.catalog import Dataset, Split, Values
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict
from hetgraph.tasks.base import SplitName, TaskOptions
from hetgraph.tasks.outputs import Outputs
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.splits import draw_split, given_splits, hold_out
from hetgraph.tasks.values import Scale, ValueTask, not_finite

__all__ = ["NodeRegression", "NodeRegressionOptions"]


@dataclass(frozen=True)
class NodeRegressionOptions(TaskOptions):
    """Protocol of a node regression.

    Args:
        split: Name of one of the data set's splits; empty takes the first, or draws one where
            there is none. ``"random"`` draws one from the nodes with a value.
        train_fraction: Fraction of the nodes that a random split trains and validates on.
        valid_fraction: Fraction of the training nodes held out for validation where the split has
            no validation nodes.
        standardize: Whether values are shifted and scaled to mean 0 and std 1 of the training
            nodes for the loss; metrics are of the values as they were measured.

    Raises:
        ConfigError: If a value is out of its range.
    """

    split: str = ""
    train_fraction: float = 0.8
    valid_fraction: float = 0.125
    standardize: bool = True

    def __post_init__(self) -> None:
        for name in ("train_fraction", "valid_fraction"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ConfigError(f"task.{name} is {value}, expected a value between 0 and 1.")


class NodeRegression(ValueTask):
    """Predict the value of the nodes of one type, without any logarithm.

    Methods learn from values of mean 0 and std 1 (see ``standardize``) and predict on that scale;
    :meth:`score` undoes it.

    Args:
        dataset: Graph and values.
        seeds: ``seeds.split`` draws the splits that the data set does not give.
        options: The protocol.

    Raises:
        ConfigError: If the data set has no split of that name.
        DataError: If the data set has no values, or a split is empty.
    """

    name: ClassVar[str] = "node-regression"
    Options: ClassVar[type[Any]] = NodeRegressionOptions
    score_names: ClassVar[tuple[str, ...]] = ("loss", "rmse", "mae", "r2", "spearman")
    errors: ClassVar[tuple[str, ...]] = ("loss", "rmse", "mae")
    default_monitor: ClassVar[str] = "rmse"

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: NodeRegressionOptions | None = None
    ) -> None:
        values = dataset.values
        if values is None:
            raise DataError(f"{dataset.name} has no node values, so none can be predicted.")
        self.options = options or NodeRegressionOptions()
        num_nodes = dataset.graph.num_nodes[values.node_type]
        self._split_name, split = self._choose(dataset, values, seeds)
        table = torch.full((num_nodes,), torch.nan, dtype=torch.float64)
        table[values.index] = values.target
        train = table[split.train]
        self.scale = Scale.of(train) if self.options.standardize else Scale()
        super().__init__(dataset, values, split, self.scale.learned(table))

    def _choose(self, dataset: Dataset, values: Values, seeds: Seeds) -> tuple[str, Split]:
        given, wanted = given_splits(dataset, values), self.options.split
        names = tuple(given)
        if wanted == "random" or not (names or wanted):
            index, generator = values.index.sort().values, seeds.generator("split", "random split")
            fractions = (self.options.train_fraction, self.options.valid_fraction)
            name, split = "random", draw_split(index, *fractions, generator)
        else:
            name = wanted or names[0]
            if name not in names:
                hint = suggest(name, (*names, "random"))
                raise ConfigError(f"{dataset.name} has no split {name!r}.{hint}")
            split = given[name]
        if split.valid is None:
            generator = seeds.generator("split", "validation")
            train, valid = hold_out(split.train, self.options.valid_fraction, generator)
            split = Split(train, valid, split.test)
        for part, ids in (("train", split.train), ("valid", split.valid), ("test", split.test)):
            if ids is None or not ids.numel():
                raise DataError(f"{dataset.name}: the {part} split holds no node with a value.")
            if bool((unknown := ~torch.isin(ids, values.index)).any()):
                raise DataError(f"{dataset.name}: {part} node {int(ids[unknown][0])} has no value.")
        return name, split

    @property
    def outputs(self) -> Outputs:
        """A number of mean 0 and std 1 over the training split."""
        return Outputs("number", shift=self.scale.shift, std=self.scale.std)

    @property
    def protocol(self) -> dict[str, Any]:
        """Split, sizes of the splits and the options."""
        sizes = {name: ids.numel() for name, ids in self._splits.items()}
        options = config_to_dict(self.options)
        return {**options, "split": self._split_name, "value": self.value_name, "sizes": sizes}

    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Returns ``loss rmse mae r2 spearman`` for a split; the loss is of scaled values.

        All are NaN where a prediction is not finite.

        Args:
            predictions: ``[num_nodes of the split, 1]`` in the order of :meth:`index`.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If the shape does not fit.
        """
        scaled, target = self._compared(predictions, split)
        if not bool(torch.isfinite(scaled).all()):
            return not_finite(self.monitors)
        metrics = self.scale.metrics(scaled, target)
        return metrics | self._own_metrics(self.scale.measured(scaled), self.scale.measured(target))
