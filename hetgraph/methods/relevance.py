"""How much relations count for a method, as rows of a table.

**The direction of a label.** Every label is read from left to right in the direction in which
messages move: first the type where they start, last the type that receives them, whose
representation the row is about. ``paper -written_by> author`` says that papers send to authors;
a relation that is walked against its own direction keeps its name, ``author <writes- paper`` says
that authors send to papers. :func:`path_label` spells all of them, so that methods agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hetgraph.data.schema import EdgeType, Schema
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.step import Step

__all__ = ["SELF", "RelevanceRow", "arriving_label", "mixed_label", "path_label"]

SELF = "(self)"
"""Label of what a node knows of itself, without any message."""


@dataclass(frozen=True)
class RelevanceRow:
    """How much one relation or meta-path counts for the nodes of a type.

    Args:
        node_type: Type whose representation it shapes.
        relation: Relation or meta-path in the direction of messages (:func:`path_label`), with
            ``node_type`` at its right end; :data:`SELF`; or a name, such as that of a meta-path.
        order: Hop, iteration or layer it belongs to, from 0.
        weight: Mean weight.
        std: Standard deviation of the weight over nodes, heads or filters.
        label: Class of the nodes the weight is a mean over; ``None`` for all nodes.
        source: Type that the messages start from; ``None``: the left end of ``relation``.
    """

    node_type: str
    relation: str
    order: int
    weight: float
    std: float = 0.0
    label: int | None = None
    source: str | None = None


def path_label(path: MetaPath | Sequence[Step], schema: Schema) -> str:
    """Returns the label of the messages along a path, from its start to its end.

    One step is spelled with the name of its relation; a longer path as briefly as a meta-path can
    be: with names only where several relations link two types.

    Args:
        path: The steps, in the direction of messages.
        schema: The schema they are of.

    Example:
        >>> from hetgraph.data import EdgeSpec, FeatureSpec
        >>> writes = EdgeType("author", "writes", "paper")
        >>> nodes = {"author": FeatureSpec(), "paper": FeatureSpec()}
        >>> schema = Schema(nodes, {writes: EdgeSpec()})
        >>> path_label(MetaPath.parse("paper-author", schema), schema)
        'paper <writes- author'
        >>> path_label(MetaPath.parse("author-paper-author", schema), schema)
        'author-paper-author'
    """
    steps = path.steps if isinstance(path, MetaPath) else tuple(path)
    normal = MetaPath(steps, path.schema if isinstance(path, MetaPath) else schema)
    return str(normal.steps[0]) if len(normal) == 1 else str(normal)


def arriving_label(relation: EdgeType, node_type: str, schema: Schema) -> str:
    """Returns the label of the messages that a type receives over a relation, walked either way.

    Args:
        relation: A relation with ``node_type`` at one end or both.
        node_type: The type that receives.
        schema: The schema they are of.

    Example:
        >>> from hetgraph.data import EdgeSpec, FeatureSpec
        >>> buys = EdgeType("user", "buys", "item")
        >>> schema = Schema({"user": FeatureSpec(), "item": FeatureSpec()}, {buys: EdgeSpec()})
        >>> arriving_label(buys, "item", schema), arriving_label(buys, "user", schema)
        ('user -buys> item', 'item <buys- user')
    """
    return path_label([Step(relation, relation.dst == node_type)], schema)


def mixed_label(sources: Iterable[str], path: str, rounds: int) -> str:
    """Returns the label of messages that carry what several types sent in earlier rounds.

    Args:
        sources: Types whose features are in the messages.
        path: Label of the last way they go, together.
        rounds: Number of earlier rounds, at least 1; from 2 on, the rounds between are dots.

    Example:
        >>> mixed_label(["venue", "author"], "paper -written_by> author", 1)
        '{author, venue} -> paper -written_by> author'
    """
    between = " -> ..." if rounds > 1 else ""
    return f"{{{', '.join(sorted(sources))}}}{between} -> {path}"
