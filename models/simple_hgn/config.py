"""Settings of Simple-HGN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hetgraph.errors import ConfigError
from hetgraph.nn import check_time_unit
from hetgraph.settings import later

__all__ = ["SimpleHGNConfig"]


@dataclass(frozen=True)
class SimpleHGNConfig:
    """Settings of the network; the defaults are the published ones, but for dim and ``normalize``.

    Args:
        hidden_dim: Dimension of a head.
        num_heads: Heads of the hidden layers; the output layer has one.
        num_layers: Hidden layers; the output layer comes on top.
        edge_dim: Dimension of the embedding of an edge type.
        negative_slope: Of the leaky ReLU on the attention scores.
        dropout: Fraction of the inputs of each layer that are dropped.
        attention_dropout: Fraction of the attention weights that are dropped.
        attention_residual: Fraction of a hidden layer's attention weights that are those of the
            layer before (beta).
        node_residual: Whether the inputs of the second and later layers are added to the outputs.
        normalize: Whether logits are scaled to length one.
        inputs: ``"features"`` takes what the types have; ``"target"`` the features of the target
            and one learned vector per node for the other types; ``"ids"`` a learned vector for all.
        edge_weights: Whether the attention to an edge is multiplied by its weight.
        edge_features: Whether features of edges count in scores and messages.
        edge_times: Whether ages of edges count in scores and messages.
        time_unit: The age that counts as one, in the unit of the edge times; ``None`` takes that of
            the oldest edge in training.

    Raises:
        ConfigError: If a value is out of its range.
    """

    hidden_dim: int = 16
    num_heads: int = 8
    num_layers: int = 2
    edge_dim: int = 64
    negative_slope: float = 0.05
    dropout: float = 0.5
    attention_dropout: float = 0.5
    attention_residual: float = 0.05
    node_residual: bool = True
    normalize: bool = False
    inputs: Literal["features", "target", "ids"] = "features"
    edge_weights: bool = later(True)
    edge_features: bool = later(True)
    edge_times: bool = later(True)
    time_unit: float | None = later(None)

    def __post_init__(self) -> None:
        for name in ("hidden_dim", "num_heads", "num_layers", "edge_dim"):
            if getattr(self, name) < 1:
                raise ConfigError(f"model.{name} is {getattr(self, name)}, expected at least 1.")
        for name in ("dropout", "attention_dropout", "attention_residual"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"model.{name} is {getattr(self, name)}, expected 0 or more, below 1."
                )
        check_time_unit(self.time_unit)
