"""Node classification from a handful of labels of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.errors import ConfigError, DataError
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict
from hetgraph.tasks.audit import AuditReport
from hetgraph.tasks.base import TaskOptions
from hetgraph.tasks.node_classification import NodeClassification, NodeClassificationOptions

__all__ = ["FewShot", "FewShotOptions", "draw_shots"]

_FEW = 1000
"""Sets with fewer test nodes at nine tenths are tested on seven tenths.

Source: the official implementation of GPH².
"""


@dataclass(frozen=True)
class FewShotOptions(TaskOptions):
    """Protocol of a few-shot classification.

    Args:
        shots: Training nodes of each class.
        number: Which of the tasks of a graph. Equal numbers are equal tasks, whatever the model
            and the seeds, and a task with more shots has those with fewer. ``None``: the split
            seed, counted round from 0 after ``num_tasks``, so that runs of the seeds 0 to 29 are
            ten tasks three times over.
        num_tasks: How many tasks the seeds are counted round.
        valid_shots: Validation nodes of each class; ``None``: as many as ``shots``.
        test_fraction: Fraction of the labelled nodes to test on; the others are drawn from.
            ``None``: 0.9, or 0.7 where that is below a thousand nodes.
        split: ``"disjoint"``: no node is in two splits. ``"overlapping"`` cuts test and training
            nodes from two orders of the nodes, so that most training nodes are test nodes, too, as
            in the official implementation of GPH²; its scores are too good.

    Raises:
        ConfigError: If a value is out of its range.
    """

    shots: int = 5
    number: int | None = None
    num_tasks: int = 10
    valid_shots: int | None = None
    test_fraction: float | None = None
    split: Literal["disjoint", "overlapping"] = "disjoint"

    def __post_init__(self) -> None:
        for name, least in (("shots", 1), ("num_tasks", 1), ("valid_shots", 1), ("number", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"task.{name} is {value}, expected at least {least}.")
        if self.test_fraction is not None and not 0 < self.test_fraction < 1:
            raise ConfigError(
                f"task.test_fraction is {self.test_fraction}, expected a value between 0 and 1."
            )


class FewShot(NodeClassification):
    """Predict the classes of nodes from ``shots`` examples of each.

    One run is one task; its score is that of one task. The mean over tasks is that over runs.

    Args:
        dataset: Graph and labels; its own splits do not count.
        seeds: ``seeds.split`` chooses the task where the options do not.
        options: The protocol.

    Raises:
        DataError: If nodes can have several labels, or a class has too few nodes.
    """

    name: ClassVar[str] = "few-shot"
    Options: ClassVar[type[Any]] = FewShotOptions

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: FewShotOptions | None = None
    ) -> None:
        self.few = options or FewShotOptions()
        labels = dataset.labels
        if labels is None or labels.multi_label:
            raise DataError(f"{dataset.name}: few shots need nodes of one known class each.")
        chosen = self.few.number
        self.number = seeds.split % self.few.num_tasks if chosen is None else chosen
        split = draw_shots(labels, self.few, self.number)
        alone = replace(dataset, splits={"few-shot": split})
        super().__init__(alone, seeds, NodeClassificationOptions(split="few-shot"))
        known = torch.isin(labels.index, torch.cat([split.train, self.index("valid")]))
        self._labels[labels.index[known]] = labels.target[known]  # overlapping ones are masked

    @property
    def protocol(self) -> dict[str, Any]:
        """The options, the number of the task and the sizes of the splits."""
        sizes = {name: ids.numel() for name, ids in self._splits.items()}
        return {**config_to_dict(self.few), "number": self.number, "sizes": sizes}

    def audit(self) -> AuditReport:
        """Checks as of any classification; splits that were asked to overlap are not compared."""
        if self.few.split == "overlapping":
            return AuditReport((self._audit_features(),))
        return super().audit()

    @property
    def _few_labels(self) -> bool:
        return True


def draw_shots(labels: Labels, options: FewShotOptions, number: int) -> Split:
    """Draws the splits of one task.

    Args:
        labels: Classes of the nodes.
        options: The protocol.
        number: Which task.

    Raises:
        DataError: If a class has too few nodes beside the test nodes.
    """
    generator = Seeds(split=number).generator("split", "few-shot")
    size = labels.index.numel()
    order = torch.randperm(size, generator=generator)
    num_test = _test_size(size, options.test_fraction)
    test = order[:num_test]
    if options.split == "overlapping":
        order = torch.randperm(size, generator=generator)
    pool = order[num_test:]
    valid_shots = options.shots if options.valid_shots is None else options.valid_shots
    wanted = options.shots + valid_shots
    train, valid = [], []
    for label in range(labels.num_classes):
        own = pool[labels.target[pool] == label]
        if own.numel() < wanted:
            raise DataError(
                f"class {label} has {own.numel()} nodes beside the test nodes, but {options.shots} "
                f"to train and {valid_shots} to validate are wanted; lower task.shots, "
                "task.valid_shots or task.test_fraction."
            )
        train.append(own[: options.shots])
        valid.append(own[options.shots : wanted])
    return Split(*(labels.index[ids] for ids in _sorted(torch.cat(train), torch.cat(valid), test)))


def _test_size(size: int, fraction: float | None) -> int:
    if fraction is not None:
        return int(size * fraction)
    usual = size * 9 // 10
    return usual if usual >= _FEW else size * 7 // 10


def _sorted(*splits: Tensor) -> Sequence[Tensor]:
    return [ids.sort().values for ids in splits]
