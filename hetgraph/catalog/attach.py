"""Computed features, appended to the features of a graph, and stand-ins for missing ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.errors import ConfigError, DataError
from hetgraph.features.standins import COMPUTED, apply_standins, computed_mark, edges_digest
from hetgraph.features.structure import hyperedge_features, walk_features
from hetgraph.features.text import text_features

__all__ = ["add_features"]


def add_features(
    dataset: Dataset,
    *,
    structure: Literal["walks", "hyperedges"] | None = None,
    text: str | None = None,
    standins: str | Mapping[str, str] | None = None,
) -> Dataset:
    """Returns the data set with computed features appended to its node features.

    Node types whose computed features are all zero, such as those without text and edges, stay
    unchanged. Types that still have no features get the stand-ins.

    Args:
        dataset: The data set.
        structure: ``"walks"``, or ``"hyperedges"`` for features from its first hypergraph;
            ``None``: no structural features.
        text: Name of a text encoder, see :func:`hetgraph.features.make_encoder`; ``None``: no
            text features.
        standins: A kind of stand-in for all types without features, or kinds by type, see
            :func:`hetgraph.features.apply_standins`, or ``"auto"``; ``None``: each model makes its
            own.

    Raises:
        ConfigError: If a name is unknown.
        DataError: If the graph has no edges, texts or hypergraph to compute features from, or a
            node type has categorical features.

    Example:
        >>> from hetgraph.catalog.loading import load_dataset
        >>> dataset = load_dataset("synthetic/academic", num_nodes=500)
        >>> added = add_features(dataset, structure="walks")
        >>> added.graph.features["author"].shape[1] - dataset.graph.features["author"].shape[1]
        64
    """
    computed: dict[str, dict[str, Tensor]] = {}
    if structure == "walks":
        computed["walks"] = walk_features(dataset.graph)
    elif structure == "hyperedges":
        if not dataset.hypergraphs:
            raise DataError(f"{dataset.name} has no hypergraph; use data.structure=walks.")
        computed["hyperedges"] = hyperedge_features(next(iter(dataset.hypergraphs.values())))
    elif structure is not None:
        raise ConfigError(
            f"data.structure is {structure!r}, expected 'walks', 'hyperedges' or null."
        )
    if text is not None:
        computed[f"text:{text}"] = text_features(dataset.graph, text)
    graph = dataset.graph
    if computed:
        graph = _with_columns(graph, computed)
    if standins is not None:
        graph = apply_standins(graph, standins)
    return dataset if graph is dataset.graph else replace(dataset, graph=graph)


def _with_columns(graph: HeteroGraph, computed: Mapping[str, Mapping[str, Tensor]]) -> HeteroGraph:
    """Appends computed features; those that read edges are marked."""
    features, standins = dict(graph.features), dict(graph.standins)
    edges = edges_digest(graph)
    for name in graph.node_types:
        columns = {what: by_type[name] for what, by_type in computed.items()}
        if any(bool(values.any()) for values in columns.values()):
            # A stand-in that the tables declare gives way to what the type really has.
            earlier = standins.pop(name, None)
            again = earlier is not None and earlier.kind == COMPUTED
            given = None if earlier and not again else graph.features.get(name)
            features[name] = _append(name, given, [*columns.values()])
            parts = [(what, x.shape[1]) for what, x in columns.items()]
            start, read = 0 if given is None else given.shape[1], edges
            if earlier is not None and again:
                parts = [*earlier.state["parts"], *parts]
                start, read = earlier.state["start"], earlier.edges
            if any(what != "hyperedges" for what, _ in parts):
                standins[name] = computed_mark(parts, start, read)
    # Encoders stay: they say how the columns before the computed ones are made of new rows.
    return graph.replace(features=features, standins=standins)


def _append(name: str, given: Tensor | CSR | None, computed: list[Tensor]) -> Tensor:
    if isinstance(given, CSR):
        given = given.to_dense()
    if given is not None and given.dim() == 1:
        raise DataError(f"the features of {name!r} are categories; no columns can be appended.")
    return torch.cat([*([] if given is None else [given.float()]), *computed], dim=1)
