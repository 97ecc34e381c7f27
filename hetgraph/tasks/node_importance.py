"""Node importance: predict a number of each node, and by it a ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.catalog.dataset import Dataset, NodeValues
from hetgraph.errors import ConfigError, DataError
from hetgraph.metrics import (
    mean_absolute_error,
    median_absolute_error,
    root_mean_squared_error,
    spearman,
    top_ndcg,
    top_overlap,
)
from hetgraph.seeds import Seeds
from hetgraph.tasks.base import SplitName, Task, TaskSpec
from hetgraph.tasks.splits import NUM_FOLDS, fold_split

__all__ = ["NodeImportance", "NodeImportanceOptions"]

_ERRORS = ("rmse", "mae", "median_ae")


@dataclass(frozen=True)
class NodeImportanceOptions:
    """Protocol of a node importance task.

    Args:
        fold: Which fifth of the labelled nodes is tested, 0 to 4; ``"seed"`` takes the seed
            ``split`` modulo 5, so that runs with seeds 0 to 4 are a cross-validation.
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


class NodeImportance(Task):
    """Predict the value of the nodes of one type; five real folds of 70, 10 and 20 %.

    Metrics are of the transformed values. NDCG gains are linear in them, precision at k is the
    share of the k most important nodes among the k predicted to be. Ties count as the mean over
    all orders of them.

    Args:
        dataset: Graph and values.
        seeds: ``seeds.split`` chooses the fold, unless the options do.
        options: The protocol.

    Raises:
        DataError: If the data set has no values, too few for five folds, or negative ones that
            have no logarithm.
    """

    Options: ClassVar[type[Any]] = NodeImportanceOptions
    default_monitor: ClassVar[str] = "spearman"

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: NodeImportanceOptions | None = None
    ) -> None:
        if dataset.values is None:
            raise DataError(f"{dataset.name} has no node values, so importance cannot be learned.")
        values, graph = dataset.values, dataset.graph
        spec = TaskSpec("node-importance", values.node_type, 1, num_nodes=dict(graph.num_nodes))
        super().__init__(graph, spec, dataset.name, dataset.hypergraphs)
        self.options = options or NodeImportanceOptions()
        chosen = self.options.fold
        self.fold = seeds.split % NUM_FOLDS if chosen == "seed" else int(chosen)
        split = fold_split(values.index.sort().values, self.fold)
        assert split.valid is not None  # every fold has one
        self._splits: dict[str, Tensor] = {
            "train": split.train, "valid": split.valid, "test": split.test,
        }  # fmt: skip
        self.value_name = values.name
        self._labels = _label_table(dataset, values, self.options.transform)
        self._test_labels = self._labels[split.test]
        self._labels[split.test] = torch.nan

    @property
    def monitors(self) -> tuple[str, ...]:  # type: ignore[override]
        """``"loss"``, ``"spearman"``, NDCG and precision at every depth, and errors."""
        return ("loss", "spearman", *self._depth_metrics(), *_ERRORS)

    @property
    def labels(self) -> Tensor:
        """``[num_nodes]`` float32 transformed values; those of test nodes and unknown are NaN."""
        return self._labels

    @property
    def protocol(self) -> dict[str, Any]:
        """The fold of this run, sizes of the parts and the options."""
        sizes = {name: ids.numel() for name, ids in self._splits.items()}
        return {**asdict(self.options), "fold": self.fold, "value": self.value_name, "sizes": sizes}

    def index(self, split: SplitName) -> Tensor:
        """Returns the int64 node ids of a part; predictions are given in this order."""
        self._check_split(split)
        return self._splits[split]

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Returns the mean squared error of ``[n, 1]`` predictions for ``[n]`` labels."""
        return F.mse_loss(logits.float().squeeze(1), target.float())

    def score(self, logits: Tensor, split: SplitName) -> dict[str, float]:
        """Returns ``loss rmse mae median_ae spearman ndcg@K precision@K`` for a part.

        All are NaN where a prediction is not finite.

        Args:
            logits: ``[num_nodes of the split, 1]`` in the order of :meth:`index`.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If the shape does not fit.
        """
        self._check_split(split)
        target = self._test_labels if split == "test" else self._labels[self._splits[split]]
        expected = [target.shape[0], 1]
        if list(logits.shape) != expected:
            raise DataError(f"predictions have shape {list(logits.shape)}, expected {expected}.")
        predicted = logits.detach().cpu().double().squeeze(1)
        target = target.double()
        if not bool(torch.isfinite(predicted).all()):
            return dict.fromkeys(self.monitors, torch.nan)
        rmse = root_mean_squared_error(predicted, target)
        metrics = {
            "loss": rmse**2,
            "rmse": rmse,
            "mae": mean_absolute_error(predicted, target),
            "median_ae": median_absolute_error(predicted, target),
            "spearman": spearman(predicted, target),
        }
        for k in self.options.depths:
            metrics[f"ndcg@{k}"] = top_ndcg(predicted, target, k)
            metrics[f"precision@{k}"] = top_overlap(predicted, target, k)
        return metrics

    def monitor_value(self, metrics: Mapping[str, float], monitor: str) -> float:
        """Returns the value to maximise; errors are negated.

        Raises:
            ConfigError: If the task has no such metric.
        """
        value = super().monitor_value(metrics, monitor)
        return -value if monitor in _ERRORS else value

    def best_over_epochs(self, history: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Returns the best value of each metric over epochs, of errors the least."""
        best = super().best_over_epochs(history)
        return best | {name: min(one[name] for one in history) for name in _ERRORS}

    def _depth_metrics(self) -> list[str]:
        return [f"{name}@{k}" for k in self.options.depths for name in ("ndcg", "precision")]


def _label_table(dataset: Dataset, values: NodeValues, transform: str) -> Tensor:
    num_nodes = dataset.graph.num_nodes[values.node_type]
    if values.index.numel() and int(values.index.max()) >= num_nodes:
        raise DataError(
            f"value of {values.node_type!r} node {int(values.index.max())}, but there are "
            f"{num_nodes} such nodes."
        )
    target = values.target
    if transform == "log1p":
        if bool((target < 0).any()):
            raise DataError(
                f"{dataset.name} has the value {float(target.min())}, which is negative; set "
                "task.transform=none."
            )
        target = target.log1p()
    table = torch.full((num_nodes,), torch.nan)
    table[values.index] = target.float()
    return table
