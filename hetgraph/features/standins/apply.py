"""Stand-ins of a whole graph: chosen, fitted, applied to new graphs, fitted anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.standin import StandIn
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.features.standins._computed import COMPUTED, encode_computed, refreshed_computed
from hetgraph.features.standins._incidence import edges_digest
from hetgraph.features.standins.base import StandInKind
from hetgraph.features.standins.incidence_svd import IncidenceSVD
from hetgraph.registry import standins as kinds_of_standins

__all__ = ["apply_standins", "encode_standins", "featureless_types", "refreshed_standins"]


AUTO = "auto"
"""Leaves the choice of the kind to the library."""


@dataclass(frozen=True)
class _Choice:
    kind: StandInKind
    dim: int
    seed: int


def featureless_types(graph: HeteroGraph) -> tuple[str, ...]:
    """Returns the node types without features, or with features of no column.

    Example:
        >>> from hetgraph import load_dataset
        >>> graph = load_dataset("synthetic/academic", num_nodes=200).graph
        >>> featureless_types(graph)
        ('venue',)
    """
    specs = graph.schema.node_types
    return tuple(name for name in graph.node_types if not specs[name].dim)


def apply_standins(
    graph: HeteroGraph, kinds: str | Mapping[str, str], *, dim: int = 64, seed: int = 0
) -> HeteroGraph:
    """Returns the graph with stand-ins for the features of types that have none.

    What is fitted stands in ``standins`` of the result, is saved with it, and gives the vectors of
    new nodes by :func:`encode_standins`.

    Args:
        graph: The graph.
        kinds: A kind for all types without features, or kinds by type: ``"ids"``,
            ``"incidence-svd"``, ``"random"`` or ``"neighbours"``; ``"random:32"`` sets the
            dimension of one. ``"auto"`` is ``"incidence-svd"`` for all that have edges and no
            stand-in yet.
        dim: Dimension of the vectors of kinds that have one.
        seed: Seed of what is drawn.

    Raises:
        ConfigError: If a kind or a type is unknown, or a type has features; all at once.
        DataError: If no neighbours of a type have features to take the mean of.

    Example:
        >>> from hetgraph import load_dataset
        >>> graph = load_dataset("synthetic/academic", num_nodes=200).graph
        >>> made = apply_standins(graph, "incidence-svd", dim=8)
        >>> made.standins["venue"], made.features["venue"].shape[1]
        (StandIn(incidence-svd, dim 8), 8)
    """
    if kinds == AUTO:
        kinds = _automatic(graph)
    elif isinstance(kinds, str):
        kinds = dict.fromkeys(featureless_types(graph), kinds) or _checked_kind(kinds)
    if dim < 1:
        raise ConfigError(f"the dimension of stand-ins is {dim}, expected 1 or more.")
    if problems := list(_problems(graph, kinds)):
        raise ConfigError(" ".join(problems))
    choices: dict[str, _Choice] = {}
    for node_type, text in kinds.items():
        name, _, own_dim = text.partition(":")
        choices[node_type] = _Choice(kinds_of_standins.get(name)(), int(own_dim or dim), seed)
    return _fitted(graph, choices)


def _automatic(graph: HeteroGraph) -> dict[str, str]:
    """Returns the choice of :data:`AUTO`: a stand-in that the tables declare stays."""
    joined = {
        end for key, edges in graph.relations.items() if edges.nnz for end in (key.src, key.dst)
    }
    free = (name for name in featureless_types(graph) if name not in graph.standins)
    return {name: IncidenceSVD.name for name in free if name in joined}


def encode_standins(graph: HeteroGraph, standins: Mapping[str, StandIn]) -> HeteroGraph:
    """Returns a graph with the vectors that fitted stand-ins give its nodes.

    Nodes are the same in both graphs if they have the same id, or the same number where the graphs
    have no ids. An old node whose edges are as they were keeps its vector.

    Args:
        graph: A graph of the same schema, before stand-ins.
        standins: ``standins`` of the graph that was learned from.

    Raises:
        DataError: If the graph lacks what a stand-in reads.
        SchemaError: If it lacks a type.

    Example:
        >>> from hetgraph import load_dataset
        >>> graph = load_dataset("synthetic/academic", num_nodes=200).graph
        >>> made = apply_standins(graph, "incidence-svd")
        >>> again = encode_standins(graph, made.standins)
        >>> bool((again.features["venue"] == made.features["venue"]).all())
        True
    """
    # Columns that were computed from the edges of the given graph are its own.
    own = {k: mark for k, mark in graph.standins.items() if mark.kind == COMPUTED}
    kept = {k: mark for k, mark in standins.items() if mark.kind == COMPUTED and mark.tensors}
    standins = {k: standin for k, standin in standins.items() if standin.kind != COMPUTED}
    for node_type in standins:
        graph.schema.node_type(node_type)
    features = {k: x for k, x in graph.features.items() if k not in standins}
    graph = graph.replace(features=features, standins=own)
    edges = edges_digest(graph) if kept else ""
    for node_type, mark in kept.items():
        graph = encode_computed(graph, node_type, replace(mark, edges=edges))
    # In the order of fitting: a mean of neighbours reads the vectors that were made before it.
    for node_type, standin in standins.items():
        kind: StandInKind = kinds_of_standins.get(standin.kind)()
        if kind.reads_edges:
            edges = edges or edges_digest(graph)
            standin = replace(standin, edges=edges)
        graph = _with(graph, node_type, kind, standin)
    return graph


def refreshed_standins(graph: HeteroGraph) -> HeteroGraph:
    """Returns the graph with stand-ins and computed columns of the edges that it has now.

    A task that hides edges must not let them be read from vectors that were made before. A graph
    whose stand-ins are of its own edges, or of none, is returned as it is.
    """
    made_from = {standin.edges for standin in graph.standins.values() if standin.edges}
    if not made_from:
        return graph
    edges = edges_digest(graph)
    if made_from == {edges}:
        return graph
    graph = refreshed_computed(graph, edges)
    given = {k: standin for k, standin in graph.standins.items() if standin.kind != COMPUTED}
    bare = graph.replace(
        features={k: x for k, x in graph.features.items() if k not in given},
        standins={k: mark for k, mark in graph.standins.items() if k not in given},
    )
    return _fitted(
        bare,
        {k: _Choice(kinds_of_standins.get(x.kind)(), x.dim, x.seed) for k, x in given.items()},
    )


def _fitted(graph: HeteroGraph, choices: Mapping[str, _Choice]) -> HeteroGraph:
    """Fits the types that are ready on the graph of the round before, until all are there."""
    edges = ""
    left = dict(choices)
    while left:
        ready = [name for name, chosen in left.items() if chosen.kind.ready(graph, name)]
        first = [name for name in ready if not left[name].kind.reads_features]
        ready = first or ready
        if not ready:
            raise DataError(" ".join(chosen.kind.unready(k) for k, chosen in left.items()))
        given = graph
        for name in ready:
            chosen = left.pop(name)
            standin = chosen.kind.fit(given, name, chosen.dim, chosen.seed)
            if chosen.kind.reads_edges:
                edges = edges or edges_digest(graph)
                standin = replace(standin, edges=edges)
            graph = _with(graph, name, chosen.kind, standin)
    return graph


def _with(graph: HeteroGraph, node_type: str, kind: StandInKind, standin: StandIn) -> HeteroGraph:
    vectors = kind.vectors(graph, node_type, standin)
    features = dict(graph.features)
    if vectors is not None:
        features[node_type] = vectors.to(graph.device)
    return graph.replace(features=features, standins={**graph.standins, node_type: standin})


def _problems(graph: HeteroGraph, kinds: Mapping[str, str]) -> Iterable[str]:
    """Yields what is wrong with a choice."""
    free = featureless_types(graph)
    for node_type, text in kinds.items():
        if node_type not in graph.num_nodes:
            yield (
                f"stand-ins: there is no node type {node_type!r}."
                f"{suggest(node_type, graph.node_types)}"
            )
        elif node_type not in free:
            yield f"stand-ins: {node_type!r} has features, so it takes none; leave it out."
        try:
            _checked_kind(text)
        except ConfigError as error:
            yield str(error)


def _checked_kind(text: str) -> dict[str, str]:
    """Checks ``kind`` or ``kind:dim``; returns no choice.

    Raises:
        ConfigError: If the kind is unknown, or its dimension is not a number of 1 or more.
    """
    name, colon, dim = str(text).partition(":")
    kind: type[StandInKind] = kinds_of_standins.get(name)
    if colon and not kind.has_dim:
        raise ConfigError(f"the stand-in {name!r} takes no dimension; its encoder has one.")
    if colon and not (dim.isascii() and dim.isdigit() and int(dim)):
        raise ConfigError(
            f"the stand-in {text!r} has the dimension {dim!r}, expected a whole number of 1 or "
            "more."
        )
    return {}
