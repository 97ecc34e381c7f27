"""What of a user's graph a method does not read, told in one line."""

from __future__ import annotations

from typing import Any

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.entries import is_weighted
from hetgraph.methods.registered import USES, Registered
from hetgraph.tasks.factory import DEFAULT_FAMILY

__all__ = ["holdings", "unread_note"]


def holdings(dataset: Dataset) -> frozenset[str]:
    """Returns what a data set has, in the words of :data:`~hetgraph.methods.registered.USES`.

    Weights that are all one say nothing, so they do not count. Training labels are left out: all
    methods learn from them.

    Example:
        >>> from hetgraph import load_dataset
        >>> sorted(holdings(load_dataset("synthetic/academic", num_nodes=200)))
        ['features', 'metapaths']
    """
    graph = dataset.graph
    has = {
        "features": bool(graph.features),
        "text": bool(graph.text),
        "edge_weight": any(is_weighted(edges.weight) for edges in graph.relations.values()),
        "edge_feature": any(edges.feature_dim for edges in graph.relations.values()),
        "edge_time": any(edges.edge_time is not None for edges in graph.relations.values()),
        "metapaths": bool(dataset.metapaths),
    }
    return frozenset(word for word, there in has.items() if there)


def unread_note(
    model: type[Registered],
    config: Any,
    dataset: Dataset,
    *,
    family: str = "",
    encoded_text: bool = False,
) -> str:
    """Returns one line about what a data set has and a method does not read; empty: nothing.

    Args:
        model: The method.
        config: Its settings.
        dataset: The data set.
        family: Family of the task; empty: that of the data set.
        encoded_text: Whether the texts have been turned into node features.

    Example:
        >>> from hetgraph import load_dataset
        >>> from hetgraph.registry import models
        >>> rgcn = models.get("rgcn")
        >>> unread_note(rgcn, rgcn.Config(), load_dataset("synthetic/academic", num_nodes=200))
        'rgcn does not read meta-paths; `hetgraph models --matrix` lists what a model reads.'
    """
    if model.uses is None:
        return ""
    never = model.left_out.get(family or dataset.task or DEFAULT_FAMILY, frozenset())
    read = set(model.reads(config, dataset.graph) - never)
    if encoded_text and "features" in read:
        read.add("text")
    left = [word for word in USES if word in holdings(dataset) - read]
    if not left:
        return ""
    note = f"{model.name} does not read {_listed([USES[word] for word in left], 'or')}"
    if optional := [USES[word] for word in left if word in model.uses - never]:
        return (
            f"{note}; its settings decide on {_listed(optional, 'and')}, see "
            f"`hetgraph models {model.name}`."
        )
    return f"{note}; `hetgraph models --matrix` lists what a model reads."


def _listed(words: list[str], last: str) -> str:
    """Joins words as a sentence does."""
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
