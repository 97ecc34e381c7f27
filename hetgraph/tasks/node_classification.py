"""Node classification, single- and multi-label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.catalog.dataset import Dataset, NodeLabels, Split
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.metrics import accuracy, multi_label_f1, roc_auc_ovr, single_label_f1
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict, later
from hetgraph.tasks.base import SplitName, Task, TaskSpec
from hetgraph.tasks.splits import draw_split, hold_out

__all__ = ["NodeClassification", "NodeClassificationOptions"]


@dataclass(frozen=True)
class NodeClassificationOptions:
    """Protocol of a node classification.

    Args:
        split: Name of one of the data set's fixed splits; empty takes the first. ``"random"``
            draws one from the labelled nodes.
        valid_fraction: Share of the training nodes held out for validation where the split has no
            validation set of its own.
        stratified: Whether held-out nodes keep the class shares; ``None``: yes for single labels.
        labels_per_class: For sets whose splits are named by it (20, 40, 60), the split to take.
        train_fraction: Share of the labelled nodes a random split trains on.
        test: ``"full"`` scores every test node; ``"half"`` a fixed half of them. The full scores
            are the result either way; the half's are added under ``*_half``.
        threshold: Probability above which a multi-label prediction counts.
        shots: Training nodes of each class to keep, drawn by the split seed; one with more shots
            has those with fewer. As many validation nodes are kept. ``None``: all.
        test_nodes: Most test nodes, the same ones whatever the seed: for methods that take seconds
            for each. ``None``: all.
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

    def __post_init__(self) -> None:
        for name in ("valid_fraction", "train_fraction", "threshold"):
            value = getattr(self, name)
            if not 0.0 < value < 1.0:
                raise ConfigError(f"task.{name} is {value}, expected a value between 0 and 1.")
        for name in ("shots", "test_nodes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"task.{name} is {value}, expected at least 1, or null.")
        if self.test not in ("full", "half"):
            raise ConfigError(f"task.test is {self.test!r}, expected 'full' or 'half'.")


class NodeClassification(Task):
    """Predict the classes of the nodes of one type.

    Args:
        dataset: Graph, labels and fixed splits.
        seeds: ``seeds.split`` draws the validation set.
        options: The protocol.

    Raises:
        DataError: If the data set has no labels or a part is empty.
    """

    Options: ClassVar[type[Any]] = NodeClassificationOptions
    monitors: ClassVar[tuple[str, ...]] = (
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
            "node-classification",
            labels.node_type,
            labels.num_classes,
            labels.multi_label,
            dict(dataset.graph.num_nodes),
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

    def _choose_split(
        self, dataset: Dataset, labels: NodeLabels, seeds: Seeds
    ) -> tuple[str, Split]:
        names = tuple(dataset.splits)
        wanted = self.options.split
        if self.options.labels_per_class is not None:
            wanted = str(self.options.labels_per_class)
        if wanted == "random" or not names:
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
        return wanted, dataset.splits[wanted]

    def _complete(self, split: Split, labels: Tensor, seeds: Seeds) -> dict[str, Tensor]:
        train, valid = split.train, split.valid
        if valid is None:
            strata = labels[train] if self._stratified and not self.spec.multi_label else None
            generator = seeds.generator("split", "validation")
            train, valid = hold_out(train, self.options.valid_fraction, generator, strata)
        train, valid = self._few(train, labels, seeds), self._few(valid, labels, seeds)
        parts = {"train": train, "valid": valid, "test": self._some(split.test)}
        for name, ids in parts.items():
            if ids.numel() == 0:
                raise DataError(f"{self.dataset_name}: the {name} part holds no labelled node.")
            missing = labels[ids] < 0 if labels.dim() == 1 else (labels[ids] < 0).any(dim=1)
            if bool(missing.any()):
                bad = int(ids[missing.nonzero()[0, 0]])
                raise DataError(f"{self.dataset_name}: {name} node {bad} has no label.")
        return parts

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
        kept = [order[classes == one][:shots] for one in range(self.spec.num_outputs)]
        return ids[torch.cat(kept).sort().values]

    def _some(self, test: Tensor) -> Tensor:
        most = self.options.test_nodes
        if most is None or most >= test.numel():
            return test
        chance = Seeds().generator("split", "some of the test part", self.dataset_name)
        return test[torch.randperm(test.numel(), generator=chance)[:most].sort().values]

    def _half_of_test(self, dataset: Dataset) -> Tensor | None:
        """Positions in the test part of a half: the data set's own, else a fixed drawn one."""
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
    def protocol(self) -> dict[str, Any]:
        """Split, sizes of the parts and the options."""
        sizes = {name: ids.numel() for name, ids in self._splits.items()}
        return {**config_to_dict(self.options), "split": self._split_name, "sizes": sizes}

    def index(self, split: SplitName) -> Tensor:
        """Returns the int64 node ids of a part; predictions are given in this order."""
        self._check_split(split)
        return self._splits[split]

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Returns cross-entropy, or binary cross-entropy over all entries for multi-label."""
        if self.spec.multi_label:
            return F.binary_cross_entropy_with_logits(logits.float(), target.float())
        return F.cross_entropy(logits.float(), target)

    def score(self, logits: Tensor, split: SplitName) -> dict[str, float]:
        """Returns ``loss micro_f1 macro_f1 accuracy f1_mean`` of logits for a part.

        With single labels also ``auc``, the mean area under the ROC curve of one class against the
        rest, where every class occurs in the part.

        Args:
            logits: ``[num_nodes of the split, num_outputs]`` in the order of :meth:`index`.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If the number of rows or columns does not fit.
        """
        self._check_split(split)
        target = self._test_labels if split == "test" else self._labels[self._splits[split]]
        expected = [target.shape[0], self.spec.num_outputs]
        if list(logits.shape) != expected:
            raise DataError(f"predictions have shape {list(logits.shape)}, expected {expected}.")
        logits = logits.detach().cpu().float()
        metrics = self._metrics(logits, target)
        if split == "test" and self._half is not None:
            half = self._metrics(logits[self._half], target[self._half])
            metrics |= {f"{name}_half": value for name, value in half.items()}
        return metrics

    def _metrics(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        classes = self.spec.num_outputs
        if self.spec.multi_label:
            predicted = logits.sigmoid() > self.options.threshold
            micro, macro = multi_label_f1(predicted, target > 0)
            exact = float((predicted == (target > 0)).all(dim=1).float().mean())
        else:
            predicted = logits.argmax(dim=1)
            micro, macro = single_label_f1(predicted, target, classes)
            exact = accuracy(predicted, target)
        metrics = {
            "loss": float(self.loss(logits, target)),
            "micro_f1": micro,
            "macro_f1": macro,
            "accuracy": exact,
            "f1_mean": (micro + macro) / 2,
        }
        if not self.spec.multi_label and classes > 1 and len(set(target.tolist())) == classes:
            metrics["auc"] = roc_auc_ovr(logits.softmax(dim=1), target)
        return metrics

    def best_over_epochs(self, history: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Returns the best of each metric; the area under the curve at the best micro-F1.

        Source: evaluation of DMGI and HeCo, as in the program of DiffGraph.
        """
        best = super().best_over_epochs(history)
        if "auc" in best:
            best["auc"] = max(history, key=lambda one: one["micro_f1"])["auc"]
        return best


def _label_table(labels: NodeLabels, num_nodes: int) -> Tensor:
    if labels.index.numel() and int(labels.index.max()) >= num_nodes:
        raise DataError(
            f"label of {labels.node_type!r} node {int(labels.index.max())}, "
            f"but there are {num_nodes} such nodes."
        )
    if labels.multi_label:
        table = torch.full((num_nodes, labels.num_classes), -1.0)
        table[labels.index] = labels.target.float()
        return table
    classes = torch.full((num_nodes,), -1, dtype=torch.int64)
    classes[labels.index] = labels.target
    return classes
