"""The task contract: it owns the labels, methods only see what they may."""

from __future__ import annotations

import copy
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.errors import ConfigError, suggest
from hetgraph.features.standins import refreshed_standins
from hetgraph.html import card, facts, table
from hetgraph.nn.losses import LossFunction
from hetgraph.settings import later
from hetgraph.tasks.audit import AuditReport
from hetgraph.tasks.calibration import Calibration
from hetgraph.tasks.heads import Head
from hetgraph.tasks.outputs import Outputs
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.spec import TaskSpec

__all__ = ["SPLITS", "MetricFunction", "SplitName", "Task", "TaskOptions", "TrainedNodes"]

_MOST_RELATIONS = 6
"""Relations that a line of text names."""

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")

MetricFunction = Callable[[Tensor, Tensor], float]
"""A user's metric: of predictions and targets of a split."""

T = TypeVar("T", bound="Task")

_LOG = logging.getLogger("hetgraph.tasks")


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """What the options of every family have.

    Args:
        kind: Family of the task; empty takes the one that is usual for the data set.
    """

    kind: str = later("")


@dataclass(frozen=True)
class _Functions:
    """A user's functions, which replace or join those of the family.

    ``failed`` collects the errors of the metrics that raised one, to tell each only once.
    """

    loss: LossFunction | None = None
    metrics: Mapping[str, MetricFunction] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def measure(self, predicted: Tensor, target: Tensor) -> dict[str, float]:
        """Returns the values of the metrics, NaN for one that fails: it must not end a training."""
        return {name: self._value(name, predicted, target) for name in self.metrics}

    def _value(self, name: str, predicted: Tensor, target: Tensor) -> float:
        try:
            return float(self.metrics[name](predicted, target))
        except Exception as error:
            if name not in self.failed:
                self.failed[name] = f"{type(error).__name__}: {error}"
                _LOG.warning(
                    "your metric %r failed (%s); it counts as unknown, null in the record, "
                    "wherever it fails.",
                    name,
                    self.failed[name],
                )
            return math.nan


@dataclass(frozen=True, eq=False)
class TrainedNodes:
    """Where the nodes of a type stood in the graph that was trained on.

    Args:
        rows: ``[num_nodes]`` int64 rows in that graph; -1 for new nodes.
        count: Number of nodes in that graph.
    """

    rows: Tensor
    count: int


