"""A family of tasks: in which band of durations a node ends, of which some have not ended yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from campus.durations import Durations
from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError, DataError, LeakageError
from hetgraph.nn.losses import LossFunction
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict
from hetgraph.tasks import (
    AuditReport,
    NodeHead,
    Predictions,
    SplitName,
    Task,
    TaskOptions,
    TaskSpec,
)
from hetgraph.tasks.audit import check_disjoint
from hetgraph.tasks.nodes import node_rows, with_train_and_valid
from hetgraph.tasks.splits import draw_split


@dataclass(frozen=True)
class DurationBandsOptions(TaskOptions):
    """Protocol: the number of bands, which hold equally many training nodes.

    Raises:
        ConfigError: If there are fewer than two.
    """

    bands: int = 3

    def __post_init__(self) -> None:
        if self.bands < 2:
            raise ConfigError(f"task.bands is {self.bands}, expected at least 2.")


class DurationBands(Task):
    """Ordinal regression: one yes or no per limit between two bands, "does it last longer?".

    A node that has not ended counts for the limits that it has passed already.
    """

    name: ClassVar[str] = "campus-duration-bands"
    reads: ClassVar[str] = "durations"
    Options: ClassVar[type[Any]] = DurationBandsOptions
    Head: ClassVar[type[Any]] = NodeHead
    score_names: ClassVar[tuple[str, ...]] = ("loss", "accuracy", "distance")
    errors: ClassVar[tuple[str, ...]] = ("loss", "distance")

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: DurationBandsOptions | None = None
    ) -> None:
        target = next((t for t in dataset.targets.values() if isinstance(t, Durations)), None)
        if target is None:
            raise DataError(f"{dataset.name} has no durations, so none can be predicted.")
        self.options = options or DurationBandsOptions()
        generator = seeds.generator("split", "durations")
        split = draw_split(target.index.sort().values, 0.8, 0.125, generator)
        self._splits = {"train": split.train, "valid": split.valid, "test": split.test}
        graph, limits = dataset.graph, self.options.bands - 1
        lasted = torch.full((graph.num_nodes[target.node_type], 1), torch.nan).double()
        lasted[target.index, 0] = target.target
        share = torch.arange(1, limits + 1).double() / self.options.bands
        self.limits = torch.quantile(lasted[split.train, 0], share)
        labels = (lasted > self.limits).float()
        ended = torch.zeros(len(lasted), 1, dtype=torch.bool)
        ended[target.index, 0] = target.ended
        labels[~ended & (labels == 0)] = torch.nan
        self._test_labels, self._labels = labels[split.test], labels
        self._labels[split.test] = torch.nan
        spec = TaskSpec(self.name, target.node_type, limits, num_nodes=dict(graph.num_nodes))
        super().__init__(graph, spec, dataset.name)

    def index(self, split: SplitName) -> Tensor:
        self._check_split(split)
        return self._splits[split]

    @property
    def labels(self) -> Tensor:
        """``[num_nodes, bands - 1]``: 1 if it lasts longer than a limit, 0 if not, else NaN."""
        return self._labels

    def criterion(self, name: str = "auto") -> LossFunction:
        return self._functions.loss or _known_limits

    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Returns the loss, and of nodes whose band is known: accuracy and distance in bands."""
        self._check_split(split)
        target = self._test_labels if split == "test" else self._labels[self._splits[split]]
        logits = self.to_tensor(predictions, split)
        whole = ~target.isnan().any(1)
        distance = ((logits > 0).sum(1) - target.sum(1)).abs()[whole]
        metrics = {
            "loss": float(self.criterion()(logits, target)),
            "accuracy": float((distance == 0).float().mean()),
            "distance": float(distance.mean()),
        }
        return metrics | self._own_metrics(logits, target)

    def audit(self) -> AuditReport:
        checks = check_disjoint(self._splits)
        if not bool(self._labels[self._splits["test"]].isnan().all()):
            raise LeakageError("durations of test nodes are readable; mask them with NaN.")
        return AuditReport((checks, "no duration of a test node is readable"))

    def to_tensor(self, predictions: Predictions, split: SplitName) -> Tensor:
        return node_rows(predictions, self._splits[split].numel(), self.spec.num_outputs)

    @property
    def protocol(self) -> dict[str, Any]:
        sizes = {name: ids.numel() for name, ids in self._splits.items()}
        return {**config_to_dict(self.options), "limits": self.limits.tolist(), "sizes": sizes}

    def refit_view(self) -> Self:
        return with_train_and_valid(self)


def _known_limits(logits: Tensor, target: Tensor) -> Tensor:
    """The mean binary cross-entropy over the limits whose answer is known."""
    known = ~target.isnan()
    if not bool(known.any()):
        return logits.sum() * 0
    return F.binary_cross_entropy_with_logits(logits.float()[known], target[known])
