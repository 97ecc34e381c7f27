"""Computed features, appended to the features of a graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.csr import CSR
from hetgraph.errors import ConfigError, DataError
from hetgraph.features.structure import hyperedge_features, walk_features
from hetgraph.features.text import text_features

__all__ = ["add_features"]


def add_features(
    dataset: Dataset,
    *,
    structure: Literal["walks", "hyperedges"] | None = None,
    text: str | None = None,
) -> Dataset:
    """Returns the data set with computed features appended to its node features.

    Node types whose computed features are all zero, such as those without text and edges, stay
    unchanged.

    Args:
        dataset: The data set.
        structure: ``"walks"``, or ``"hyperedges"`` for features from its first hypergraph;
            ``None``: no structural features.
        text: Name of a text encoder, see :func:`hetgraph.features.make_encoder`; ``None``: no
            text features.

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
    computed: list[dict[str, Tensor]] = []
    if structure == "walks":
        computed.append(walk_features(dataset.graph))
    elif structure == "hyperedges":
        if not dataset.hypergraphs:
            raise DataError(f"{dataset.name} has no hypergraph; use data.structure=walks.")
        computed.append(hyperedge_features(next(iter(dataset.hypergraphs.values()))))
    elif structure is not None:
        raise ConfigError(
            f"data.structure is {structure!r}, expected 'walks', 'hyperedges' or null."
        )
    if text is not None:
        computed.append(text_features(dataset.graph, text))
    if not computed:
        return dataset
    graph = dataset.graph
    features = dict(graph.features)
    for name in graph.node_types:
        columns = [by_type[name] for by_type in computed]
        if any(bool(values.any()) for values in columns):
            features[name] = _append(name, graph.features.get(name), columns)
    return replace(dataset, graph=graph.replace(features=features))


def _append(name: str, given: Tensor | CSR | None, computed: list[Tensor]) -> Tensor:
    if isinstance(given, CSR):
        given = given.to_dense()
    if given is not None and given.dim() == 1:
        raise DataError(f"the features of {name!r} are categories; no columns can be appended.")
    return torch.cat([*([] if given is None else [given.float()]), *computed], dim=1)
