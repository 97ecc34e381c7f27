"""Settings of SeHGNN."""

from __future__ import annotations

from dataclasses import dataclass, field

from hetgraph.errors import ConfigError
from hetgraph.settings import later

__all__ = ["SeHGNNConfig"]


@dataclass(frozen=True)
class SeHGNNConfig:
    """Settings of the simple and efficient heterogeneous graph network.

    Args:
        metapaths: Meta-paths to take in the place of all that ``num_hops`` gives: texts,
            ``name=text``, or registered names. They end at the target; registered ones also begin
            there. The target's own features are always read.
        num_hops: Without ``metapaths``, every relation sequence of at most so many steps is taken.
        skip_types: Node types that no enumerated sequence visits.
        labels: Whether the training labels are carried along the meta-paths from the target to
            itself, too; a node never receives its own.
        label_hops: Steps of the longest label path. With ``metapaths``, labels follow those of
            them that begin at the target.
        edge_weights: Whether means are by edge weight, if the graph has weights. Relations of the
            user's own that ``metapaths`` name keep theirs.
        embed_dim: Dimension of the linear embedding of each meta-path's features.
        hidden_dim: Dimension of all layers behind it.
        project_layers: Layers of each meta-path's own network.
        task_layers: Layers of the classifier.
        num_heads: Heads of the fusion; four times their number divides ``hidden_dim``.
        fusion_scale: Initial value of the learned factor of the attention in the fusion. The
            paper starts at 0, which leaves queries and keys without gradient for one step.
        residual: Whether the target's embedded features also go straight to the classifier.
        input_dropout: Fraction of the embedded features that are dropped.
        dropout: Fraction of hidden values that are dropped.
        attention_dropout: Fraction of the weights of the fusion that are dropped.
        memory_budget: Most memory that the composition of one label path may take.

    Raises:
        ConfigError: If a value is out of its range.
    """

    metapaths: tuple[str, ...] = field(default=(), metadata={"use_defaults": False})
    num_hops: int = 2
    skip_types: tuple[str, ...] = ()
    labels: bool = False
    label_hops: int = 2
    edge_weights: bool = later(True)
    embed_dim: int = 128
    hidden_dim: int = 128
    project_layers: int = 2
    task_layers: int = 3
    num_heads: int = 1
    fusion_scale: float = 0.1
    residual: bool = True
    input_dropout: float = 0.5
    dropout: float = 0.5
    attention_dropout: float = 0.0
    memory_budget: str = "2GiB"

    def __post_init__(self) -> None:
        sizes = ("embed_dim", "hidden_dim", "project_layers", "task_layers", "num_heads")
        for name in ("num_hops", "label_hops", *sizes):
            if getattr(self, name) < 1:
                raise ConfigError(f"model.{name} is {getattr(self, name)}, expected at least 1.")
        for name in ("input_dropout", "dropout", "attention_dropout"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ConfigError(f"model.{name} is {value}, expected 0 or more, below 1.")
        if self.hidden_dim % (4 * self.num_heads):
            raise ConfigError(
                f"model.hidden_dim is {self.hidden_dim}, expected a multiple of "
                f"{4 * self.num_heads}: four times model.num_heads."
            )
