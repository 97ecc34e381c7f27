"""What attention learns about the inputs of edges: a score and a message of each.

Of an edge with inputs ``f_e`` (see :class:`~hetgraph.nn.EdgeInputs`) each head adds ``<c, f_e>`` to
the score and ``M f_e`` to the message.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hetgraph.data.schema import EdgeType
from hetgraph.nn.edge_inputs import EdgeInputs
from hetgraph.nn.type_dict import TypeDict
from hetgraph.ops import spmm

__all__ = ["EdgeMap", "EdgeMaps"]


class EdgeMap(nn.Module):
    """The learned maps of one relation and layer: ``c`` and ``M`` of the head of this module.

    Both begin at zero, so that a model begins as the one that reads no inputs of edges.

    Args:
        dim: Dimension of the inputs of an edge.
        num_heads: Heads.
        head_dim: Dimension of the message of a head.

    Example:
        >>> from hetgraph.data import CSR
        >>> rated = CSR.from_coo(torch.tensor([0, 0]), torch.tensor([0, 1]), (1, 2))
        >>> edges = EdgeInputs.of(rated, None, torch.tensor([[1.0], [2.0]]))
        >>> learned = EdgeMap(1, num_heads=2, head_dim=4)
        >>> learned.scores(edges).shape
        torch.Size([2, 2])
        >>> learned.messages(edges, torch.full((2, 2), 0.5)).shape
        torch.Size([1, 2, 4])
    """

    def __init__(self, dim: int, num_heads: int, head_dim: int) -> None:
        super().__init__()
        self.score = nn.Parameter(torch.zeros(dim, num_heads))
        self.message = nn.Parameter(torch.zeros(num_heads, dim, head_dim))

    def scores(self, edges: EdgeInputs) -> Tensor:
        """Returns ``<c, f_e>``, ``[num_edges, heads]``."""
        assert edges.values is not None  # the schema says that there are some
        return edges.values @ self.score

    def messages(self, edges: EdgeInputs, alpha: Tensor) -> Tensor:
        """Returns ``M sum_e alpha_e f_e`` by destination, ``[num_dst, heads, head_dim]``.

        The inputs are summed before they are mapped, head by head, so nothing is of size
        ``[num_edges, head_dim]``. O(num_edges * heads * dim).

        Args:
            edges: What the edges carry.
            alpha: ``[num_edges, heads]`` attention weights.
        """
        assert edges.values is not None  # as above
        heads = [
            spmm(edges.entries, edges.values, weight) @ matrix
            for weight, matrix in zip(alpha.unbind(1), self.message, strict=True)
        ]
        return torch.stack(heads, dim=1)


class EdgeMaps(TypeDict[EdgeMap]):
    """An :class:`EdgeMap` for each relation whose edges have inputs.

    Args:
        dims: Dimension of the inputs by relation, see :meth:`EdgeReader.dims_of`.
        num_heads: Heads.
        head_dim: Dimension of the message of a head.

    Example:
        >>> rates = EdgeType("user", "rates", "film")
        >>> maps = EdgeMaps({rates: 3}, num_heads=2, head_dim=4)
        >>> rates in maps, maps[rates].message.shape
        (True, torch.Size([2, 3, 4]))
    """

    def __init__(self, dims: Mapping[EdgeType, int], num_heads: int, head_dim: int) -> None:
        super().__init__({key: EdgeMap(dim, num_heads, head_dim) for key, dim in dims.items()})
        self.num_heads = num_heads
