"""What a method must know of a task to size its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hetgraph.data.schema import EdgeType

__all__ = ["TaskSpec"]


@dataclass(frozen=True)
class TaskSpec:
    """All a method must know of a task to size its parameters.

    Args:
        kind: Name of the task family, for example ``"node-classification"``.
        target: Node type the predictions are for; of pairs that of the sources.
        num_outputs: Number of predictions per sample, for example the number of classes.
        multi_label: Whether the outputs are independent of each other.
        num_nodes: Number of nodes by type, for methods that learn one vector per node; types that
            are left out may have other nodes when the model is used.
        edge_types: Relations whose pairs are asked about, if it is about pairs.
        num_classes: Number of classes whose training labels a method may read as input; 0 where
            there are none.
        decoder: How pairs are scored; empty: as the method prefers.
        reciprocal: Whether each direction of a relation is scored with a vector of its own.

    Example:
        >>> buys = EdgeType("user", "buys", "item")
        >>> TaskSpec("link-prediction", "user", 1, edge_types=(buys,)).ends
        ('user', 'item')
    """

    kind: str
    target: str
    num_outputs: int
    multi_label: bool = False
    num_nodes: Mapping[str, int] = field(default_factory=dict, hash=False)
    edge_types: tuple[EdgeType, ...] = ()
    num_classes: int = 0
    decoder: str = ""
    reciprocal: bool = False

    @property
    def edge_type(self) -> EdgeType | None:
        """The relation that is asked about, of a task with one."""
        return self.edge_types[0] if len(self.edge_types) == 1 else None

    @property
    def ends(self) -> tuple[str, ...]:
        """Node types whose vectors are asked for: the target, or what the relations join."""
        if not self.edge_types:
            return (self.target,)
        return tuple(dict.fromkeys(name for key in self.edge_types for name in (key.src, key.dst)))

    def only(self, node_type: str) -> TaskSpec:
        """Returns the specification for the encoder of one end of pairs."""
        return replace(self, target=node_type)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TaskSpec:
        """Reads what :meth:`to_dict` wrote."""
        return cls(**{**data, "edge_types": tuple(EdgeType(*key) for key in data["edge_types"])})
