"""What stands under the name of a model: an encoder, or a method of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from hetgraph.catalog import Dataset
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import Schema
from hetgraph.errors import ConfigError
from hetgraph.optional import Package
from hetgraph.tasks import Task, TaskSpec
from hetgraph.tasks.factory import DEFAULT_FAMILY, related_families, task_class

if TYPE_CHECKING:
    from hetgraph.methods.method import Method

__all__ = ["OPTIMIZER_SPACE", "USES", "Registered"]

OPTIMIZER_SPACE: Mapping[str, Any] = {
    "train.lr": {"low": 5e-4, "high": 2e-2, "log": True},
    "train.weight_decay": [0.0, 1e-6, 1e-5, 1e-4, 1e-3],
}
"""What the search spaces of trained models have in common."""

USES: Mapping[str, str] = {
    "features": "node features",
    "text": "node texts",
    "edge_weight": "edge weights",
    "edge_feature": "edge features",
    "edge_time": "edge times",
    "metapaths": "meta-paths",
    "labels": "training labels",
}
"""The words of :attr:`Registered.uses`, and what they are called in tables and messages."""


class Registered(ABC):
    """The facts about a model that are known by its name, and how it is built.

    Attributes:
        name: The name, that of its folder.
        Config: A frozen dataclass with its hyper-parameters.
        uses: What it can read beside node and edge types: words of :data:`USES`; ``"labels"`` are
            training labels as input. ``None``: it does not say, so users are told nothing.
        left_out: Words of ``uses`` that it does not read in a family of tasks, by family.
        without_features: What a node of a type without features has in the method.
        citation: What to cite.
        search_space: What :func:`hetgraph.tune` searches by default: names of its settings (or
            ``"train.lr"``) with a list of choices or ``{"low", "high"}``, plus ``"log": True``.
        train_defaults: Settings of the trainer that belong to the method, such as its ``lr`` and
            ``weight_decay``. They hold on every data set unless an experiment file or the user
            says otherwise.
        standins: Stand-in for the features of types without any, where neither an experiment file
            nor the user names one: ``"auto"``, a kind, or empty for the model's own. It was chosen
            in node classification and holds there alone.
        model_defaults: Settings of ``Config`` where there is no experiment file, as the defaults of
            the class are those of published runs.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Any]]
    uses: ClassVar[frozenset[str] | None] = None
    left_out: ClassVar[Mapping[str, frozenset[str]]] = {}
    without_features: ClassVar[str] = "one learned vector per node"
    citation: ClassVar[str] = ""
    search_space: ClassVar[Mapping[str, Any]] = {}
    train_defaults: ClassVar[Mapping[str, Any]] = {}
    standins: ClassVar[str] = ""
    model_defaults: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    @abstractmethod
    def refuses(cls, family: str) -> str:
        """Returns why the model is not for a family of tasks; empty if it is for it."""

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns what of :attr:`uses` is read with these settings from this graph.

        What a family of tasks leaves out, see :attr:`left_out`, is not taken off.
        """
        return cls.uses or frozenset()

    @classmethod
    def packages(cls, config: Any) -> Iterable[Package]:
        """Returns the optional packages that these settings need; checked before a run."""
        return ()

    @classmethod
    @abstractmethod
    def build(cls, schema: Schema, spec: TaskSpec, config: Any) -> Method:
        """Returns a method of fresh parameters, sized without data."""

    @classmethod
    def for_task(cls, task: Task, config: Any) -> Method:
        """Returns a method for a task.

        Raises:
            ConfigError: If the model is for other families of tasks.
        """
        cls.check_family(task.spec.kind, task.dataset_name)
        return cls.build(task.graph.schema, task.spec, config)

    @classmethod
    def pretrain(cls, dataset: Dataset, config: Any) -> None:
        """Trains the part of a method that belongs to one graph and serves others; keeps it.

        Raises:
            ConfigError: If the method has none.
        """
        raise ConfigError(f"the model {cls.name!r} has no experts of single graphs.")

    @classmethod
    def family_on(cls, of_dataset: str, wanted: str = "") -> str:
        """Returns the family of tasks that the model is run in on a data set.

        That is the one that is asked for, else that of the data set, unless the model is only for
        others that are made from the same targets.

        Args:
            of_dataset: Family of the data set; empty: node classification.
            wanted: The family that is asked for, if one is.

        Raises:
            ConfigError: If there is no such family.
        """
        if wanted:
            return task_class(wanted).name
        family = of_dataset or DEFAULT_FAMILY
        related = related_families(family)
        return next((name for name in related if not cls.refuses(name)), family)

    @classmethod
    def train_defaults_in(cls, family: str) -> Mapping[str, Any]:
        """Returns the method's own settings of the trainer in a family of tasks.

        They are :attr:`train_defaults`; a method with other ones in some family overrides this.
        The monitor is not among them: it belongs to the task.

        Args:
            family: Name of the family, such as ``"link-prediction"``.

        Example:
            >>> from hetgraph.methods import Encoder
            >>> class Careful(Encoder):
            ...     train_defaults = {"lr": 5e-4, "patience": 50}
            >>> Careful.train_defaults_in("node-classification")
            {'lr': 0.0005, 'patience': 50}
        """
        return cls.train_defaults

    @classmethod
    def standins_in(cls, family: str) -> str:
        """Returns the stand-in for missing features in a family of tasks; empty: the model's own.

        Args:
            family: Name of the family, such as ``"link-prediction"``.

        Example:
            >>> from hetgraph.registry import models
            >>> models.get("rgcn").standins_in("link-prediction")
            ''
        """
        return cls.standins if family == DEFAULT_FAMILY else ""

    @classmethod
    def check_family(cls, family: str, dataset: str) -> None:
        """Checks that the model is for a family of tasks.

        Raises:
            ConfigError: If it is not, with the reason.
        """
        reason = cls.refuses(family)
        if reason:
            raise ConfigError(
                f"the model {cls.name!r} is not for {family}, which {dataset} is for: {reason} "
                "`hetgraph models --matrix` lists which model is for which task."
            )
