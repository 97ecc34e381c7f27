"""Settings of DiffGraph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hetgraph.errors import ConfigError
from hetgraph.models.diffgraph.encoder import Feed

__all__ = ["DiffGraphConfig", "Fusion", "Sampler", "Schedule", "Weighting"]

Schedule = Literal["nominal", "cosine"]
Weighting = Literal["elbo", "uniform"]
Fusion = Literal["diffusion", "autoencoder", "sum", "none"]
Sampler = Literal["one_step", "full"]


@dataclass(frozen=True)
class DiffGraphConfig:
    """Settings of latent heterogeneous graph diffusion.

    Args:
        metapaths: Views of the target, each a meta-path from it to itself: texts, ``name=text``
            or registered names. The first is the target view; the diffusion starts from the sum
            of the others. Empty: the default meta-paths of the data set, else the short round
            trips of the target. In a recommendation, the views are the relations between users
            and items instead, the one to predict first. In a link prediction, the first view is
            the relation to predict, followed by the other relations between the two types and by
            the meta-paths, from either type to itself.
        positives: Adds a last view with this many nodes per node: those that most meta-paths
            reach. ``None`` adds none.
        hidden_dim: Dim of the representations.
        num_layers: Propagation layers per view.
        feed: Whether a layer reads the output of the previous one unchanged (``"raw"``) or scaled
            to unit length (``"unit"``).
        normalize_features: Whether the features of each node are scaled so that their absolute
            values sum to 1.
        schedule: ``"nominal"`` is the authors' schedule, whose noise has a std of 0.01 at every
            step; ``"cosine"`` goes from no noise to pure noise.
        num_steps: Number of diffusion steps.
        noise_scale: Factor on the variances of the nominal schedule; with ``weighting: elbo`` it
            scales the diffusion loss more than the noise.
        weighting: Weight of the diffusion loss per step: that of the evidence lower bound
            (``"elbo"``), or 1 (``"uniform"``).
        diffusion_weight: Weight of the diffusion loss.
        denoiser_dims: Hidden dims of the denoiser.
        time_dim: Dim of the embedding of a step.
        denoiser_dropout: Dropout probability of the denoiser's input.
        fusion: How the views are combined: ``"diffusion"``; ``"autoencoder"``, without steps;
            ``"sum"`` of all views; ``"none"``, the target view alone.
        sampler: ``"one_step"`` denoises once at step 0; ``"full"`` runs all steps in reverse.
        output_decay: Weight of the squared lengths of a batch's vectors; for recommendation only.
        memory_budget: Maximum memory for the composition of the meta-paths.

    Raises:
        ConfigError: If a value is out of its range.
    """

    metapaths: tuple[str, ...] = ()
    positives: int | None = None
    hidden_dim: int = 64
    num_layers: int = 3
    feed: Feed = "unit"
    normalize_features: bool = True
    schedule: Schedule = "nominal"
    num_steps: int = 200
    noise_scale: float = 1e-5
    weighting: Weighting = "elbo"
    diffusion_weight: float = 1.0
    denoiser_dims: tuple[int, ...] = (64,)
    time_dim: int = 8
    denoiser_dropout: float = 0.5
    fusion: Fusion = "diffusion"
    sampler: Sampler = "one_step"
    output_decay: float = 0.03
    memory_budget: str = "2GiB"

    def __post_init__(self) -> None:
        for name in ("positives", "hidden_dim", "num_layers", "num_steps", "time_dim"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"model.{name} is {value}, expected at least 1.")
        if not self.denoiser_dims or min(self.denoiser_dims) < 1:
            raise ConfigError(
                f"model.denoiser_dims is {list(self.denoiser_dims)}, "
                "expected at least one dim, each at least 1."
            )
        if not 0 <= self.denoiser_dropout < 1:
            raise ConfigError(
                f"model.denoiser_dropout is {self.denoiser_dropout}, expected 0 or more, below 1."
            )
        if self.noise_scale <= 0 or self.diffusion_weight < 0 or self.output_decay < 0:
            raise ConfigError(
                "model.noise_scale must be above 0, diffusion_weight and output_decay 0 or more."
            )
        if self.schedule == "cosine" and self.weighting == "elbo":
            raise ConfigError(
                "model.weighting=elbo with model.schedule=cosine gives the first steps thousands "
                "of times the weight of the others; use --set model.weighting=uniform."
            )
