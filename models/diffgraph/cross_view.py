"""From the auxiliary views of a node to its target view, by diffusion or without it."""

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

__all__ = ["CrossView", "CrossViews", "make_schedule", "share_rows", "view_shares"]

_FIRST = 1e-4
"""The authors overwrite the first variance by it, which fixes the noise of all steps."""


def make_schedule(config: DiffGraphConfig) -> NoiseSchedule:
    """Returns the schedule of a configuration."""
    if config.schedule == "cosine":
        return NoiseSchedule.cosine(config.num_steps)
    return NoiseSchedule.linear_variance(config.num_steps, config.noise_scale, first=_FIRST)


class CrossView(nn.Module):
    """What a node's auxiliary representation says about its target representation.

    Args:
        config: ``fusion``, the schedule and the widths.
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
        """Returns what to add to the target in training, and the error of each row.

        Gradients reach both views. Each row gets a step and noise of its own.

        Args:
            target: ``[num_rows, dim]``.
            source: ``[num_rows, dim]``.

        Returns:
            ``[num_rows, dim]`` and ``[num_rows]``, weighted by step.
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
        """Returns what to add to the target when the model is used, ``[num_rows, dim]``."""
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
    """A :class:`CrossView` for each of several groups of nodes, which follow each other.

    Args:
        config: As for one.
        num_groups: Number of groups.
    """

    def __init__(self, config: DiffGraphConfig, num_groups: int) -> None:
        super().__init__(CrossView(config) for _ in range(num_groups))

    def forward(
        self, target: Tensor, source: Tensor, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Returns what to add to the target in training, and the error of each row.

        Args:
            target: ``[num_rows, dim]``.
            source: ``[num_rows, dim]``.
            sizes: Rows of each group.
        """
        own, other = (one.split_with_sizes(list(sizes)) for one in (target, source))
        parts = [one(a, b) for one, a, b in zip(self, own, other, strict=True)]
        made, error = zip(*parts, strict=True)
        return torch.cat(made), torch.cat(error)

    def generate(self, source: Tensor, sizes: Sequence[int]) -> Tensor:
        """Returns what to add to the target when the model is used, ``[num_rows, dim]``."""
        made = []
        for one, part in zip(self, source.split_with_sizes(list(sizes)), strict=True):
            assert isinstance(one, CrossView)
            made.append(one.generate(part))
        return torch.cat(made)


def view_shares(encoded: Sequence[Tensor], made: Tensor | None) -> Tensor:
    """Returns the share of each view in the length of a node's vector, ``[num_nodes, num_views]``.

    The first view stands for itself. What was generated is shared out among the other views by the
    lengths of what they encode. The shares of a node add up to one.

    Args:
        encoded: ``[num_nodes, dim]`` by each view.
        made: ``[num_nodes, dim]`` what was generated; ``None`` with one view.
    """
    lengths = torch.stack([one.norm(dim=1) for one in encoded], dim=1)
    if made is None:
        return torch.ones_like(lengths)
    added = made.norm(dim=1)
    total = (lengths[:, 0] + added).clamp(min=1e-12)
    others = lengths[:, 1:] / lengths[:, 1:].sum(1, keepdim=True).clamp(min=1e-12)
    return torch.cat([(lengths[:, 0] / total)[:, None], others * (added / total)[:, None]], dim=1)


def share_rows(
    node_type: str,
    views: Sequence[str],
    shares: Tensor,
    *,
    source: str,
    label: int | None = None,
) -> list[RelevanceRow]:
    """Returns the mean and the deviation over nodes of the share of each view.

    Args:
        node_type: Type of the nodes.
        views: Names of the views.
        shares: ``[num_nodes, num_views]``, at least one node.
        source: Type that the views lead to.
        label: Class of the nodes, if they are those of one.
    """
    means, spreads = shares.mean(0).tolist(), shares.std(0, correction=0).tolist()
    return [
        RelevanceRow(node_type, view, 0, mean, std, label=label, source=source)
        for view, mean, std in zip(views, means, spreads, strict=True)
    ]
