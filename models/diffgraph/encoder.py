"""Propagation along one view of the nodes, without parameters."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hetgraph.nn.propagator import Propagator

__all__ = ["SLOPE", "Feed", "encode_view"]

Feed = Literal["raw", "unit"]
"""Input of the next layer: the output unchanged, or scaled to unit length."""

SLOPE = 0.5
_EPS = 1e-12


def encode_view(
    propagator: Propagator,
    x: Tensor,
    num_layers: int,
    feed: Feed,
    rows: Tensor | None = None,
    first: Tensor | None = None,
) -> Tensor:
    """Returns ``x + sum_l unit(z_l)`` with ``z_l = leaky_relu(P z_(l-1))``.

    Nodes without neighbours keep their ``x``. O(num_layers * entries * dim); the last layer is
    computed only for the requested rows. Everything except the products works in place where
    possible and keeps one ``[num_nodes, dim]`` tensor per layer for the backward pass: on Retail
    Rocket, this memory traffic takes longer than the products.

    Args:
        propagator: Matrix of the view.
        x: ``[num_nodes, dim]``.
        num_layers: Number of layers.
        feed: Input of the next layer.
        rows: ``[num_rows]`` int64 requested nodes; ``None`` for all.
        first: ``P x``, if it is already known.
    """
    with torch.autocast(x.device.type, enabled=False):
        wide = x if x.dtype == torch.float64 else x.float()
        known = None if first is None else first.to(wide.dtype)
        total: Tensor = _Layers.apply(wide, known, propagator, num_layers, feed, rows)  # type: ignore[no-untyped-call]
    return total.to(x.dtype)


class _Layers(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        first: Tensor | None,
        propagator: Propagator,
        num_layers: int,
        feed: Feed,
        rows: Tensor | None,
    ) -> Tensor:
        total = _rows(x, rows, copy=True)
        outputs, inverses = [], []
        last = propagator if rows is None else propagator.rows(rows)
        for layer in range(num_layers):
            ends = layer == num_layers - 1
            if layer == 0 and first is not None:
                z = _rows(first, rows if ends else None, copy=True)
            else:
                z = (last if ends else propagator)(x)
            z = x = F.leaky_relu_(z, SLOPE)
            if feed == "unit" and not ends:
                inverse = _inverse_lengths(z)
                x = z * inverse
                total += _rows(x, rows)
            else:
                shown = z if ends else _rows(z, rows)
                inverse = _inverse_lengths(shown)
                total.addcmul_(shown, inverse)
            outputs.append(z)
            inverses.append(inverse)
        ctx.save_for_backward(rows, *outputs, *inverses)
        ctx.views = [propagator] * (num_layers - 1) + [last]
        ctx.feed, ctx.known = feed, first is not None
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, *saved = ctx.saved_tensors
        num_layers = len(ctx.views)
        num_nodes = ctx.views[0].num_cols
        outputs, inverses = saved[:num_layers], saved[num_layers:]
        carried = grad  # with respect to the input of the layer above
        for layer in reversed(range(num_layers)):
            z, inverse = outputs[layer], inverses[layer]
            if layer == num_layers - 1:
                by_z = _unit_back(grad, z, inverse)
            elif ctx.feed == "unit":
                by_z = _unit_back(_add_rows(carried, grad, rows), z, inverse)
            else:
                by_z = _add_rows(carried, _unit_back(grad, _rows(z, rows), inverse), rows)
            # True: z is the output, which has the signs of the input.
            by_z = torch.ops.aten.leaky_relu_backward(by_z, z, SLOPE, True)
            if layer == 0 and ctx.known:
                break
            carried = ctx.views[layer].back(by_z)
        if not ctx.known:
            return _add_rows(carried, grad, rows), None, None, None, None, None
        empty = grad.new_zeros(num_nodes, grad.shape[1])
        by_first = by_z if num_layers > 1 else _add_rows(empty.clone(), by_z, rows)
        return _add_rows(empty, grad, rows), by_first, None, None, None, None


def _rows(x: Tensor, rows: Tensor | None, *, copy: bool = False) -> Tensor:
    if rows is not None:
        return x[rows]
    return x.clone() if copy else x


def _add_rows(x: Tensor, added: Tensor, rows: Tensor | None) -> Tensor:
    """Adds ``added`` to all rows of ``x``, or to the given ones, in place."""
    return x.add_(added) if rows is None else x.index_add_(0, rows, added)


def _inverse_lengths(x: Tensor) -> Tensor:
    """Returns ``[num_rows, 1]`` inverse lengths; 0 for rows of length 0."""
    length = x.norm(dim=1, keepdim=True)
    return torch.where(length > _EPS, length.reciprocal(), 0.0)


def _unit_back(grad: Tensor, z: Tensor, inverse: Tensor) -> Tensor:
    """Gradient of ``z`` from that of ``z * inverse``: times ``(I - unit unit^T) / length``."""
    along = torch.linalg.vecdot(grad, z).unsqueeze(1) * inverse.pow(3)
    return (grad * inverse).addcmul_(z, along, value=-1)
