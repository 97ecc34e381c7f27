"""The contract that the trainer knows: inputs made once, a training step, predictions."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import Schema
from hetgraph.errors import ConfigError, DataError, FileFormatError
from hetgraph.features.standins import extend_ids
from hetgraph.files import atomic_dir
from hetgraph.methods.registered import Registered
from hetgraph.methods.relevance import RelevanceRow
from hetgraph.nn.node_tables import node_tables
from hetgraph.registry import models
from hetgraph.renamed import current_settings
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict
from hetgraph.tasks import Origin, Predictions, Task, TaskSpec
from hetgraph.tensorfile import load_tensors, save_tensors

__all__ = ["Loss", "Method", "Stage"]


@dataclass(frozen=True)
class Stage:
    """One stage of a training: pre-training, fusion, tuning.

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


class Method(nn.Module, Registered):
    """Whatever can be trained: an encoder joined with a head, or a method of its own.

    Parameters are sized from schema, task and configuration alone, so a method can be built,
    counted and loaded without data. A method has no training loop and names no data set.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters, an instance of ``Config``.
    """

    families: ClassVar[tuple[str, ...]] = ("node-classification",)
    """Families of tasks that the method is for."""
    purpose: ClassVar[str] = "it is a method of its own and has no head for other tasks."
    """Why it is for no others, as a sentence that goes on after a colon."""
    reads_task_loss: ClassVar[bool] = False
    """Whether it trains by :meth:`Task.criterion`, so that settings of the loss are read."""
    no_decay: ClassVar[tuple[str, ...]] = ()
    """Parameters with one of these words between the dots of their name have no weight decay."""

    def __init__(self, schema: Schema, spec: TaskSpec, config: Any) -> None:
        super().__init__()
        self.schema = schema
        self.spec = spec
        self.config = config
        # What is kept of the graph that was trained on; a model without it knows no other graph.
        self.origin: Origin | None = None

    @classmethod
    def refuses(cls, family: str) -> str:
        """Returns why the method is not for a family of tasks; empty if it is for it."""
        return "" if family in cls.families else cls.purpose

    @classmethod
    def build(cls, schema: Schema, spec: TaskSpec, config: Any) -> Self:
        """Returns the method with fresh parameters."""
        return cls(schema, spec, config)

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
            task: Graph, visible labels and splits.
            seeds: Sources of chance.
            workdir: Folder for results worth keeping between runs; ``None`` keeps nothing.

        Returns:
            The inputs that the other methods take.
        """

    def stages(self) -> tuple[Stage, ...]:
        """Returns the stages of the training, in order."""
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
    def predict(self, inputs: Any, split: str) -> Predictions:
        """Returns what the method says of the samples of a split.

        Of nodes one row each, in the order of the task; of pairs the vectors of both ends and what
        turns two of them into outputs.
        """

    @abstractmethod
    def embed(self, inputs: Any, split: str) -> Tensor:
        """Returns ``[num_samples of the split, dim]`` vectors in the order of the task."""

    def earlier(self, inputs: Any, split: str) -> dict[str, Tensor]:
        """Returns representations on the way to :meth:`embed` by name, such as ``before fusion``.

        They are ``[num_nodes of the split, any dim]`` in the order of the task, and are drawn
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

    def check(self, task: Task) -> None:
        """Checks that a task is of the kind the parameters were made for; ``prepare`` begins so.

        Types come in the same order, too; the number of nodes counts for types without features.

        Raises:
            DataError: If types, features, target or classes differ; it tells which.
            ConfigError: If the user set something of the loss, but the method has its own.
        """
        if not self.reads_task_loss and (chosen := task.loss_settings()):
            raise ConfigError(
                f"the model {self.name!r} does not train by the loss of the task, so "
                f"{' and '.join(chosen)} would not be read; leave it out."
            )
        now, made = task.graph.schema, self.schema
        pairs: list[tuple[str, object, object]] = [
            ("target", task.spec.target, self.spec.target),
            ("relation to predict", task.spec.edge_types, self.spec.edge_types),
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
        for what, given, expected in pairs:
            if given != expected:
                raise DataError(
                    f"this {self.name} was made for another graph: {what} {given}, expected "
                    f"{expected}; build a model for this task."
                )

    def moved_to(self, graph: HeteroGraph) -> Method:
        """Returns the model for another graph of its schema; learned vectors follow their nodes.

        A new node gets the mean over its neighbours, see :func:`hetgraph.features.extend_ids`.
        O(num_parameters), and O(num_edges * dim) for learned vectors where nodes are new.

        Args:
            graph: The graph, on the CPU.

        Raises:
            DataError: If the model keeps nothing of the graph that it was trained on, or nodes
                have ids in one graph and none in the other.
        """
        if self.origin is None:
            raise DataError(
                f"this {self.name} keeps nothing of the graph that it was trained on, so it knows "
                "no other; train again with this version of hetgraph."
            )
        sizes = {name: graph.num_nodes[name] for name in self.spec.num_nodes}
        spec = replace(self.spec, num_nodes=sizes)
        with torch.random.fork_rng(devices=()):  # what is drawn here is overwritten
            moved = models.get(self.name).build(self.schema, spec, self.config)
        state = self.state_dict()
        for name, types in node_tables(self).items():
            state[name] = _moved_rows(state[name], self.spec, types, graph, self.origin)
        moved.load_state_dict(state)
        moved.origin = self.origin
        return moved.to(self.device).eval()  # type: ignore[no-any-return]

    def num_parameters(self) -> int:
        """Returns the number of trainable parameters."""
        return sum(weight.numel() for weight in self.parameters() if weight.requires_grad)

    def save(self, folder: str | Path) -> None:
        """Writes all but the data to a folder, atomically, without pickle."""
        meta = {
            "format": 2,
            "model": self.name,
            "config": asdict(self.config),
            "spec": self.spec.to_dict(),
            "schema": self.schema.to_dict(),
            "origin": None if self.origin is None else self.origin.to_dict(),
        }
        with atomic_dir(Path(folder), marker="model.json") as temporary:
            save_tensors(self.state_dict(), temporary / "parameters.safetensors")
            if self.origin is not None:
                save_tensors(self.origin.tensors(), temporary / "origin.safetensors")
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
            if meta["format"] != 2:
                raise FileFormatError(
                    f"{folder} holds a model of format {meta['format']}, expected 2; train again."
                )
            cls = models.get(meta["model"])
            settings = current_settings({"model": meta["config"]}, cls.name)
            config = config_from_dict(cls.Config, settings["model"])
            schema, spec = Schema.from_dict(meta["schema"]), TaskSpec.from_dict(meta["spec"])
            model: Method = cls.build(schema, spec, config)
            if meta.get("origin") is not None:
                tensors = load_tensors(folder / "origin.safetensors")
                model.origin = Origin.from_parts(meta["origin"], tensors)
            model.load_state_dict(load_tensors(folder / "parameters.safetensors"))
        except FileFormatError:
            raise
        except FileNotFoundError as error:
            missing = Path(str(error.filename)).name
            raise FileFormatError(
                f"{folder} holds no complete model: {missing} is missing; train again."
            ) from error
        except (OSError, KeyError, json.JSONDecodeError, RuntimeError) as error:
            raise FileFormatError(f"{folder} holds no complete model: {error}") from error
        return model.eval()


def _moved_rows(
    table: Tensor, spec: TaskSpec, types: tuple[str, ...], graph: HeteroGraph, origin: Origin
) -> Tensor:
    """Returns the learned rows of the nodes of another graph, type after type."""
    parts = torch.split(table, [spec.num_nodes[name] for name in types])
    moved = (
        extend_ids(part, graph, name, origin.nodes[name])
        for name, part in zip(types, parts, strict=True)
    )
    return torch.cat(list(moved))
