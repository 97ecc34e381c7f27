"""The small contract every method fulfils, whatever its family."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.schema import Schema
from hetgraph.errors import ConfigError, DataError, FileFormatError
from hetgraph.files import atomic_dir
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict
from hetgraph.tasks.base import Task, TaskSpec, run_family
from hetgraph.tensorfile import load_tensors, save_tensors

__all__ = ["Loss", "Method", "RelevanceRow", "Stage"]


@dataclass(frozen=True)
class Stage:
    """One part of a training: pre-training, fusion, tuning.

    Args:
        name: Passed to :meth:`Method.batches` and :meth:`Method.training_step`.
        epochs: Number of epochs; ``None`` takes the trainer's setting.
        validate: Whether the stage is early-stopped and selected on validation.
    """

    name: str = "fit"
    epochs: int | None = None
    validate: bool = True


@dataclass
class Loss:
    """Named terms of a training loss, each a mean over ``count`` samples.

    Args:
        terms: Scalars; the trainer minimises their sum and logs each.
        count: Number of samples, the weight of this batch among the processes of a step.
    """

    terms: Mapping[str, Tensor]
    count: int

    @property
    def total(self) -> Tensor:
        """The sum of the terms."""
        return torch.stack([term.float() for term in self.terms.values()]).sum()


@dataclass(frozen=True)
class RelevanceRow:
    """How much one relation or meta-path counts for the nodes of a type.

    Args:
        node_type: Type whose representation it shapes.
        relation: Relation or meta-path in text form.
        order: Hop, iteration or layer it belongs to, from 0.
        weight: Mean weight.
        std: Standard deviation of the weight over nodes, heads or filters.
        label: Class of the nodes the weight is a mean over; ``None`` for all nodes.
        source: Type that the messages start from; ``None``: the far end of ``relation``.
    """

    node_type: str
    relation: str
    order: int
    weight: float
    std: float = 0.0
    label: int | None = None
    source: str | None = None


class Method(nn.Module, ABC):
    """A method: fixed inputs made once, a training step, predictions.

    Parameters are sized from schema, task and configuration alone, so a model can be built,
    counted and loaded without data. A model has no training loop and names no data set.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters, an instance of ``Config``.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Any]]
    citation: ClassVar[str] = ""
    search_space: ClassVar[Mapping[str, Any]] = {}
    tasks: ClassVar[tuple[str, ...]] = ("node-classification",)
    families: ClassVar[Mapping[str, type[Method]]] = {}
    """Classes that take this one's place for other families of tasks, with the same ``Config``."""
    no_decay: ClassVar[tuple[str, ...]] = ()
    """Parameters whose name contains one of these words are left out of weight decay."""

    def __init__(self, schema: Schema, spec: TaskSpec, config: Any) -> None:
        super().__init__()
        self.schema = schema
        self.spec = spec
        self.config = config

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        for parameter in self.parameters():
            return parameter.device
        return torch.device("cpu")

    @abstractmethod
    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Any:
        """Computes everything that happens once: propagation, views, tokens.

        Args:
            task: Graph, visible labels and parts.
            seeds: Sources of chance.
            workdir: Folder for results worth keeping between runs; ``None`` keeps nothing.

        Returns:
            The inputs that the other methods take.
        """

    def stages(self) -> tuple[Stage, ...]:
        """Returns the parts of the training, in order."""
        return (Stage(),)

    @abstractmethod
    def batches(
        self,
        inputs: Any,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[Any]:
        """Yields the batches of one epoch, lazily.

        Args:
            inputs: What :meth:`prepare` returned.
            split: ``"train"``, ``"valid"`` or ``"test"``.
            stage: The running stage.
            batch_size: Samples in a batch over all processes.
            generator: Source of the order; ``None`` keeps the stored order.
            shard: ``(rank, world)``; each process takes its slice of every batch.
        """

    @abstractmethod
    def training_step(self, batch: Any, *, stage: Stage) -> Loss:
        """Returns the loss of one batch."""

    @abstractmethod
    def predict(self, inputs: Any, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, num_outputs]`` logits in the order of the task."""

    @abstractmethod
    def embed(self, inputs: Any, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, dim]`` representations in the order of the task."""

    def earlier(self, inputs: Any, split: str) -> dict[str, Tensor]:
        """Returns representations on the way to :meth:`embed` by name, such as ``before fusion``.

        They are ``[num_nodes of the split, any width]`` in the order of the task, and are drawn
        beside those of :meth:`embed` by ``hetgraph explain``. By default there are none.
        """
        return {}

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the weight of each relation or meta-path; empty if the method has none.

        Args:
            inputs: What :meth:`prepare` returned.
            classes: ``[num_target_nodes]`` classes, -1 for nodes to leave out. Given, there is a
                further row for each class where a weight belongs to a node of the target.
        """
        return []

    @classmethod
    def for_task(cls, task: Task, config: Any) -> Method:
        """Builds the model for a task; see :attr:`families`.

        Raises:
            ConfigError: If the model is for other families of tasks.
        """
        cls.check_family(task.spec.kind, task.dataset_name)
        return cls._of(task.spec)(task.graph.schema, task.spec, config)

    @classmethod
    def pretrain(cls, dataset: Dataset, config: Any) -> None:
        """Trains the part of a method that belongs to one graph and serves others; keeps it.

        Raises:
            ConfigError: If the method has none.
        """
        raise ConfigError(f"the model {cls.name!r} has no experts of single graphs.")

    @classmethod
    def check_family(cls, family: str, dataset: str) -> None:
        """Checks that the model is for the family of tasks that a data set is for.

        Raises:
            ConfigError: If it is not.
        """
        if run_family(family, cls.tasks) not in cls.tasks:
            raise ConfigError(
                f"the model {cls.name!r} is for {' and '.join(cls.tasks)}, but {dataset} is for "
                f"{family}; `hetgraph models` lists the models."
            )

    @classmethod
    def _of(cls, spec: TaskSpec) -> type[Method]:
        return cls.families.get(spec.kind, cls)

    def check(self, task: Task) -> None:
        """Checks that a task is of the kind the parameters were made for; ``prepare`` begins so.

        Types come in the same order, too; the number of nodes counts for types without features.

        Raises:
            DataError: If types, features, target or classes differ; it tells which.
        """
        now, made = task.graph.schema, self.schema
        pairs: list[tuple[str, object, object]] = [
            ("target", task.spec.target, self.spec.target),
            ("relation to predict", task.spec.edge_type, self.spec.edge_type),
            ("number of outputs", task.spec.num_outputs, self.spec.num_outputs),
            ("node types", [*now.node_types], [*made.node_types]),
            ("edge types", [*map(str, now.edge_types)], [*map(str, made.edge_types)]),
            ("reverses", now.reverses, made.reverses),
        ]
        for name in now.node_types.keys() & made.node_types.keys():
            feature = made.node_types[name]
            pairs.append((f"features of {name!r}", now.node_types[name], feature))
            if not feature.dim and name in self.spec.num_nodes:
                count = self.spec.num_nodes[name]
                pairs.append((f"number of {name!r} nodes", task.graph.num_nodes[name], count))
        for what, found, expected in pairs:
            if found != expected:
                raise DataError(
                    f"this {self.name} was made for another graph: {what} {found}, expected "
                    f"{expected}; build a model for this task."
                )

    def num_parameters(self) -> int:
        """Returns the number of trainable parameters."""
        return sum(one.numel() for one in self.parameters() if one.requires_grad)

    def save(self, folder: str | Path) -> None:
        """Writes parameters, configuration and schema to a folder, atomically, without pickle."""
        meta = {
            "format": 1,
            "model": self.name,
            "config": asdict(self.config),
            "spec": self.spec.to_dict(),
            "schema": self.schema.to_dict(),
        }
        with atomic_dir(Path(folder), marker="model.json") as temporary:
            save_tensors(self.state_dict(), temporary / "parameters.safetensors")
            (temporary / "model.json").write_text(json.dumps(meta, indent=2), encoding="utf-8")

    @staticmethod
    def load(folder: str | Path) -> Method:
        """Reads a model that :meth:`save` wrote, whatever its class.

        Raises:
            FileFormatError: If the folder holds no model or its parameters do not fit.
        """
        folder = Path(folder)
        try:
            meta = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            cls = models.get(meta["model"])
            config = config_from_dict(cls.Config, meta["config"])
            schema, spec = Schema.from_dict(meta["schema"]), TaskSpec.from_dict(meta["spec"])
            model: Method = cls._of(spec)(schema, spec, config)
            model.load_state_dict(load_tensors(folder / "parameters.safetensors"))
        except FileFormatError:
            raise
        except (OSError, KeyError, json.JSONDecodeError, RuntimeError) as error:
            raise FileFormatError(f"{folder} holds no complete model: {error}") from error
        return model.eval()
