"""Which types and relations a layer must compute, from the schema alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hetgraph.data.schema import EdgeType, Schema
from hetgraph.errors import SchemaError

__all__ = ["LayerPlan", "layer_plans"]


@dataclass(frozen=True)
class LayerPlan:
    """What one layer of message passing reads and writes.

    Args:
        inputs: Node types whose representations it reads, in schema order.
        outputs: Node types whose representations it writes.
        edge_types: Relations into ``outputs``.

    Example:
        >>> writes = EdgeType("author", "writes", "paper")
        >>> LayerPlan(("author", "paper"), ("paper",), (writes,)).into("paper")[0].name
        'writes'
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    edge_types: tuple[EdgeType, ...]

    def into(self, node_type: str) -> tuple[EdgeType, ...]:
        """Returns the relations that arrive at a node type."""
        return tuple(key for key in self.edge_types if key.dst == node_type)


def layer_plans(
    schema: Schema, targets: str | Iterable[str], num_layers: int
) -> tuple[LayerPlan, ...]:
    """Plans the layers so that only what can reach the targets is computed and has parameters.

    The last layer writes the targets alone, the one before what the last one reads, and so on.

    Args:
        schema: Types and relations.
        targets: Node type, or types, whose representations are wanted.
        num_layers: Number of layers.

    Returns:
        One plan per layer, the first layer first.

    Raises:
        SchemaError: If a target is unknown or no relation arrives at it.

    Example:
        >>> from hetgraph import load_dataset
        >>> schema = load_dataset("synthetic/academic", num_nodes=500).graph.schema
        >>> [plan.outputs for plan in layer_plans(schema, "author", 2)][-1]
        ('author',)
    """
    if not schema.edge_types:
        raise SchemaError(
            "the graph has no edges to pass messages along; choose a model that needs none, such "
            "as mlp."
        )
    names = (targets,) if isinstance(targets, str) else tuple(targets)
    wanted = {schema.node_type(name) for name in names}
    for name in names:
        if not any(key.dst == name for key in schema.edge_types):
            raise SchemaError(
                f"no relation arrives at {name!r}; add reverses with graph.with_reverses()."
            )
    plans: list[LayerPlan] = []
    for _ in range(num_layers):
        edges = tuple(key for key in schema.edge_types if key.dst in wanted)
        outputs = tuple(name for name in schema.node_types if name in wanted)
        wanted = wanted | {key.src for key in edges}
        inputs = tuple(name for name in schema.node_types if name in wanted)
        plans.append(LayerPlan(inputs, outputs, edges))
    return tuple(reversed(plans))
