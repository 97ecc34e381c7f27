"""Settings of GPH² and of its experts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hetgraph.errors import ConfigError

__all__ = ["ExpertConfig", "Experts", "GPH2Config", "Preset"]

Preset = Literal["mixed", "same-kind", "balanced"]
Experts = Literal["pretrained", "random", "scratch"]


@dataclass(frozen=True)
class ExpertConfig:
    """Settings of an expert and of its pre-training.

    Args:
        dim: Width of aligned features and of representations.
        hops: Steps of propagation in pre-training.
        dropout: Share of the features that is dropped before propagation.
        num_views: Views of a graph of one node type: itself and copies with dropped edges.
        edge_drop: Share of undirected edges that a copy lacks.
        lr: Learning rate.
        weight_decay: L2 penalty.
        epochs: Most epochs; 0 leaves the initial weights, with the statistics of one pass.
        patience: Epochs without a lower loss that are tolerated.
        seed: Seed of features, views, weights and training. It is not that of the run, so that
            runs share experts.
        metapaths: Views of a graph of several node types; empty: those of the data set, else its
            short round trips.

    Raises:
        ConfigError: If a value is out of its range.
    """

    dim: int = 128
    hops: int = 2
    dropout: float = 0.3
    num_views: int = 3
    edge_drop: float = 0.3
    lr: float = 1e-3
    weight_decay: float = 5e-4
    epochs: int = 1000
    patience: int = 50
    seed: int = 0
    metapaths: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("dim", 1), ("hops", 0), ("num_views", 1), ("epochs", 0)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"model.expert.{name} is {getattr(self, name)}, expected at least {least}."
                )
        for name in ("dropout", "edge_drop"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"model.expert.{name} is {getattr(self, name)}, expected 0 or more, below 1."
                )


@dataclass(frozen=True)
class GPH2Config:
    """Settings of the fusion of experts.

    Args:
        sources: Data sets to take experts of; the target is left out if it is among them. Without
            any, those of the experts in the cache folder.
        preset: Which of the sources: ``"mixed"`` all, ``"same-kind"`` those that have one node
            type, or several, as the target has, ``"balanced"`` the first of either kind, equally
            many.
        experts: ``"pretrained"``, or the controls: ``"random"``, experts with untrained weights,
            and ``"scratch"``, one encoder that is trained with the classifier and needs no source.
        metapaths: Views of a target of several node types: texts, ``name=text`` or names. Without
            any, those of the data set, else its short round trips.
        hops: Steps of propagation on the target; ``None``: 5 with one node type, else 2.
        target_views: Views of a target of one node type: itself and copies with dropped edges.
        dropout: Share that is dropped of experts' vectors, likenesses to queries, and aligned
            vectors.
        ortho_weight: Weight of the term that keeps the class queries orthogonal.
        ortho_reduction: Whether it is the mean over the pairs of classes, or the sum.
        expert: Settings of the experts.
        memory_budget: Most memory the composition of the meta-paths may take.

    Raises:
        ConfigError: If a value is out of its range.
    """

    sources: tuple[str, ...] = ()
    preset: Preset = "balanced"
    experts: Experts = "pretrained"
    metapaths: tuple[str, ...] = ()
    hops: int | None = None
    target_views: int = 1
    dropout: float = 0.2
    ortho_weight: float = 1.0
    ortho_reduction: Literal["mean", "sum"] = "mean"
    expert: ExpertConfig = field(default_factory=ExpertConfig)
    memory_budget: str = "2GiB"

    def __post_init__(self) -> None:
        if self.hops is not None and self.hops < 0:
            raise ConfigError(f"model.hops is {self.hops}, expected 0 or more.")
        if self.target_views < 1:
            raise ConfigError(f"model.target_views is {self.target_views}, expected at least 1.")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}, expected 0 or more, below 1.")
        if self.ortho_weight < 0:
            raise ConfigError(f"model.ortho_weight is {self.ortho_weight}, expected 0 or more.")
        if len(set(self.sources)) != len(self.sources):
            raise ConfigError("model.sources lists a data set twice.")
