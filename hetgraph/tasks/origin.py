"""What a trained model keeps of its graph and task, so that it can answer about other graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.standin import StandIn
from hetgraph.features.standins import COMPUTED, fit_ids, keep_computed, known_places
from hetgraph.tasks.base import Task
from hetgraph.tasks.outputs import Outputs

__all__ = ["KnownLabels", "Origin"]


@dataclass(frozen=True, eq=False)
class KnownLabels:
    """The labels that a model may read when it answers: those of training and validation.

    Args:
        nodes: Which nodes they are of.
        values: Labels, one per node, in the form of :attr:`~hetgraph.tasks.Task.labels`.
        train: ``[n]`` whether a node was trained on; the others validated.
    """

    nodes: StandIn
    values: Tensor
    train: Tensor


@dataclass(frozen=True, eq=False)
class Origin:
    """One plain value, saved with a model; without it a model knows only its own graph.

    Args:
        outputs: What the outputs mean.
        encoders: Encoders of columns by type, as in ``graph.encoders``.
        standins: Fitted stand-ins for features by node type, as in ``graph.standins``.
        nodes: Which nodes there were, of types with one learned or drawn vector per node.
        labels: Labels of nodes that may be read; ``None`` for tasks about pairs.
        temperature: What logits are divided by for probabilities, fitted on validation.
    """

    outputs: Outputs
    encoders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    standins: Mapping[str, StandIn] = field(default_factory=dict)
    nodes: Mapping[str, StandIn] = field(default_factory=dict)
    labels: KnownLabels | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        for name in ("encoders", "standins", "nodes"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @classmethod
    def of(cls, task: Task, node_types: Iterable[str], temperature: float = 1.0) -> Origin:
        """Keeps what is needed of the task that a model was trained for.

        Args:
            task: The task; test labels are not kept.
            node_types: Types with one learned vector per node. Types without features are kept
                in any case.
            temperature: See the class.
        """
        graph = task.graph
        bare = [name for name in graph.node_types if not graph.schema.node_types[name].dim]
        standins = {
            name: keep_computed(graph, name) if standin.kind == COMPUTED else standin
            for name, standin in graph.standins.items()
            if standin.kind != "ids"
        }
        return cls(
            outputs=task.outputs,
            encoders=graph.encoders,
            standins=standins,
            nodes={name: fit_ids(graph, name) for name in sorted({*bare, *node_types})},
            labels=None if task.spec.edge_types else _known(task),
            temperature=temperature,
        )

    def places(self, graph: HeteroGraph, node_type: str) -> Tensor:
        """Returns ``[num_nodes]`` int64 rows of the nodes of a graph in the one of training.

        New nodes have -1.

        Raises:
            DataError: If nodes have ids in one graph and none in the other.
        """
        return known_places(graph, node_type, self.nodes[node_type])

    def to_dict(self) -> dict[str, Any]:
        """Returns all but the tensors, as JSON holds it."""
        return {
            "outputs": self.outputs.to_dict(),
            "encoders": {key: dict(state) for key, state in self.encoders.items()},
            "standins": [[key, standin.to_dict()] for key, standin in self.standins.items()],
            "nodes": [[key, nodes.to_dict()] for key, nodes in self.nodes.items()],
            "labels": None if self.labels is None else self.labels.nodes.to_dict(),
            "temperature": self.temperature,
        }

    def tensors(self) -> dict[str, Tensor]:
        """Returns the tensors by name."""
        named: dict[str, Tensor] = {}
        for group, values in (("standins", self.standins), ("nodes", self.nodes)):
            for number, standin in enumerate(values.values()):
                named |= {f"{group}.{number}.{k}": x for k, x in standin.tensors.items()}
        if self.labels is not None:
            named |= {f"labels.nodes.{k}": x for k, x in self.labels.nodes.tensors.items()}
            named |= {"labels.values": self.labels.values, "labels.train": self.labels.train}
        return named

    @classmethod
    def from_parts(cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Origin:
        """Reads the results of :meth:`to_dict` and :meth:`tensors`."""
        groups = {
            group: {
                key: _standin(state, f"{group}.{number}.", tensors)
                for number, (key, state) in enumerate(values[group])
            }
            for group in ("standins", "nodes")
        }
        labels = None
        if values["labels"] is not None:
            nodes = _standin(values["labels"], "labels.nodes.", tensors)
            labels = KnownLabels(nodes, tensors["labels.values"], tensors["labels.train"])
        return cls(
            outputs=Outputs.from_dict(values["outputs"]),
            encoders=values["encoders"],
            **groups,
            labels=labels,
            temperature=float(values["temperature"]),
        )


def _known(task: Task) -> KnownLabels:
    """The labels of training and validation nodes, by what tells the nodes apart."""
    train, valid = task.index("train"), task.index("valid")
    rows = torch.unique(torch.cat([train, valid]))
    nodes = fit_ids(task.graph, task.spec.target, rows)
    return KnownLabels(nodes, task.labels[rows].clone(), torch.isin(rows, train))


def _standin(state: Mapping[str, Any], prefix: str, tensors: Mapping[str, Tensor]) -> StandIn:
    own = {k.removeprefix(prefix): x for k, x in tensors.items() if k.startswith(prefix)}
    return StandIn(**state, tensors=own)
