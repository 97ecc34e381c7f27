"""A trained model on the graph that it is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.differences import in_order_of, schema_differences
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.schema import Schema
from hetgraph.errors import DataError
from hetgraph.features import encode_standins
from hetgraph.features.standins import COMPUTED
from hetgraph.methods import Method
from hetgraph.seeds import Seeds
from hetgraph.tasks import NodePredictions, Origin, PairPredictions, Question

__all__ = ["Moved", "move"]


@dataclass(frozen=True, eq=False)
class Moved:
    """A model whose learned vectors are those of the nodes of a graph.

    Args:
        model: The model, for this graph.
        graph: The graph, with the types of the model's schema and stand-ins for features.
        hypergraphs: Hypergraphs over its nodes.
        seeds: Seeds of the run.
        trained_on: Name of the data set of the run.
        notes: What was decided about new nodes, one line each.
    """

    model: Method
    graph: HeteroGraph
    hypergraphs: Mapping[str, Hypergraph]
    seeds: Seeds
    trained_on: str
    notes: tuple[str, ...] = field(default=())

    def of_nodes(self, nodes: Tensor, *, vectors: bool = False) -> tuple[Tensor, Tensor | None]:
        """Returns ``[n, num_outputs]`` outputs of nodes of the target, and ``[n, dim]`` vectors.

        Args:
            nodes: ``[n]`` int64 numbers of nodes.
            vectors: Whether vectors are wanted, too.
        """
        question = self._question(nodes)
        with torch.no_grad():
            inputs = self.model.prepare(question, seeds=self.seeds)
            predictions = self.model.predict(inputs, "test").cpu()
            made = self.model.embed(inputs, "test").float().cpu() if vectors else None
        assert isinstance(predictions, NodePredictions)  # of a task about nodes
        return predictions.values, made

    @cached_property
    def pairs(self) -> PairPredictions:
        """Vectors of both ends and the decoder, of a task about pairs."""
        with torch.no_grad():
            inputs = self.model.prepare(self._question(None), seeds=self.seeds)
            predictions = self.model.predict(inputs, "test").cpu()
        assert isinstance(predictions, PairPredictions)  # of a task about pairs
        return predictions

    def _question(self, nodes: Tensor | None) -> Question:
        assert self.model.origin is not None  # checked when it was moved
        return Question(
            self.graph,
            self.model.spec,
            self.model.origin,
            nodes,
            dataset_name=self.trained_on,
            hypergraphs=self.hypergraphs,
        )


def move(model: Method, dataset: Dataset, *, seeds: Seeds, trained_on: str) -> Moved:
    """Returns a trained model on another graph of its schema, or on its own.

    Args:
        model: The model; it is left as it is.
        dataset: The graph, with features made by the encoders of the model; its targets are not
            read.
        seeds: Seeds of the run.
        trained_on: Name of the data set of the run.

    Raises:
        DataError: If the graph has other types or features; it tells every difference.
    """
    graph = _in_order(dataset.graph, model.schema, model.origin)
    moved = model.moved_to(graph)
    assert moved.origin is not None  # else it could not be moved
    notes = (*map(str, dataset.info.get("notes", ())), *_notes(graph, moved.origin))
    return Moved(moved, graph, dataset.hypergraphs, seeds, trained_on, notes)


def _in_order(graph: HeteroGraph, schema: Schema, origin: Origin | None) -> HeteroGraph:
    """Returns the graph with the stand-ins of the model, its types in the order of the schema."""
    if origin is not None and {*origin.standins} <= {*graph.num_nodes}:
        graph = encode_standins(graph, origin.standins)
    graph = in_order_of(graph, schema)
    if differences := schema_differences(schema, graph.schema):
        listed = "".join(f"\n- {difference}" for difference in differences)
        raise DataError(f"the graph is not of the schema that the model was trained on:{listed}")
    return graph


def _notes(graph: HeteroGraph, origin: Origin) -> list[str]:
    """Returns a line for each type with new nodes whose vectors or features are made up."""
    notes = []
    for name, nodes in origin.nodes.items():
        places = origin.places(graph, name)
        new = int((places < 0).sum())
        gone = nodes.tensors["keys"].numel() - (places.numel() - new)
        if new:
            notes.append(
                f"{new:,} of {places.numel():,} {name!r} nodes are new: what was learned for each "
                "node is the mean of their neighbours for them"
            )
        if gone:
            notes.append(f"{gone:,} {name!r} nodes of the training graph are not in this one")
    for name, standin in origin.standins.items():
        if standin.kind != COMPUTED:
            notes.append(f"features of {name!r}: {standin.kind}, as fitted in training")
        elif "vectors" in standin.tensors:
            notes.append(
                f"walk vectors of {name!r} are those of training; a new node has the mean of its "
                "neighbours"
            )
    return notes