class Task(ABC):
    """Graph, target, split, loss, metrics and protocol of one experiment.

    Labels of test nodes are not readable; :meth:`score` is the only way to use them.

    Args:
        graph: The graph that methods see.
        spec: What is to be predicted.
        dataset_name: ``"collection/name"``, for records.
        hypergraphs: Hypergraphs over the nodes of the graph that methods may use, by name.
    """

    name: ClassVar[str]
    """The family, such as ``"node-classification"``; its module is named alike."""
    reads: ClassVar[str]
    """Kind of target that the family is made from."""
    Options: ClassVar[type[Any]]
    Head: ClassVar[type[Head[Any, Any]]]
    score_names: ClassVar[tuple[str, ...]]
    """Metrics of :meth:`score` that training may be selected by."""
    default_monitor: ClassVar[str] = "loss"
    """What selects the weights where the user does not say."""
    errors: ClassVar[tuple[str, ...]] = ("loss",)
    """Metrics of which less is better."""

    def __init__(
        self,
        graph: HeteroGraph,
        spec: TaskSpec,
        dataset_name: str = "",
        hypergraphs: Mapping[str, Hypergraph] | None = None,
    ) -> None:
        self.graph = graph
        self.hypergraphs = dict(hypergraphs or {})
        self.spec = spec
        self.dataset_name = dataset_name
        self._test_open = True
        self._functions = _Functions()

    @property
    def graph(self) -> HeteroGraph:
        """The graph that methods see; stand-ins for features are of the edges that it has.

        Edges that a task hides would show in vectors that were fitted to them.
        """
        return self._graph

    @graph.setter
    def graph(self, graph: HeteroGraph) -> None:
        self._graph = refreshed_standins(graph)

    @abstractmethod
    def index(self, split: SplitName) -> Tensor:
        """Returns the int64 ids of a split, or ``[2, n]`` pairs, in the order of predictions."""

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {ids.shape[-1]:,}" for name, ids in self.open_splits().items())
        return f"{type(self).__name__}({self.dataset_name}: {self._asked}; {sizes})"

    def _repr_html_(self) -> str:
        """Returns what is asked and the sizes of the splits, for notebooks."""
        values = {
            "asks about": self._asked,
            "outputs": f"{self.spec.num_outputs:,}",
            "monitor": self.default_monitor,
        }
        sizes = [(name, f"{ids.shape[-1]:,}") for name, ids in self.open_splits().items()]
        splits = table(["split", "samples"], sizes, right=["samples"])
        return card(f"{self.name} on {self.dataset_name}", facts(values), splits)

    @property
    def _asked(self) -> str:
        keys = self.spec.edge_types
        if len(keys) > _MOST_RELATIONS:
            return f"{len(keys)} relations"
        return ", ".join(map(str, keys)) or self.spec.target

    def open_splits(self) -> dict[str, Tensor]:
        """Returns :meth:`index` of each split that this view has."""
        return {split: self.index(split) for split in SPLITS if split != "test" or self._test_open}

    @property
    @abstractmethod
    def labels(self) -> Tensor:
        """Labels of all target nodes; hidden and missing ones are marked."""

    @abstractmethod
    def criterion(self, name: str = "auto") -> LossFunction:
        """Returns the mean loss of predictions ``[n, num_outputs]`` against targets of ``n`` rows.

        It is the only home of the loss of a family: heads train by it, :meth:`score` reports it.

        Args:
            name: A loss that a method asks for by name, see :func:`hetgraph.nn.choose_loss`.
        """

    @abstractmethod
    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Returns metrics as fractions, and the loss, of predictions for :meth:`index`."""

    @abstractmethod
    def audit(self) -> AuditReport:
        """Fails when held-out information reaches what a method may read.

        Raises:
            LeakageError: Naming what leaks and how to mend it.
        """

    @abstractmethod
    def to_tensor(self, predictions: Predictions, split: SplitName) -> Tensor:
        """Returns what is kept of predictions for a split in the folder of a run."""

    @property
    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """The choices that make two scores comparable, for records."""

    @property
    def outputs(self) -> Outputs:
        """What the outputs of a model of this task mean to the user.

        By default logits of classes where there are several, a score of pairs, or else a number.
        """
        if self.spec.num_outputs > 1:
            return Outputs("classes" if self.spec.multi_label else "class")
        return Outputs("score" if self.spec.edge_types else "number")

    def trained_nodes(self, node_type: str) -> TrainedNodes | None:
        """Returns where the nodes of a type stood in training; ``None``: they are those.

        Methods that draw something for each node need it, so that a known node keeps it.
        """
        return None

    def per_relation(self, predictions: Predictions, split: SplitName) -> dict[str, Any]:
        """Returns metrics by relation where a family has several; empty otherwise."""
        return {}

    def calibration(self, predictions: Mapping[str, Predictions]) -> Calibration | None:
        """Returns how well probabilities can be believed; ``None`` where no classes are predicted.

        The temperature is fitted on validation; test labels are used to score, as in :meth:`score`.

        Args:
            predictions: What a method says of each split, as for :meth:`score`. Splits that are
                missing here or in this view are not measured.
        """
        return None

    def _open_among(self, predictions: Mapping[str, Predictions]) -> list[SplitName]:
        """Returns the splits with predictions that this view has."""
        splits = self.open_splits()
        return [split for split in SPLITS if split in predictions and split in splits]

    @property
    def monitors(self) -> tuple[str, ...]:
        """Metrics that training may be selected by, those of the user's own among them."""
        return (*self.score_names, *self._functions.metrics)

    def monitor_value(self, metrics: Mapping[str, float], monitor: str) -> float:
        """Returns the value to maximise for a monitor such as ``"f1_mean"`` or ``"loss"``.

        Raises:
            ConfigError: If the task has no such metric, or it is one of the user's that failed.
        """
        if monitor in self._functions.failed and math.isnan(metrics.get(monitor, 0.0)):
            raise ConfigError(
                f"train.monitor is your metric {monitor!r}, which failed "
                f"({self._functions.failed[monitor]}); mend it, or select by another metric."
            )
        if monitor in metrics:
            return -metrics[monitor] if monitor in self.errors else metrics[monitor]
        known = (*metrics, *self.monitors)
        raise ConfigError(f"unknown monitor {monitor!r}.{suggest(monitor, known)}")

    def best_over_epochs(self, history: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Returns the best value of each metric over epochs, each at an epoch of its own.

        Args:
            history: What :meth:`score` returned for the test split after each epoch.
        """
        names = [name for name in history[0] if name != "loss"]
        return {
            name: (min if name in self.errors else max)(metrics[name] for metrics in history)
            for name in names
        }

    def without_test(self: T) -> T:
        """Returns a view for tuning whose test split can neither be listed nor scored."""
        view = copy.copy(self)
        view._test_open = False
        return view

    @abstractmethod
    def refit_view(self: T) -> T:
        """Returns a view that trains on training and validation targets; nothing validates."""

    def with_functions(
        self: T,
        *,
        loss: LossFunction | None = None,
        metrics: Mapping[str, MetricFunction] | None = None,
    ) -> T:
        """Returns a view with a loss or further metrics of the user's own.

        Args:
            loss: Mean loss of ``[n, num_outputs]`` predictions against ``n`` targets.
            metrics: Functions of predictions and targets of a split, by name; more is better.

        Raises:
            ConfigError: If the family ranks candidates, so that there are no targets to compare
                with.
        """
        given = (loss is not None, bool(metrics))
        if any(given) and (reason := self._refuses_functions(*given)):
            raise ConfigError(f"the task {self.spec.kind!r} takes no {reason}")
        view = copy.copy(self)
        view._functions = _Functions(
            loss or self._functions.loss, {**self._functions.metrics, **(metrics or {})}
        )
        return view

    def _refuses_functions(self, loss: bool, metrics: bool) -> str:
        """Returns which of them the family does not take, and why; empty if it takes them."""
        return ""

    def loss_settings(self) -> tuple[str, ...]:
        """Returns what the user set of the loss, such as ``loss=`` or ``task.class_weights``."""
        return () if self._functions.loss is None else ("loss=",)

    def _own_metrics(self, predicted: Tensor, target: Tensor) -> dict[str, float]:
        """Values of the user's metrics."""
        return self._functions.measure(predicted, target)

    def _check_split(self, split: str) -> None:
        if split not in SPLITS:
            raise ConfigError(f"unknown split {split!r}.{suggest(split, SPLITS)}")
        if split == "test" and not self._test_open:
            raise PermissionError("this view of the task has no test split: it is made for tuning.")
