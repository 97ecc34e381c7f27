"""From the auxiliary views of a node to its target view, with or without diffusion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.methods import RelevanceRow
from hetgraph.models.diffgraph.config import DiffGraphConfig
from hetgraph.models.diffgraph.denoiser import Autoencoder, Denoiser
from hetgraph.models.diffgraph.diffusion import NoiseSchedule
from hetgraph.models.diffgraph.encoder import SLOPE

__all__ = ["CrossView", "CrossViews", "fraction_rows", "make_schedule", "view_fractions"]

_FIRST = 1e-4
"""The official implementation overwrites the first variance, which fixes all noise levels."""


def make_schedule(config: DiffGraphConfig) -> NoiseSchedule:
    """Returns the schedule of a configuration."""
    if config.schedule == "cosine":
        return NoiseSchedule.cosine(config.num_steps)
    return NoiseSchedule.linear_variance(config.num_steps, config.noise_scale, first=_FIRST)


class CrossView(nn.Module):
    """Generates a node's target representation from its auxiliary representation.

    Args:
        config: ``fusion``, the schedule and the dims.
    """

    def __init__(self, config: DiffGraphConfig) -> None:
        super().__init__()
        self.config = config
        self.schedule = make_schedule(config)
        dim, hidden = config.hidden_dim, config.denoiser_dims
        self.denoise: Denoiser | Autoencoder | None = None
        if config.fusion == "diffusion":
            self.denoise = Denoiser(dim, hidden, config.time_dim, config.denoiser_dropout)
        elif config.fusion == "autoencoder":
            self.denoise = Autoencoder(dim, hidden)

    def forward(self, target: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what is added to the target in training, and the error of each row.

        Gradients reach both views. Each row has its own step and noise.

        Args:
            target: ``[num_rows, dim]`` vectors by the target view.
            source: ``[num_rows, dim]`` sums over the auxiliary views.

        Returns:
            ``[num_rows, dim]``, and ``[num_rows]`` errors, weighted by step.
        """
        if isinstance(self.denoise, Denoiser):
            step = torch.randint(self.schedule.num_steps, (len(source),), device=source.device)
            noisy = self.schedule.add_noise(source, step, torch.randn_like(source))
            made = self.denoise(noisy, step)
            error = (target - made).square().mean(dim=1)
            if self.config.weighting == "elbo":
                error = error * self.schedule.elbo_weight[step.cpu()].to(error)
            return made, error
        made = self.generate(source)
        if self.denoise is None:
            return made, made.new_zeros(len(made))
        return made, (target - made).square().mean(dim=1)

    def generate(self, source: Tensor) -> Tensor:
        """Returns what is added to the target at inference, ``[num_rows, dim]``."""
        if self.denoise is None:
            shown = self.config.fusion == "sum"
            return F.leaky_relu(source, SLOPE) if shown else torch.zeros_like(source)
        if isinstance(self.denoise, Autoencoder):
            made: Tensor = self.denoise(source)
            return made
        if self.config.sampler == "full":
            return self.schedule.remove_noise(source, self.denoise)
        first = torch.zeros(len(source), dtype=torch.int64, device=source.device)
        estimate: Tensor = self.denoise(source, first)
        return estimate


class CrossViews(nn.ModuleList):
    """One :class:`CrossView` per group of nodes; the rows of a group are contiguous.

    Args:
        config: See :class:`CrossView`.
        num_groups: Number of groups.
    """

    def __init__(self, config: DiffGraphConfig, num_groups: int) -> None:
        super().__init__(CrossView(config) for _ in range(num_groups))

    def forward(
        self, target: Tensor, source: Tensor, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Returns what is added to the target in training, and the error of each row.

        Args:
            target: ``[num_rows, dim]`` vectors by the target view.
            source: ``[num_rows, dim]`` sums over the auxiliary views.
            sizes: Number of rows of each group.
        """
        targets, sources = (rows.split_with_sizes(list(sizes)) for rows in (target, source))
        groups = [view(*rows) for view, *rows in zip(self, targets, sources, strict=True)]
        made, error = zip(*groups, strict=True)
        return torch.cat(made), torch.cat(error)

    def generate(self, source: Tensor, sizes: Sequence[int]) -> Tensor:
        """Returns what is added to the target at inference, ``[num_rows, dim]``."""
        made = []
        for view, rows in zip(self, source.split_with_sizes(list(sizes)), strict=True):
            assert isinstance(view, CrossView)
            made.append(view.generate(rows))
        return torch.cat(made)


def view_fractions(encoded: Sequence[Tensor], made: Tensor | None) -> Tensor:
    """Returns the fraction of each view in the length of a vector, ``[num_nodes, num_views]``.

    The length of the generated vector is divided among the auxiliary views in proportion to the
    lengths of their vectors. The fractions of a node add up to 1.

    Args:
        encoded: ``[num_nodes, dim]`` vectors by each view, the target view first.
        made: ``[num_nodes, dim]`` generated vectors; ``None`` if there is only one view.
    """
    lengths = torch.stack([vectors.norm(dim=1) for vectors in encoded], dim=1)
    if made is None:
        return torch.ones_like(lengths)
    added = made.norm(dim=1)
    total = (lengths[:, 0] + added).clamp(min=1e-12)
    others = lengths[:, 1:] / lengths[:, 1:].sum(1, keepdim=True).clamp(min=1e-12)
    return torch.cat([(lengths[:, 0] / total)[:, None], others * (added / total)[:, None]], dim=1)


def fraction_rows(
    node_type: str,
    views: Sequence[str],
    fractions: Tensor,
    *,
    source: str | None = None,
    label: int | None = None,
) -> list[RelevanceRow]:
    """Returns mean and std over nodes of the fraction of each view.

    Args:
        node_type: Type of the nodes.
        views: Names of the views.
        fractions: ``[num_nodes, num_views]``, of at least one node.
        source: Node type that the views start from; ``None``: the left ends of their names.
        label: Class of the nodes; ``None`` for nodes of all classes.
    """
    means, stds = fractions.mean(0).tolist(), fractions.std(0, correction=0).tolist()
    return [
        RelevanceRow(node_type, view, 0, mean, std, label=label, source=source)
        for view, mean, std in zip(views, means, stds, strict=True)
    ]
