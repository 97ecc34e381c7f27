"""How a graph that is asked about differs from the one that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.errors import suggest

__all__ = ["in_order_of", "schema_differences"]


def schema_differences(made: Schema, now: Schema) -> list[str]:
    """Returns what keeps a model of one schema from a graph of another, one line each.

    The order of types is a difference only where nothing else is: :func:`in_order_of` mends it.
    Fewer categories than there were, text that was not there before, and more declared reverses
    are none.

    Args:
        made: Schema of the graph that was trained on, with its stand-ins.
        now: Schema of the graph that is asked about, with its stand-ins.

    Returns:
        A sentence per difference, with how to mend it; empty if the model can be asked.

    Example:
        >>> user, item = FeatureSpec("dense", 3), FeatureSpec()
        >>> made = Schema({"user": user, "item": item}, {("user", "buys", "item"): EdgeSpec()})
        >>> now = Schema({"user": FeatureSpec("dense", 2), "item": item}, {})
        >>> for line in schema_differences(made, now):
        ...     print(line)
        'user' has 2 dense features, but 3 when the model was trained; read the same columns with \
the encoders that were saved.
        relation (user -buys> item) is missing; add its table, an empty one (the header alone) is \
enough.
    """
    lines = [
        *_of_node_types(made, now),
        *_of_edge_types(made, now),
        *_of_reverses(made, now),
    ]
    return lines or list(_of_order(made, now))


def in_order_of(graph: HeteroGraph, schema: Schema) -> HeteroGraph:
    """Returns the graph with its types in the order of a schema; others follow.

    Args:
        graph: The graph.
        schema: The order of node types, edge types and reverses.

    Example:
        >>> graph = HeteroGraph(num_nodes={"item": 2, "user": 1}, relations={})
        >>> schema = Schema({"user": FeatureSpec(), "item": FeatureSpec()}, {})
        >>> in_order_of(graph, schema).node_types
        ('user', 'item')
    """
    if graph.schema == schema:
        return graph
    nodes = [*(name for name in schema.node_types if name in graph.num_nodes), *graph.num_nodes]
    edges = [*(key for key in schema.edge_types if key in graph.relations), *graph.relations]
    pairs = {frozenset(pair): pair for pair in graph.schema.reverses}
    first = [pair for pair in schema.reverses if pairs.pop(frozenset(pair), None)]
    return graph.replace(
        num_nodes={name: graph.num_nodes[name] for name in dict.fromkeys(nodes)},
        relations={key: graph.relations[key] for key in dict.fromkeys(edges)},
        reverses=[*first, *pairs.values()],
    )


# ----------------------------------------------------------------------------- internals


def _of_node_types(made: Schema, now: Schema) -> Iterator[str]:
    for name, spec in made.node_types.items():
        if name not in now.node_types:
            extra = [other for other in now.node_types if other not in made.node_types]
            hint = suggest(name, extra) if extra else ""
            yield (
                f"node type {name!r} is missing; add its table, an empty one (the header alone) is "
                f"enough if none of its nodes are asked about.{hint}"
            )
        else:
            yield from _of_features(name, spec, now.node_types[name])
    for name in now.node_types:
        if name not in made.node_types:
            yield f"node type {name!r} was not there when the model was trained; leave it out."


def _of_features(name: str, made: FeatureSpec, now: FeatureSpec) -> Iterator[str]:
    """Yields how the features of a node type differ."""
    bare = ("none", "text")
    if made.kind == "text" and now.kind != "text":
        yield f"{name!r} has no text, but had it when the model was trained; declare its column."
    elif made.kind in bare:
        if now.kind not in bare:
            yield (
                f"{name!r} has {_features(now)}, but none when the model was trained; do not "
                "declare them."
            )
    elif now.kind in bare:
        yield (
            f"{name!r} has no features, but {_features(made)} when the model was trained; declare "
            "the same columns, and read them with the encoders that were saved."
        )
    elif made.kind == now.kind == "categorical":
        if now.dim > made.dim:
            yield (
                f"{name!r} has categories up to {now.dim - 1}, but up to {made.dim - 1} when the "
                "model was trained; replace new ones, or train anew with the encoder 'embedding', "
                "which has a place for other categories."
            )
    elif made != now:
        cure = "read the same columns with the encoders that were saved"
        if made.kind == "sparse":
            cure = f"declare sparse_dim: {made.dim}, or {cure}"
        yield (
            f"{name!r} has {_features(now)}, but {_features(made, now)} when the model was "
            f"trained; {cure}."
        )


def _features(spec: FeatureSpec, beside: FeatureSpec | None = None) -> str:
    if spec.kind == "categorical":
        return "categories"
    if beside is not None and beside.kind == spec.kind:
        return str(spec.dim)
    return f"{spec.dim} {spec.kind} features"


def _of_edge_types(made: Schema, now: Schema) -> Iterator[str]:
    for key, spec in made.edge_types.items():
        if key in now.edge_types:
            yield from _of_edges(key, spec, now.edge_types[key])
            continue
        reverse = made.reverse_of(key)
        if reverse is not None and reverse != key and reverse in now.edge_types:
            yield (
                f"relation ({key}) is missing, the reverse of ({reverse}); add it with "
                "add_reverses: true, or graph.with_reverses()."
            )
        elif reverse is None or [*made.edge_types].index(reverse) >= [*made.edge_types].index(key):
            # The reverse of a missing relation is missing, too, and comes with it.
            yield (
                f"relation ({key}) is missing; add its table, an empty one (the header alone) is "
                "enough."
            )
    for key in now.edge_types:
        if key not in made.edge_types:
            yield f"relation ({key}) was not there when the model was trained; leave it out."


def _of_edges(key: EdgeType, made: EdgeSpec, now: EdgeSpec) -> Iterator[str]:
    """Yields how what the edges of a type carry differs."""
    for what, before, after in (
        ("weights", made.weighted, now.weighted),
        ("times", made.timed, now.timed),
    ):
        if before and not after:
            yield (
                f"relation ({key}) has no {what}, but had them when the model was trained; declare "
                "the column."
            )
        if after and not before:
            yield (
                f"relation ({key}) has {what}, but had none when the model was trained; do not "
                "declare the column."
            )
    if made.feature_dim != now.feature_dim:
        yield (
            f"relation ({key}) has {now.feature_dim} edge features, but {made.feature_dim} when "
            "the model was trained; read the same columns with the encoders that were saved."
        )


def _of_reverses(made: Schema, now: Schema) -> Iterator[str]:
    declared = {frozenset(pair) for pair in now.reverses}
    for first, second in made.reverses:
        there = first in now.edge_types and second in now.edge_types
        if there and frozenset((first, second)) not in declared:
            yield (
                f"({second}) is not declared as the reverse of ({first}), but was when the model "
                "was trained; declare the pair in reverses."
            )


def _of_order(made: Schema, now: Schema) -> Iterator[str]:
    for what, before, after in (
        ("node types", [*made.node_types], [*now.node_types]),
        ("relations", [*map(str, made.edge_types)], [*map(str, now.edge_types)]),
    ):
        if before != after:
            yield (
                f"the {what} are in another order than when the model was trained; declare them "
                f"in the order {', '.join(before)}."
            )
