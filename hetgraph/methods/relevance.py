"""How much relations count for a method, as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RelevanceRow"]


@dataclass(frozen=True)
class RelevanceRow:
    """How much one relation or meta-path counts for the nodes of a type.

    Args:
        node_type: Type whose representation it shapes.
        relation: Relation or meta-path in text form.
        order: Hop, iteration or layer it belongs to, from 0.
        weight: Mean weight.
        std: Standard deviation of the weight over nodes, heads or filters.
        label: Class of the nodes the weight is a mean over; ``None`` for all nodes.
        source: Type that the messages start from; ``None``: the far end of ``relation``.
    """

    node_type: str
    relation: str
    order: int
    weight: float
    std: float = 0.0
    label: int | None = None
    source: str | None = None
