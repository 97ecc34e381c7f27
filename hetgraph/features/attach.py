"""Made features as the features of a graph, for models that read no others."""

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
    """Returns the data set with made features behind those that the types have, side by side.

    Types for which nothing but zeros could be made, such as those without texts and edges, stay as
    they are.

    Args:
        dataset: The data set.
        structure: ``"walks"``, or ``"hyperedges"`` of its first hypergraph; ``None``: none.
        text: Name of a text encoder, see :func:`hetgraph.features.make_encoder`; ``None``: none.

    Raises:
        ConfigError: If a name is unknown.
        DataError: If the graph has no edges, texts or hypergraph to make them from, or a type has
            categories as features.
    """
    made: list[dict[str, Tensor]] = []
    if structure == "walks":
        made.append(walk_features(dataset.graph))
    elif structure == "hyperedges":
        if not dataset.hypergraphs:
            raise DataError(f"{dataset.name} has no hypergraph; use data.structure=walks.")
        made.append(hyperedge_features(next(iter(dataset.hypergraphs.values()))))
    elif structure is not None:
        raise ConfigError(
            f"data.structure is {structure!r}, expected 'walks', 'hyperedges' or null."
        )
    if text is not None:
        made.append(text_features(dataset.graph, text))
    if not made:
        return dataset
    graph = dataset.graph
    features = dict(graph.features)
    for name in graph.node_types:
        found = [one[name] for one in made]
        if any(bool(one.any()) for one in found):
            features[name] = _beside(name, graph.features.get(name), found)
    return replace(dataset, graph=graph.replace(features=features))


def _beside(name: str, own: Tensor | CSR | None, made: list[Tensor]) -> Tensor:
    if isinstance(own, CSR):
        own = own.to_dense()
    if own is not None and own.dim() == 1:
        raise DataError(f"the features of {name!r} are categories; nothing can stand beside them.")
    return torch.cat([*([] if own is None else [own.float()]), *made], dim=1)
