"""One layer of relational graph convolution."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hetgraph.data import CSR, EdgeType, Schema
from hetgraph.methods import SELF, arriving_label
from hetgraph.models.rgcn.means import Mean
from hetgraph.nn import LayerPlan
from hetgraph.ops import spmm

__all__ = ["RGCNLayer"]


class RGCNLayer(nn.Module):
    """``out_i = x_i W_root + b + sum_r mean_{j in N_r(i)} x_j W_r``.

    With edge weights the mean is ``sum_e w_e x_src(e) / sum_e |w_e|`` over the edges into ``i``.
    A mean and a matrix commute, so the narrower side is multiplied: messages into few nodes are
    averaged first, those from few nodes mapped first. All of them are added to one buffer per type;
    relations among few nodes read and write these alone.

    Args:
        plan: Relations and types of the layer.
        in_dim: Dimension of the inputs.
        out_dim: Dimension of the outputs.
        num_bases: Matrices of which every ``W_r`` is a mixture; ``None`` learns each by itself.
        root_weight: Whether a node reads its own representation, by a weight all types share.
    """

    def __init__(
        self,
        plan: LayerPlan,
        in_dim: int,
        out_dim: int,
        *,
        num_bases: int | None = None,
        root_weight: bool = True,
    ) -> None:
        super().__init__()
        self.plan = plan
        count = len(plan.edge_types)
        self.weight = nn.Parameter(torch.empty(num_bases or count, in_dim, out_dim))
        self.mixture = nn.Parameter(torch.empty(count, num_bases)) if num_bases else None
        self.root = nn.Parameter(torch.empty(in_dim, out_dim)) if root_weight else None
        self.bias = nn.Parameter(torch.empty(out_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws Xavier-uniform weights and zero biases."""
        for matrix in (*self.weight, self.mixture, self.root):
            if matrix is not None:
                nn.init.xavier_uniform_(matrix)
        nn.init.zeros_(self.bias)

    def relation_weights(self) -> Tensor:
        """Returns ``W_r`` of each relation of the plan, ``[num_relations, in_dim, out_dim]``."""
        if self.mixture is None:
            return self.weight
        mixed: Tensor = torch.tensordot(self.mixture, self.weight, dims=1)
        return mixed

    @torch.no_grad()
    def weight_fractions(self, node_type: str, schema: Schema) -> dict[str, float]:
        """Returns the fraction of each matrix in the Frobenius norms of those into a type.

        Relations are named by :func:`arriving_label`, the matrix of the node itself
        :data:`SELF`.
        """
        matrices = dict(zip(self.plan.edge_types, self.relation_weights(), strict=True))
        norms = {
            arriving_label(key, node_type, schema): float(matrices[key].norm())
            for key in self.plan.into(node_type)
        }
        if self.root is not None:
            norms[SELF] = float(self.root.norm())
        total = sum(norms.values()) or 1.0
        return {name: norm / total for name, norm in norms.items()}

    def forward(self, x: Mapping[str, Tensor], means: Mapping[EdgeType, Mean]) -> dict[str, Tensor]:
        """Returns ``[num_nodes, out_dim]`` of the plan's output types.

        Args:
            x: ``[num_nodes, in_dim]`` of its input types.
            means: Its relations.
        """
        out = {name: self._own(x[name]) for name in self.plan.outputs}
        read = self._active(x, means)
        sent: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for edge_type, weight in zip(self.plan.edge_types, self.relation_weights(), strict=True):
            mean, source = means[edge_type], read.get(edge_type, x[edge_type.src])
            if _averages_first(mean.matrix, weight):
                message = spmm(mean.matrix, source) @ weight
            else:
                message = spmm(mean.matrix, source @ weight)
            if mean.dst is None:
                out[edge_type.dst].add_(message)
            else:
                sent.setdefault(edge_type.dst, []).append((mean.dst, message))
        for name, arrived in sent.items():
            nodes, messages = zip(*arrived, strict=True)
            out[name].index_add_(0, torch.cat(nodes), torch.cat(messages))
        return out

    def _active(
        self, x: Mapping[str, Tensor], means: Mapping[EdgeType, Mean]
    ) -> dict[EdgeType, Tensor]:
        """Rows of the active sources of each relation, taken at once: so is their gradient."""
        by_src: dict[str, dict[EdgeType, Tensor]] = {}
        for edge_type in self.plan.edge_types:
            src = means[edge_type].src
            if src is not None:
                by_src.setdefault(edge_type.src, {})[edge_type] = src
        read: dict[EdgeType, Tensor] = {}
        for name, nodes in by_src.items():
            sizes = [ids.numel() for ids in nodes.values()]
            rows = x[name].index_select(0, torch.cat(list(nodes.values())))
            read |= dict(zip(nodes, torch.split(rows, sizes), strict=True))
        return read

    def _own(self, x: Tensor) -> Tensor:
        """Returns what a node gets without its neighbours."""
        if self.root is None:
            return self.bias.repeat(x.shape[0], 1)
        return torch.addmm(self.bias, x, self.root)


def _averages_first(mean: CSR, weight: Tensor) -> bool:
    """Whether fewer multiplications are needed if the mean is taken before the product."""
    in_dim, out_dim = weight.shape
    before = mean.num_cols * in_dim * out_dim + mean.nnz * out_dim
    after = mean.num_rows * in_dim * out_dim + mean.nnz * in_dim
    return after < before
