"""Node importance: predict a number of each node, and by it a ranking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Split, Values
from hetgraph.errors import ConfigError, DataError
from hetgraph.metrics import median_absolute_error, top_ndcg, top_overlap
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict
from hetgraph.tasks.audit import AuditReport
from hetgraph.tasks.base import SplitName, TaskOptions
from hetgraph.tasks.outputs import Outputs
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.splits import NUM_FOLDS, fold_split, hold_out
from hetgraph.tasks.values import ValueTask, not_finite, value_metrics

__all__ = ["NodeImportance", "NodeImportanceOptions"]


@dataclass(frozen=True)
class NodeImportanceOptions(TaskOptions):
    """Protocol of a node importance task.

    Args:
        fold: Which fifth of the labelled nodes is tested, 0 to 4; ``"seed"`` takes the first split
            that the data set gives for its values; without one, the seed ``split`` modulo 5, so
            that runs with seeds 0 to 4 are a cross-validation.
        depths: Lengths of the list at which NDCG and precision are taken.
        transform: What is predicted: ``"log1p"`` is log(1 + value), ``"none"`` the value.

    Raises:
        ConfigError: If a value is out of its range.
    """

    fold: int | Literal["seed"] = "seed"
    depths: tuple[int, ...] = (20, 50, 100, 200)
    transform: Literal["log1p", "none"] = "log1p"

    def __post_init__(self) -> None:
        if self.fold != "seed" and self.fold not in range(NUM_FOLDS):
            raise ConfigError(
                f"task.fold is {self.fold!r}, expected 0 to {NUM_FOLDS - 1}, or 'seed'."
            )
        if not self.depths or min(self.depths) < 1:
            raise ConfigError(f"task.depths is {list(self.depths)}, expected lengths of 1 or more.")
        if self.transform not in ("log1p", "none"):
            raise ConfigError(f"task.transform is {self.transform!r}, expected 'log1p' or 'none'.")


_VALID = 0.125
"""Fraction of the training nodes that validate where a given split has none: as in a fold."""


class NodeImportance(ValueTask):
    """Predict the value of the nodes of one type; by a given split, or five folds of 70, 10, 20 %.

    Metrics are of the transformed values. NDCG gains are linear in them, precision at k is the
    fraction of the k most important nodes among the k predicted to be. Ties count as the mean over
    all orders of them.

    Args:
        dataset: Graph and values.
        seeds: ``seeds.split`` chooses the fold, unless the options do.
        options: The protocol.

    Raises:
        DataError: If the data set has no values, too few for five folds, or negative ones that
            have no logarithm.
    """

    name: ClassVar[str] = "node-importance"
    Options: ClassVar[type[Any]] = NodeImportanceOptions
    default_monitor: ClassVar[str] = "spearman"

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: NodeImportanceOptions | None = None
    ) -> None:
        values = dataset.values
        if values is None:
            raise DataError(f"{dataset.name} has no node values, so importance cannot be learned.")
        self.options = options or NodeImportanceOptions()
        chosen = self.options.fold
        self.fold = seeds.split % NUM_FOLDS if chosen == "seed" else int(chosen)
        self._split_name, split = self._choose(dataset, values, seeds)
        labels = _label_table(dataset, values, self.options.transform)
        super().__init__(dataset, values, split, labels)
        # NDCG weighs nodes by their values: a negative gain has no meaning.
        self._ranks_gains = not bool((labels < 0).any() or (self._test_labels < 0).any())

    def _choose(self, dataset: Dataset, values: Values, seeds: Seeds) -> tuple[str, Split]:
        """Returns the split that the data set gives for the values, else a fold."""
        is_first = next(iter(dataset.targets.values())) is values
        given = dataset.splits if is_first and self.options.fold == "seed" else {}
        for name, split in given.items():
            valid, train = split.valid, split.train
            if valid is None:
                train, valid = hold_out(train, _VALID, seeds.generator("split", "validation"))
            sizes = (train.numel(), valid.numel(), split.test.numel())
            if not all(sizes):
                raise DataError(
                    f"{dataset.name}: split {name!r} has {sizes[0]} training, {sizes[1]} "
                    f"validation and {sizes[2]} test nodes with a value; each needs one."
                )
            return name, Split(train, valid, split.test)
        return "", fold_split(values.index.sort().values, self.fold)

    @property
    def score_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """``"loss"``, ``"spearman"``, NDCG and precision at every depth, and errors."""
        depths = [name for k in self.options.depths for name in self._at_depth(k)]
        return ("loss", "spearman", *depths, *self.errors[1:])

    @property
    def outputs(self) -> Outputs:
        """The value, or its logarithm."""
        return Outputs("number", log1p=self.options.transform == "log1p")

    @property
    def protocol(self) -> dict[str, Any]:
        """The fold of this run, sizes of the splits and the options."""
        sizes = {name: ids.numel() for name, ids in self._splits.items()}
        options = config_to_dict(self.options)
        used = {"split": self._split_name} if self._split_name else {"fold": self.fold}
        return {**options, **used, "value": self.value_name, "sizes": sizes}

    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Returns ``loss rmse mae median_ae spearman ndcg@K precision@K`` for a split.

        All are NaN where a prediction is not finite. NDCG is left out where a value is negative.

        Args:
            predictions: ``[num_nodes of the split, 1]`` in the order of :meth:`index`.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If the shape does not fit.
        """
        predicted, target = self._compared(predictions, split)
        if not bool(torch.isfinite(predicted).all()):
            return not_finite(self.monitors)
        general = value_metrics(predicted, target)
        order = ("loss", "rmse", "mae", "median_ae", "spearman")
        general["median_ae"] = median_absolute_error(predicted, target)
        metrics = {name: general[name] for name in order}
        for k in self.options.depths:
            if self._ranks_gains:
                metrics[f"ndcg@{k}"] = top_ndcg(predicted, target, k)
            metrics[f"precision@{k}"] = top_overlap(predicted, target, k)
        return metrics | self._own_metrics(predicted, target)

    def audit(self) -> AuditReport:
        """Checks what the other families of numbers do, and notes where NDCG is left out."""
        report = super().audit()
        if self._ranks_gains:
            return report
        note = "ndcg is left out, because values below zero are no gains; precision takes any value"
        return replace(report, notes=(*report.notes, note))

    def _at_depth(self, k: int) -> list[str]:
        return [f"ndcg@{k}", f"precision@{k}"] if self._ranks_gains else [f"precision@{k}"]


def _label_table(dataset: Dataset, values: Values, transform: str) -> Tensor:
    num_nodes = dataset.graph.num_nodes[values.node_type]
    target = values.target
    if transform == "log1p":
        if bool((target < 0).any()):
            raise DataError(
                f"{dataset.name} has the value {float(target.min())}, which is negative and has no "
                "logarithm; set task.transform=none, or task.kind=node-regression."
            )
        target = target.log1p()
    table = torch.full((num_nodes,), torch.nan)
    table[values.index] = target.float()
    return table
