"""Node classification, single- and multi-label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.errors import ConfigError, DataError, LeakageError, suggest
from hetgraph.nn.losses import LossFunction
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict, later
from hetgraph.tasks.audit import AuditReport, check_disjoint, check_label_columns
from hetgraph.tasks.base import SplitName, Task, TaskOptions
from hetgraph.tasks.calibration import Calibration, calibrate
from hetgraph.tasks.classes import (
    check_label_smoothing,
    chosen_settings,
    class_criterion,
    class_metrics,
)
from hetgraph.tasks.heads import Head, NodeHead
from hetgraph.tasks.nodes import node_rows, with_train_and_valid
from hetgraph.tasks.outputs import Outputs
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.spec import TaskSpec
from hetgraph.tasks.splits import draw_split, given_splits, hold_out

__all__ = ["NodeClassification", "NodeClassificationOptions"]


@dataclass(frozen=True)
class NodeClassificationOptions(TaskOptions):
    """Protocol of a node classification.

    Args:
        split: Name of one of the data set's fixed splits; empty takes the first. ``"random"``
            draws one from the labelled nodes.
        valid_fraction: Fraction of the training nodes held out for validation where the split
            has no validation set of its own.
        stratified: Whether held-out nodes keep the fractions of the classes; ``None``: yes for
            single labels.
        labels_per_class: For sets whose splits are named by it (20, 40, 60), the split to take.
        train_fraction: Fraction of the labelled nodes a random split trains on.
        test: ``"full"`` scores every test node; ``"half"`` a fixed half of them. The full scores
            are the result either way; the half's are added under ``*_half``.
        threshold: Probability above which a multi-label prediction counts.
        shots: Training nodes of each class to keep, drawn by the split seed; one with more shots
            has those with fewer. As many validation nodes are kept. ``None``: all.
        test_nodes: Most test nodes, the same ones whatever the seed: for methods that take seconds
            for each. ``None``: all.
        class_weights: Weights of the classes in the loss: one number per class, or ``"balanced"``
            for the inverse of their frequency among the training nodes, with mean one.
        label_smoothing: Fraction of a node's label that goes to all classes alike.
    """

    split: str = ""
    valid_fraction: float = 0.2
    stratified: bool | None = None
    labels_per_class: int | None = None
    train_fraction: float = 0.6
    test: Literal["full", "half"] = "full"
    threshold: float = 0.5
    shots: int | None = later(None)
    test_nodes: int | None = later(None)
    class_weights: Literal["balanced"] | tuple[float, ...] | None = later(None)
    label_smoothing: float = later(0.0)

    def __post_init__(self) -> None:
        for name in ("valid_fraction", "train_fraction", "threshold"):
            value = getattr(self, name)
            if not 0.0 < value < 1.0:
                raise ConfigError(f"task.{name} is {value}, expected a value between 0 and 1.")
        for name in ("shots", "test_nodes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"task.{name} is {value}, expected at least 1, or null.")
        check_label_smoothing(self.label_smoothing)
        if self.test not in ("full", "half"):
            raise ConfigError(f"task.test is {self.test!r}, expected 'full' or 'half'.")


class NodeClassification(Task):
    """Predict the classes of the nodes of one type.

    Args:
        dataset: Graph, labels and fixed splits.
        seeds: ``seeds.split`` draws the validation set.
        options: The protocol.

    Raises:
        DataError: If the data set has no labels or a split is empty.
    """

    name: ClassVar[str] = "node-classification"
    reads: ClassVar[str] = "labels"
    Options: ClassVar[type[Any]] = NodeClassificationOptions
    Head: ClassVar[type[Head[Any, Any]]] = NodeHead
    score_names: ClassVar[tuple[str, ...]] = (
        "loss",
        "micro_f1",
        "macro_f1",
        "accuracy",
        "f1_mean",
        "auc",
    )

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: NodeClassificationOptions | None = None
    ) -> None:
        if dataset.labels is None:
            raise DataError(f"{dataset.name} has no node labels, so nodes cannot be classified.")
        labels = dataset.labels
        spec = TaskSpec(
            self.name,
            labels.node_type,
            labels.num_classes,
            labels.multi_label,
            dict(dataset.graph.num_nodes),
            num_classes=labels.num_classes,
        )
        super().__init__(dataset.graph, spec, dataset.name)
        self.options = options or NodeClassificationOptions()
        self._stratified = (
            not labels.multi_label if self.options.stratified is None else self.options.stratified
        )
        all_labels = _label_table(labels, dataset.graph.num_nodes[labels.node_type])
        self.class_names = labels.class_names
        self._split_name, split = self._choose_split(dataset, labels, seeds)
        self._splits: dict[str, Tensor] = self._complete(split, all_labels, seeds)
        test = self._splits["test"]
        self._test_labels = all_labels[test]
        self._labels = all_labels
        self._labels[test] = -1
        if self.options.shots is not None or self.options.test_nodes is not None:
            left_out = torch.ones(len(all_labels), dtype=torch.bool)
            left_out[torch.cat([self._splits["train"], self._splits["valid"]])] = False
            self._labels[left_out] = -1
        self._half = self._half_of_test(dataset)

    def _choose_split(self, dataset: Dataset, labels: Labels, seeds: Seeds) -> tuple[str, Split]:
        given = given_splits(dataset, labels)
        names = tuple(given)
        wanted = self.options.split
        if self.options.labels_per_class is not None:
            wanted = str(self.options.labels_per_class)
        if wanted == "random" or not (names or wanted):
            return "random", draw_split(
                labels.index,
                self.options.train_fraction,
                self.options.valid_fraction,
                seeds.generator("split", "random split"),
            )
        wanted = wanted or names[0]
        if wanted not in names:
            raise ConfigError(
                f"{dataset.name} has no split {wanted!r}.{suggest(wanted, (*names, 'random'))}"
            )
        return wanted, given[wanted]

    def _complete(self, split: Split, labels: Tensor, seeds: Seeds) -> dict[str, Tensor]:
        train, valid = split.train, split.valid
        if valid is None:
            strata = labels[train] if self._stratified and not self.spec.multi_label else None
            generator = seeds.generator("split", "validation")
            train, valid = hold_out(train, self.options.valid_fraction, generator, strata)
        train, valid = self._few(train, labels, seeds), self._few(valid, labels, seeds)
        splits = {"train": train, "valid": valid, "test": self._some(split.test)}
        for name, ids in splits.items():
            if ids.numel() == 0:
                raise DataError(f"{self.dataset_name}: the {name} split holds no labelled node.")
            missing = labels[ids] < 0 if labels.dim() == 1 else (labels[ids] < 0).any(dim=1)
            if bool(missing.any()):
                bad = int(ids[missing.nonzero()[0, 0]])
                raise DataError(f"{self.dataset_name}: {name} node {bad} has no label.")
        return splits

    def _few(self, ids: Tensor, labels: Tensor, seeds: Seeds) -> Tensor:
        """The shots among some nodes, in the order of these."""
        shots = self.options.shots
        if shots is None:
            return ids
        if self.spec.multi_label:
            raise DataError(
                f"{self.dataset_name}: nodes can have several classes, so task.shots cannot be "
                "counted; leave it out."
            )
        chance = seeds.generator("split", "shots", ids.numel())
        order = torch.randperm(ids.numel(), generator=chance)
        classes = labels[ids][order]
        kept = [order[classes == label][:shots] for label in range(self.spec.num_outputs)]
        return ids[torch.cat(kept).sort().values]

    def _some(self, test: Tensor) -> Tensor:
        most = self.options.test_nodes
        if most is None or most >= test.numel():
            return test
        chance = Seeds().generator("split", "some of the test part", self.dataset_name)
        return test[torch.randperm(test.numel(), generator=chance)[:most].sort().values]

    def _half_of_test(self, dataset: Dataset) -> Tensor | None:
        """Positions in the test split of a half: the data set's own, else a fixed drawn one."""
        if self.options.test != "half":
            return None
        test = self._splits["test"]
        if "half" in dataset.splits:
            return torch.isin(test, dataset.splits["half"].test).nonzero().squeeze(1)
        generator = Seeds().generator("split", "half of the test part", dataset.name)
        return torch.randperm(test.numel(), generator=generator)[: test.numel() // 2].sort().values

    @property
    def labels(self) -> Tensor:
        """``[num_nodes]`` int64 classes, or ``[num_nodes, num_classes]`` float 0/1.

        Test nodes and unlabelled ones are -1.
        """
        return self._labels

    @property
    def outputs(self) -> Outputs:
        """Logits of one class per node, or of independent classes."""
        kind: Literal["class", "classes"] = "classes" if self.spec.multi_label else "class"
        return Outputs(kind, tuple(self.class_names), self.options.threshold)

    @property
    def protocol(self) -> dict[str, Any]:
        """Split, sizes of the splits and the options."""
        sizes = {name: ids.numel() for name, ids in self._splits.items()}
        return {**config_to_dict(self.options), "split": self._split_name, "sizes": sizes}

    def index(self, split: SplitName) -> Tensor:
        """Returns the int64 node ids of a split; predictions are given in this order."""
        self._check_split(split)
        return self._splits[split]

    def criterion(self, name: str = "auto") -> LossFunction:
        """Returns cross-entropy, or binary cross-entropy over all entries for multi-label."""
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
        """Returns ``loss micro_f1 macro_f1 accuracy f1_mean`` of logits for a split.

        With single labels also ``auc``, the mean area under the ROC curve of one class against the
        rest, where every class occurs in the split.

        Args:
            predictions: ``[num_nodes of the split, num_outputs]`` logits in the order of
                :meth:`index`.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If the number of rows or columns does not fit.
        """
        target = self._target(split)
        logits = self.to_tensor(predictions, split)
        metrics = self._metrics(logits, target)
        if split == "test" and self._half is not None:
            half = self._metrics(logits[self._half], target[self._half])
            metrics |= {f"{name}_half": value for name, value in half.items()}
        return metrics

    def calibration(self, predictions: Mapping[str, Predictions]) -> Calibration | None:
        """Returns calibration error, Brier score and the temperature fitted on validation."""
        splits = self._open_among(predictions)
        return calibrate(
            {split: self.to_tensor(predictions[split], split) for split in splits},
            {split: self._target(split) for split in splits},
        )

    def _target(self, split: SplitName) -> Tensor:
        """Labels of the nodes of a split, test nodes included: to score only."""
        self._check_split(split)
        return self._test_labels if split == "test" else self._labels[self._splits[split]]

    def _metrics(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        metrics = class_metrics(logits, target, self.options.threshold)
        metrics = {"loss": float(self.criterion()(logits, target)), **metrics}
        return metrics | self._own_metrics(logits, target)

    def to_tensor(self, predictions: Predictions, split: SplitName) -> Tensor:
        """Returns the ``[num_nodes of the split, num_outputs]`` logits."""
        return node_rows(predictions, self._splits[split].numel(), self.spec.num_outputs)

    def audit(self) -> AuditReport:
        """Checks that splits share no node, no test label is readable, no feature is a label."""
        return AuditReport((*self._audit_splits(), self._audit_features()))

    def _audit_splits(self) -> tuple[str, ...]:
        checks = check_disjoint(self._splits)
        readable = int((self.labels[self._splits["test"]] >= 0).sum())
        if readable:
            raise LeakageError(f"{readable} labels of test nodes are readable; mask them with -1.")
        return checks, "no label of a test node is readable"

    def _audit_features(self) -> str:
        seen = torch.cat([self._splits["train"], self._splits["valid"]])
        return check_label_columns(
            self.graph, self.spec.target, seen, self.labels[seen], few=self._few_labels
        )

    @property
    def _few_labels(self) -> bool:
        """Whether a column of the features may equal a class by chance."""
        return self.options.shots is not None

    def refit_view(self) -> Self:
        """Returns a view that trains on training and validation nodes."""
        return with_train_and_valid(self)

    def best_over_epochs(self, history: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Returns the best of each metric; the area under the curve at the best micro-F1.

        Source: evaluation of DMGI and HeCo, as in the official implementation of DiffGraph.
        """
        best = super().best_over_epochs(history)
        if "auc" in best:
            best["auc"] = max(history, key=lambda metrics: metrics["micro_f1"])["auc"]
        return best


def _label_table(labels: Labels, num_nodes: int) -> Tensor:
    if labels.multi_label:
        table = torch.full((num_nodes, labels.num_classes), -1.0)
        table[labels.index] = labels.target.float()
        return table
    classes = torch.full((num_nodes,), -1, dtype=torch.int64)
    classes[labels.index] = labels.target
    return classes
