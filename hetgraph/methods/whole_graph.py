"""Encoders that compute all nodes of the asked types in every pass over the graph."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.methods.encoder import Batch, Encoded, Encoder
from hetgraph.nn import EdgeInputs, FeatureEncoder, JointGraph, LayerPlan, feature_matrix
from hetgraph.nn.features import Features
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task

__all__ = [
    "GraphInputs",
    "JointEncoder",
    "JointInputs",
    "WholeGraphEncoder",
    "graph_inputs",
    "seed_rows",
]


@dataclass(eq=False)
class GraphInputs:
    """What an encoder reads, on its device.

    Args:
        features: By node type; see :func:`hetgraph.nn.feature_matrix`.
        relations: By edge type.
        views: Relations of meta-paths, or others that the method made, by name.
        edges: What the edges of relations carry beside their ends, where the method reads it.
    """

    features: Mapping[str, Features | None]
    relations: Mapping[EdgeType, CSR]
    views: Mapping[str, CSR] = field(default_factory=dict)
    edges: Mapping[EdgeType, EdgeInputs] = field(default_factory=dict)


def graph_inputs(task: Task, device: torch.device) -> GraphInputs:
    """Returns features and relations of a graph on a device.

    Example:
        >>> from hetgraph import load_dataset
        >>> from hetgraph.tasks import make_task
        >>> task = make_task(load_dataset("synthetic/academic", num_nodes=500))
        >>> inputs = graph_inputs(task, torch.device("cpu"))
        >>> list(inputs.features) == list(task.graph.node_types)
        True
    """
    graph = task.graph
    features = {name: feature_matrix(graph, name) for name in graph.node_types}
    return GraphInputs(
        features={k: None if x is None else x.to(device) for k, x in features.items()},
        relations={key: relation.to(device) for key, relation in graph.relations.items()},
    )


def seed_rows(
    vectors: Mapping[str, Tensor], seeds: Mapping[str, Tensor | None]
) -> dict[str, Tensor]:
    """Returns the rows of seeds among the vectors of all nodes.

    Example:
        >>> x = {"user": torch.tensor([[1.0], [2.0], [3.0]])}
        >>> seed_rows(x, {"user": torch.tensor([2, 0])})["user"].tolist()
        [[3.0], [1.0]]
    """
    return {k: vectors[k] if ids is None else vectors[k][ids] for k, ids in seeds.items()}


class WholeGraphEncoder(Encoder):
    """An encoder that makes the vectors of all nodes at once.

    A subclass builds its layers, sets :attr:`dim` and implements :meth:`vectors`. What it reads
    besides features and relations it makes in :meth:`views`.
    """

    @abstractmethod
    def vectors(self, inputs: Any) -> Mapping[str, Tensor]:
        """Returns ``[num_nodes, dim]`` vectors of the asked types."""

    def views(self, task: Task, seeds: Seeds) -> dict[str, CSR]:
        """Returns further relations that are made once, by name."""
        return {}

    def edge_inputs(self, graph: HeteroGraph) -> dict[EdgeType, EdgeInputs]:
        """Returns what the edges carry, for encoders that read it; see :class:`EdgeReader`."""
        return {}

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Any:
        """Brings features, relations, views and what edges carry to the device."""
        return self._brought(task, seeds, self.edge_inputs(task.graph))

    def _brought(
        self, task: Task, seeds: Seeds, edges: Mapping[EdgeType, EdgeInputs]
    ) -> GraphInputs:
        inputs = graph_inputs(task, self.device)
        views = self.views(task, seeds)
        inputs.views = {name: view.to(self.device) for name, view in views.items()}
        inputs.edges = {key: edge.to(self.device) for key, edge in edges.items()}
        read = {key: edge.relation for key, edge in inputs.edges.items()}
        inputs.relations = {**inputs.relations, **read}
        return inputs

    def forward(self, batch: Batch) -> Encoded:
        """Returns the vectors of the seeds."""
        return Encoded(seed_rows(self.vectors(batch.inputs), batch.seeds))


@dataclass(eq=False, kw_only=True)
class JointInputs(GraphInputs):
    """What an encoder on the joint graph reads.

    Args:
        joint: All nodes and edges that can reach the asked types.
    """

    joint: JointGraph


class JointEncoder(WholeGraphEncoder):
    """An encoder on all types as one graph; a subclass sets ``plan`` and ``features``."""

    plan: LayerPlan
    features: FeatureEncoder

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> JointInputs:
        """Joins the relations into one matrix, and brings all to the device."""
        edges = self.edge_inputs(task.graph)
        relations = {**task.graph.relations, **{key: edge.relation for key, edge in edges.items()}}
        joint = JointGraph.join(self.plan, task.graph.num_nodes, relations)
        joint = joint.with_edges(self.plan, edges).to(self.device)
        # The joint graph holds what the edges carry, so it is not brought by relation.
        return JointInputs(**vars(self._brought(task, seeds, {})), joint=joint)

    def joined(self, inputs: JointInputs) -> Tensor:
        """Returns the ``[num_nodes, dim]`` encoded features of all types."""
        encoded = self.features(inputs.features)
        return torch.cat([encoded[name] for name in inputs.joint.spans])

    def by_type(self, joined: Tensor, inputs: JointInputs) -> dict[str, Tensor]:
        """Returns the rows of the asked types."""
        return {name: joined[inputs.joint.spans[name]] for name in self.spec.ends}
