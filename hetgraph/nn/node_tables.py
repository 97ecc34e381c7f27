"""Which parameters of a network have one row per node, and so belong to one graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import nn

__all__ = ["HasNodeRows", "node_tables"]


@runtime_checkable
class HasNodeRows(Protocol):
    """A module with parameters whose rows are nodes.

    It says so that a trained model can be moved to a graph with other nodes.

    Example:
        >>> class Bias(nn.Module):
        ...     def __init__(self, num_users: int) -> None:
        ...         super().__init__()
        ...         self.bias = nn.Embedding(num_users, 1)
        ...
        ...     def node_rows(self) -> dict[str, tuple[str, ...]]:
        ...         return {"bias.weight": ("user",)}
        >>> node_tables(Bias(3))
        {'bias.weight': ('user',)}
    """

    def node_rows(self) -> Mapping[str, tuple[str, ...]]:
        """Returns the node types by name of a parameter: its rows are their nodes, in this order.

        Names are as in ``named_parameters()`` of the module itself.
        """


def node_tables(network: nn.Module) -> dict[str, tuple[str, ...]]:
    """Returns every parameter with one row per node, and the types of the nodes.

    Args:
        network: A module; its parts say what they have by :class:`HasNodeRows`.

    Example:
        >>> from hetgraph import load_dataset
        >>> from hetgraph.nn import FeatureEncoder
        >>> graph = load_dataset("synthetic/academic", num_nodes=200).graph
        >>> encoder = FeatureEncoder(graph.schema, graph.num_nodes, ["author", "venue"], dim=8)
        >>> node_tables(encoder)
        {'@venue.weight': ('venue',)}
    """
    return {
        f"{prefix}.{name}" if prefix else name: tuple(types)
        for prefix, part in network.named_modules()
        if isinstance(part, HasNodeRows)
        for name, types in part.node_rows().items()
    }
