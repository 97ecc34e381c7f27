"""The task contract: it owns the labels, the models only see what they may."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, suggest

__all__ = ["SPLITS", "SplitName", "Task", "TaskSpec", "run_family"]

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")

_MADE_FROM: Mapping[str, tuple[str, ...]] = {"node-classification": ("few-shot",)}
"""Families of tasks that can be made from a data set of another family."""


def run_family(of_dataset: str, of_model: Sequence[str]) -> str:
    """Returns the family of tasks that a model is run in on a data set.

    That is the family of the data set, unless the model is only for one that can be made from it.

    Args:
        of_dataset: Family of the data set; empty: node classification.
        of_model: Families that the model is for.
    """
    family = of_dataset or "node-classification"
    made = (one for one in _MADE_FROM.get(family, ()) if one in of_model)
    return family if family in of_model else next(made, family)


@dataclass(frozen=True)
class TaskSpec:
    """All a model must know of a task to size its parameters.

    Args:
        kind: Name of the task family, for example ``"node-classification"``.
        target: Node type the predictions are for.
        num_outputs: Width of the predictions, for example the number of classes.
        multi_label: Whether the outputs are independent of each other.
        num_nodes: Number of nodes by type, for methods that learn one vector a node; types that
            are left out may have other nodes when the model is used.
        edge_type: Relation whose edges are to be predicted, if it is about edges.
    """

    kind: str
    target: str
    num_outputs: int
    multi_label: bool = False
    num_nodes: Mapping[str, int] = field(default_factory=dict, hash=False)
    edge_type: EdgeType | None = None

    @property
    def ends(self) -> tuple[str, ...]:
        """Node types that predictions are made from: the target, or what the relation joins."""
        if self.edge_type is None:
            return (self.target,)
        return tuple(dict.fromkeys((self.edge_type.src, self.edge_type.dst)))

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TaskSpec:
        """Reads what :meth:`to_dict` wrote."""
        given = data.get("edge_type")
        return cls(**{**data, "edge_type": None if given is None else EdgeType(*given)})


class Task(ABC):
    """Graph, target, split, loss, metrics and protocol of one experiment.

    Labels of test nodes are not readable; :meth:`score` is the only way to use them.

    Args:
        graph: The graph that models see.
        spec: What is to be predicted.
        dataset_name: ``"collection/name"``, for records.
        hypergraphs: Hypergraphs over the nodes of the graph that models may use, by name.
    """

    Options: ClassVar[type[Any]]
    monitors: ClassVar[tuple[str, ...]]
    """Metrics of :meth:`score` that training may be selected by; larger is better but for loss
    and errors."""
    default_monitor: ClassVar[str] = "loss"
    """What selects the weights where the user does not say."""

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

    @abstractmethod
    def index(self, split: SplitName) -> Tensor:
        """Returns the int64 ids of a part, or ``[2, n]`` pairs, in the order of predictions."""

    def open_splits(self) -> dict[str, Tensor]:
        """Returns :meth:`index` of each part that this view has."""
        return {split: self.index(split) for split in SPLITS if split != "test" or self._test_open}

    @property
    @abstractmethod
    def labels(self) -> Tensor:
        """Labels of all target nodes; hidden and missing ones are marked."""

    @abstractmethod
    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Returns the scalar mean loss of ``logits`` against rows of :attr:`labels`."""

    @abstractmethod
    def score(self, logits: Tensor, split: SplitName) -> dict[str, float]:
        """Returns metrics as fractions, and the loss, of predictions for :meth:`index`."""

    @property
    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """The choices that make two scores comparable, for records."""

    def monitor_value(self, metrics: Mapping[str, float], monitor: str) -> float:
        """Returns the value to maximise for a monitor such as ``"f1_mean"`` or ``"loss"``.

        Raises:
            ConfigError: If the task has no such metric.
        """
        if monitor == "loss":
            return -metrics["loss"]
        if monitor in metrics:
            return metrics[monitor]
        known = (*metrics, *self.monitors)
        raise ConfigError(f"unknown monitor {monitor!r}.{suggest(monitor, known)}")

    def best_over_epochs(self, history: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Returns the best value of each metric over epochs, each at an epoch of its own.

        Args:
            history: What :meth:`score` returned for the test part after each epoch.
        """
        names = [name for name in history[0] if name != "loss"]
        return {name: max(one[name] for one in history) for name in names}

    def without_test(self) -> Task:
        """Returns a view for tuning whose test part can neither be listed nor scored."""
        import copy

        view = copy.copy(self)
        view._test_open = False
        return view

    def _check_split(self, split: str) -> None:
        if split not in SPLITS:
            raise ConfigError(f"unknown split {split!r}.{suggest(split, SPLITS)}")
        if split == "test" and not self._test_open:
            raise PermissionError("this view of the task has no test part: it is made for tuning.")
