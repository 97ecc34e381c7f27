"""Meta relations: the walks through the schema that each order of LATTE attends over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hetgraph.data.schema import EdgeType, Schema
from hetgraph.errors import ConfigError, SchemaError
from hetgraph.metapaths.step import Step
from hetgraph.methods import path_label

__all__ = ["Context", "MetaRelation", "OrderPlan", "Scope", "join_relations", "plan_orders"]

Context = Literal["input", "previous"]
Scope = Literal["target", "all"]


@dataclass(frozen=True)
class MetaRelation:
    """A walk from the type that reads (the head) to the type that is read (the tail).

    Args:
        steps: Edge types from head to tail: the first arrives at the head, and each leaves from
            the type the next one arrives at. Messages flow from the last to the first.
    """

    steps: tuple[EdgeType, ...]

    @property
    def head(self) -> str:
        """Node type whose representation is computed."""
        return self.steps[0].dst

    @property
    def tail(self) -> str:
        """Node type that is read."""
        return self.steps[-1].src

    @property
    def prefix(self) -> MetaRelation:
        """The walk without its last step."""
        return MetaRelation(self.steps[:-1])

    def text(self, schema: Schema) -> str:
        """Returns the label of the messages, from the tail to the head."""
        return path_label([Step(step) for step in reversed(self.steps)], schema)


@dataclass(frozen=True)
class OrderPlan:
    """What one order computes.

    Args:
        order: Length of its meta relations, from 1.
        outputs: Node types it computes, in schema order.
        relations: Its meta relations with a head among them.
    """

    order: int
    outputs: tuple[str, ...]
    relations: tuple[MetaRelation, ...]

    def into(self, node_type: str) -> tuple[MetaRelation, ...]:
        """Returns the meta relations a node type chooses from, in the order of its slots."""
        return tuple(relation for relation in self.relations if relation.head == node_type)

    @property
    def tails(self) -> tuple[str, ...]:
        """Node types that are read, each once."""
        return tuple(dict.fromkeys(relation.tail for relation in self.relations))


def join_relations(
    longer: Sequence[MetaRelation], single: Sequence[MetaRelation]
) -> tuple[MetaRelation, ...]:
    """Returns every walk of ``longer`` lengthened at its tail by a step of ``single``.

    Walks that turn back at once are kept: author-paper-author is one of them.
    """
    return tuple(
        MetaRelation(walk.steps + step.steps)
        for walk in longer
        for step in single
        if walk.tail == step.head
    )


def plan_orders(
    schema: Schema,
    target: str,
    num_orders: int,
    *,
    context: Context = "input",
    scope: Scope = "target",
) -> tuple[OrderPlan, ...]:
    """Plans orders ``1..num_orders``, the first order first.

    Args:
        schema: Types and relations.
        target: Node type whose representation is wanted.
        num_orders: Greatest length of a meta relation.
        context: Whether tails are read as they came in or as the order before left them, which
            must then have computed them.
        scope: Compute what reaches the target, or every node type at every order.

    Raises:
        SchemaError: If the target is unknown or no relation arrives at it.
        ConfigError: If no walk of the greatest length does.
    """
    single = tuple(MetaRelation((edge_type,)) for edge_type in schema.edge_types)
    by_order = [single]
    for _ in range(num_orders - 1):
        by_order.append(join_relations(by_order[-1], single))
    _check_reached(by_order, schema.node_type(target))
    wanted = set(schema.node_types) if scope == "all" else {target}
    plans: list[OrderPlan] = []
    for order in range(num_orders, 0, -1):
        outputs = tuple(name for name in schema.node_types if name in wanted)
        relations = tuple(walk for walk in by_order[order - 1] if walk.head in wanted)
        plans.append(OrderPlan(order, outputs, relations))
        if context == "previous":
            wanted = wanted | {relation.tail for relation in relations}
    return tuple(reversed(plans))


def _check_reached(by_order: Sequence[Sequence[MetaRelation]], target: str) -> None:
    if not any(relation.head == target for relation in by_order[0]):
        raise SchemaError(
            f"no relation arrives at {target!r}; add reverses with graph.with_reverses()."
        )
    for order, relations in enumerate(by_order, start=1):
        if not any(relation.head == target for relation in relations):
            raise ConfigError(
                f"model.num_orders is {len(by_order)}, but no walk of {order} steps arrives at "
                f"{target!r}; set it to {order - 1}, or add reverses with graph.with_reverses()."
            )
