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
            or registered names. The first is the view to be denoised, the others together are
            where the diffusion starts. Without any, those of the data set, else the short round
            trips of the target. In a recommendation the relations between users and items are the
            views, the one to be predicted first. In a link prediction the relation to be predicted
            is the first view, the others between the two types and the meta-paths, from either
            type to itself, come after it.
        positives: Adds a last view: so many nodes for each, those that the most meta-paths reach.
        hidden_dim: Width of the representations.
        num_layers: Layers of propagation in every view.
        feed: Whether a layer reads the output of the one before as it is (``"raw"``) or scaled to
            length one (``"unit"``).
        normalize_features: Whether the features of a node are scaled to the sum one.
        schedule: ``"nominal"`` is the authors': its noise has a deviation of 0.01 at every step.
            ``"cosine"`` goes from the signal to pure noise.
        num_steps: Steps of the diffusion.
        noise_scale: Factor on the variances of the nominal schedule; with ``weighting: elbo`` it
            scales the diffusion loss more than the noise.
        weighting: Weight of the diffusion loss by step: the evidence bound's, or one.
        diffusion_weight: Factor on the diffusion loss.
        denoiser_dims: Hidden widths of the denoiser.
        time_dim: Width of the code of a step.
        denoiser_dropout: Share of the denoiser's input that is dropped in training.
        fusion: What joins the views: ``"diffusion"``; ``"autoencoder"`` without steps; ``"sum"``
            of target and others; ``"none"``, the target view alone.
        sampler: ``"one_step"`` denoises once at step 0, ``"full"`` runs all steps back.
        output_decay: Recommendation: weight of the squared lengths of the vectors of a batch.
        memory_budget: Most memory the composition of the meta-paths may take.

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
                f"model.denoiser_dims is {list(self.denoiser_dims)}, expected one width or more."
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
                "model.weighting elbo with the cosine schedule weighs the first steps thousands "
                "of times the others; give --set model.weighting=uniform."
            )
