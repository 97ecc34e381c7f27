"""What a stand-in for missing features has fitted: one value, saved with the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from torch import Tensor

__all__ = ["StandIn"]


@dataclass(frozen=True, eq=False)
class StandIn:
    """The vectors of a node type without features, as a rule that new nodes go through, too.

    It is a value: :mod:`hetgraph.features.standins` fits it and applies it.

    Args:
        kind: Name of the rule, such as ``"incidence-svd"``.
        dim: Dimension that was asked for; 0 where the rule has none.
        seed: Seed of what the rule draws.
        state: What was fitted, as far as JSON can hold it.
        tensors: What was fitted, by name.
        edges: Digest of the edges that the vectors in the graph were computed from; empty where
            the rule reads no edges.

    Example:
        >>> StandIn("random", dim=32)
        StandIn(random, dim 32)
    """

    kind: str
    dim: int = 0
    seed: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    edges: str = ""

    def __post_init__(self) -> None:
        for name in ("state", "tensors"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __repr__(self) -> str:
        return f"StandIn({self.kind}, dim {self.dim})" if self.dim else f"StandIn({self.kind})"

    def to_dict(self) -> dict[str, Any]:
        """Returns all but the tensors, as JSON holds it."""
        return {
            "kind": self.kind,
            "dim": self.dim,
            "seed": self.seed,
            "state": dict(self.state),
            "edges": self.edges,
        }
