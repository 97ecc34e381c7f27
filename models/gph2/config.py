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
        dim: Dim of aligned features and of representations.
        hops: Propagation steps in pre-training.
        dropout: Dropout probability of features before propagation.
        num_views: Views of a homogeneous graph: itself and copies with dropped edges.
        edge_drop: Fraction of undirected edges that a copy drops.
        lr: Learning rate.
        weight_decay: L2 penalty.
        epochs: Maximum number of epochs; 0 keeps the initial weights, with batch-norm statistics
            of one pass.
        patience: Epochs without a lower loss before training stops.
        seed: Seed of features, views, weights and training. It is independent of the seed of the
            run, so that runs share experts.
        metapaths: Views of a heterogeneous graph; empty: the default meta-paths of the data set,
            else its short round trips.

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
        sources: Data sets whose experts are used; the target is left out if it is among them.
            Empty: those of all experts in the cache folder.
        preset: Which of the sources: ``"mixed"`` all; ``"same-kind"`` homogeneous ones for a
            homogeneous target, heterogeneous ones otherwise; ``"balanced"`` the first of both
            kinds, equally many.
        experts: ``"pretrained"``, or a control: ``"random"``, experts with untrained weights, or
            ``"scratch"``, one encoder that is trained with the classifier and needs no source.
        metapaths: Views of a heterogeneous target: texts, ``name=text`` or names. Empty: the
            default meta-paths of the data set, else its short round trips.
        hops: Propagation steps on the target; ``None``: 5 if it is homogeneous, else 2.
        target_views: Views of a homogeneous target: itself and copies with dropped edges.
        dropout: Dropout probability of experts' vectors, similarities to queries, and aligned
            vectors.
        ortho_weight: Weight of the loss that keeps class queries orthogonal.
        ortho_reduction: Whether this loss is the mean or the sum over pairs of classes.
        expert: Settings of the experts.
        memory_budget: Maximum memory for the composition of the meta-paths.

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
