"""Settings of MetaHGNIE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hetgraph.errors import ConfigError

__all__ = ["Channels", "Fusion", "HypergraphKind", "MetaHGNIEConfig"]

_COUNTS = (
    "max_size",
    "walk_dim",
    "num_heads",
    "hidden_dim",
    "num_layers",
    "type_dim",
    "contrastive_size",
)
HypergraphKind = Literal["default", "signature", "relation", "star", "metapath"]
Channels = Literal["both", "structure", "semantics", "concat"]
Fusion = Literal["adaptive", "fixed", "attention", "gate", "concat"]


@dataclass(frozen=True)
class MetaHGNIEConfig:
    """Settings of MetaHGNIE.

    Args:
        hypergraph: ``"default"`` is the first hypergraph of the data set, else the signatures of
            its graph; the others are built from the graph. ``"signature"``: nodes with the same
            set of relations, which is the authors' partition; ``"relation"``: all nodes of a
            relation; ``"star"``: the sources that share a destination; ``"metapath"``: a node and
            all nodes that a meta-path reaches from it.
        metapaths: Meta-paths of ``hypergraph: metapath``.
        max_size: Maximum number of members of the hyperedges of stars and meta-paths; the members
            of larger ones are sampled.
        channels: ``"both"``; one of them alone; ``"concat"``, both inputs in the structural
            channel.
        walk_dim: Dim of the walk vectors that the structural channel reads. If the graph has no
            edges, it reads in which hyperedges a node is instead.
        text: Encoder of the texts that the semantic channel reads; see
            :func:`hetgraph.features.make_encoder`. If the graph has no texts, it reads the
            features of the nodes; without these, the input of the structural channel.
        standardize: Whether each input column is shifted and scaled to mean 0 and std 1.
        num_heads: Number of heads.
        hidden_dim: Dim of a head.
        num_layers: Layers of each channel.
        type_dim: Dim of the embedding of a hyperedge type.
        dropout: Dropout probability of the inputs of layers.
        attention_dropout: Dropout probability of the attention weights of the structural channel.
        negative_slope: Slope of the leaky ReLU on the scores of the structural channel.
        collect: Whether the structural channel takes the sum or the mean of a node's hyperedges.
        fusion: How the two predictions are combined; see
            :class:`~hetgraph.models.metahgnie.fusion.ScoreFusion`.
        structure_share: Weight of the structural prediction, fixed or at the start.
        contrastive_weight: Weight of the loss that aligns the channels.
        contrastive_size: Training nodes drawn for this loss in a step; ``None`` takes all.
        temperature: Temperature of this loss.
        unimodal_weight: Weight of the mean of the two channels' own losses.
        all_nodes: Whether the last layer and its batch norms run over all nodes, as in the
            official implementation, instead of those of the target type.
        num_edge_types: Number of hyperedge types; this and the next two are determined when the
            model is built for a task.
        structural_dim: Dim of the structural input.
        semantic_dim: Dim of the semantic input.

    Raises:
        ConfigError: If a value is out of its range.
    """

    hypergraph: HypergraphKind = "default"
    metapaths: tuple[str, ...] = field(default=(), metadata={"use_defaults": False})
    max_size: int | None = None
    channels: Channels = "both"
    walk_dim: int = 64
    text: str = "hash"
    standardize: bool = True
    num_heads: int = 4
    hidden_dim: int = 20
    num_layers: int = 1
    type_dim: int = 10
    dropout: float = 0.2
    attention_dropout: float = 0.3
    negative_slope: float = 0.2
    collect: Literal["sum", "mean"] = "sum"
    fusion: Fusion = "adaptive"
    structure_share: float = 0.2
    contrastive_weight: float = 0.1
    contrastive_size: int | None = None
    temperature: float = 0.5
    unimodal_weight: float = 0.2
    all_nodes: bool = False
    num_edge_types: int | None = None
    structural_dim: int | None = None
    semantic_dim: int | None = None

    def __post_init__(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"model.{name} is {value}, expected at least 1.")
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"model.{name} is {getattr(self, name)}, expected 0 or more, below 1."
                )
        if self.contrastive_weight < 0 or self.unimodal_weight < 0 or self.temperature <= 0:
            raise ConfigError(
                "model.temperature must be above 0, contrastive_weight and unimodal_weight 0 or "
                "more."
            )
        if (self.hypergraph == "metapath") != bool(self.metapaths):
            raise ConfigError(
                "model.metapaths and model.hypergraph=metapath go together; give both or neither."
            )

    @property
    def out_dim(self) -> int:
        """Dim of the representations: number of heads times their dim."""
        return self.num_heads * self.hidden_dim
