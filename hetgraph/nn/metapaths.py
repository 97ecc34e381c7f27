"""The meta-paths of a model's configuration, from their texts to relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import Schema
from hetgraph.errors import MetaPathError
from hetgraph.metapaths.compose import compose_many
from hetgraph.metapaths.enumerate import schema_distances
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.registry import resolve_metapaths

__all__ = ["metapath_labels", "metapath_relations", "metapath_requests"]


def metapath_requests(schema: Schema, target: str, configured: Sequence[str]) -> tuple[str, ...]:
    """Returns the configured meta-paths; without any, the short round trips of the target.

    These are the relations inside the type, all symmetric paths of two steps, and, for each node
    type that is farther away, the shortest ways there and back: authors meet over venues, too.
    Where several relations link two types, every choice of them is a way.

    Args:
        schema: What the graph is made of.
        target: Node type the paths begin and end at.
        configured: The field ``metapaths`` of a configuration.

    Raises:
        MetaPathError: If there is none.

    Example:
        >>> from hetgraph import load_dataset
        >>> schema = load_dataset("synthetic/academic", num_nodes=500).graph.schema
        >>> metapath_requests(schema, "author", ["author-paper-author"])
        ('author-paper-author',)
    """
    if configured:
        return tuple(configured)
    near = MetaPath.enumerate(schema, target, 2, target)
    paths = [path for path in near if path.is_symmetric or len(path) == 1]
    for other, distance in schema_distances(schema, target).items():
        if distance > 1:
            ways = MetaPath.enumerate(schema, target, distance, other)
            paths += [path.symmetric for path in ways if len(path) == distance]
    if not paths:
        raise MetaPathError(
            f"no meta-path leads from {target!r} to itself; give some with --metapath."
        )
    return tuple(map(str, paths))


def metapath_labels(requests: Sequence[str]) -> tuple[str, ...]:
    """Returns what the requests are called: ``name`` of ``name=text``, else the request.

    Args:
        requests: Names, texts, or ``name=text``.

    Example:
        >>> metapath_labels(["apa=author-paper-author", "author-paper-author"])
        ('apa', 'author-paper-author')
    """
    return tuple(text.partition("=")[0].strip() if "=" in text else text for text in requests)


def metapath_relations(
    graph: HeteroGraph,
    dataset_name: str,
    ends: Sequence[str],
    requests: Sequence[str],
    **options: Any,
) -> dict[str, Relation]:
    """Composes meta-paths together; see :func:`compose_many` for the options and the cost.

    Args:
        graph: The graph.
        dataset_name: Name of its data set, for registered paths.
        ends: Node types that a path may begin and end at.
        requests: Names, texts, or ``name=text``.
        **options: ``weighting``, ``keep_self_loops``, ``memory_budget``.

    Returns:
        Relation by name, in the order of the requests.

    Raises:
        MetaPathError: If a request is unknown or does not begin and end at the target; of a
            relation to predict, at one of its ends.
        BudgetError: If the products together do not fit the memory budget.

    Example:
        >>> from hetgraph import load_dataset
        >>> graph = load_dataset("synthetic/academic", num_nodes=500).graph
        >>> relations = metapath_relations(graph, "", ["author"], ["apa=author-paper-author"])
        >>> relations["apa"].num_src == graph.num_nodes["author"]
        True
    """
    paths = resolve_metapaths(graph, dataset_name, requests)
    for name, path in paths.items():
        if path.start != path.end or path.start not in ends:
            needed = " or ".join(f"from {end!r} to {end!r}" for end in ends)
            raise MetaPathError(
                f"the meta-path {name!r} leads from {path.start!r} to {path.end!r}; "
                f"this model needs paths {needed}."
            )
    relations = compose_many(graph, list(paths.values()), **options)
    return dict(zip(paths, relations, strict=True))
