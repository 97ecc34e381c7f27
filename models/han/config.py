"""Settings of HAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hetgraph.errors import ConfigError
from hetgraph.settings import later

__all__ = ["Activation", "HANConfig"]

Activation = Literal["elu", "relu"]


@dataclass(frozen=True)
class HANConfig:
    """Settings of the heterogeneous graph attention network.

    Args:
        metapaths: Meta-paths from the target to itself: texts, ``name=text``, or registered
            names. Without any, those of the data set, else the short round trips of the target.
        hidden_dim: Dimension of one head.
        num_heads: Heads of the attention over neighbours.
        num_layers: Layers, each with its attention over neighbours and over meta-paths.
        semantic_dim: Dimension of the hidden layer of the attention over meta-paths.
        dropout: Fraction of the features (hidden values in later layers) that are dropped.
        attention_dropout: Fraction of the attention weights that are dropped. Above 0 a training
            step keeps tensors of ``[entries of a meta-path, num_heads]``; at 0 it keeps none.
        negative_slope: Of the leaky ReLU on the scores.
        activation: What follows the sum over neighbours: ELU in the paper, ReLU in PyG.
        self_loops: Whether every node is a neighbour of itself along every meta-path.
        share_projection: One projection of the features for all meta-paths, as in the paper, or
            one for each.
        max_neighbors: Neighbours of a node along one meta-path; where there are more, so many are
            drawn once. ``null`` keeps all.
        draw: Which neighbours are drawn: by the ``"order"`` in which they are stored, as in the
            published runs, or by the ``"ids"`` of both nodes, so that other graphs and other
            orders of rows draw the same ones. Without an experiment file it is ``"ids"``.
        memory_budget: Most memory the composition of the meta-paths may take.

    Raises:
        ConfigError: If a value is out of its range.
    """

    metapaths: tuple[str, ...] = ()
    hidden_dim: int = 8
    num_heads: int = 8
    num_layers: int = 1
    semantic_dim: int = 128
    dropout: float = 0.6
    attention_dropout: float = 0.6
    negative_slope: float = 0.2
    activation: Activation = "elu"
    self_loops: bool = True
    share_projection: bool = True
    max_neighbors: int | None = 32
    draw: Literal["order", "ids"] = later("order")
    memory_budget: str = "2GiB"

    def __post_init__(self) -> None:
        for name in ("hidden_dim", "num_heads", "num_layers", "semantic_dim", "max_neighbors"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"model.{name} is {value}, expected at least 1.")
        for name in ("dropout", "attention_dropout"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ConfigError(f"model.{name} is {value}, expected 0 or more, below 1.")
