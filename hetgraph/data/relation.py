"""The edges of one type, stored by destination."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError

__all__ = ["Relation"]


@dataclass(frozen=True, eq=False, repr=False)
class Relation(CSR):
    """The edges of one edge type: rows are destination nodes, columns are source nodes.

    :func:`hetgraph.ops.spmm` of a relation and node features therefore sums the features of the
    sources at each destination. Parallel edges are allowed.

    Args:
        indptr: ``[num_dst + 1]`` offsets.
        indices: ``[num_edges]`` source of each edge.
        num_cols: Number of source nodes.
        weight: ``[num_edges]`` float weights; ``None`` means all ones.
        edge_features: ``[num_edges, dim]`` float features.
        edge_time: ``[num_edges]`` integer or float timestamps.

    Example:
        >>> writes = Relation.from_edges(torch.tensor([0, 0, 1]), torch.tensor([2, 0, 1]), 2, 3)
        >>> writes
        Relation(3 x 2, 3)
        >>> writes.edges()
        (tensor([0, 1, 0]), tensor([0, 1, 2]))
    """

    edge_features: Tensor | None = None
    edge_time: Tensor | None = None

    @classmethod
    def from_edges(
        cls,
        src: Tensor | np.ndarray[Any, Any],
        dst: Tensor | np.ndarray[Any, Any],
        num_src: int,
        num_dst: int,
        *,
        weight: Tensor | np.ndarray[Any, Any] | None = None,
        edge_features: Tensor | np.ndarray[Any, Any] | None = None,
        edge_time: Tensor | np.ndarray[Any, Any] | None = None,
    ) -> Self:
        """Builds a relation from edge lists in O(num_edges + num_src + num_dst).

        Args:
            src: ``[num_edges]`` source ids, any integer dtype.
            dst: ``[num_edges]`` destination ids.
            num_src: Number of source nodes.
            num_dst: Number of destination nodes.
            weight: ``[num_edges]`` weights in the order of ``src``.
            edge_features: ``[num_edges, dim]`` features in the order of ``src``.
            edge_time: ``[num_edges]`` times in the order of ``src``.

        Raises:
            DataError: If ids are out of range, or lengths or dtypes do not match.
        """
        relation, perm = cls.from_coo_with_perm(dst, src, (num_dst, num_src))
        given = {"weight": weight, "edge_features": edge_features, "edge_time": edge_time}
        extra: dict[str, Any] = {}
        for name, value in given.items():
            if value is None:
                continue
            tensor = torch.as_tensor(value)
            if tensor.dim() == 0 or tensor.shape[0] != perm.numel():
                raise DataError(
                    f"{name} has shape {list(tensor.shape)}, expected {perm.numel()} rows: "
                    "one per edge."
                )
            if name == "weight" and not tensor.is_floating_point():
                tensor = tensor.to(torch.float32)
            extra[name] = tensor[perm]
        return replace(relation, _cache={}, **extra) if extra else relation

    @property
    def num_src(self) -> int:
        """Number of source nodes."""
        return self.num_cols

    @property
    def num_dst(self) -> int:
        """Number of destination nodes."""
        return self.num_rows

    @property
    def num_edges(self) -> int:
        """Number of edges, parallel ones included."""
        return self.nnz

    @property
    def feature_dim(self) -> int:
        """Dimension of the edge features; 0 without features."""
        return 0 if self.edge_features is None else self.edge_features.shape[-1]

    def edges(self) -> tuple[Tensor, Tensor]:
        """Returns int64 ``(src, dst)``, each ``[num_edges]``, in stored order."""
        dst, src = self.coo()
        return src, dst

    def coalesced(self, values: Literal["sum", "binary"] = "sum") -> Self:
        """Merges parallel edges: ``"sum"`` adds their weights, ``"binary"`` drops them.

        A merged edge has the mean features and the latest time of its parallel copies.
        """
        bare = replace(self, edge_features=None, edge_time=None, _cache={})
        merged = super(Relation, bare).coalesced(values)
        key = self.row_ids * self.num_src + self.indices.long()
        _, entry, copies = torch.unique_consecutive(key, return_inverse=True, return_counts=True)
        extra: dict[str, Any] = {}
        if (features := self.edge_features) is not None:
            sums = features.new_zeros(merged.num_edges, features.shape[1])
            extra["edge_features"] = sums.index_add(0, entry, features) / copies.unsqueeze(1)
        if (time := self.edge_time) is not None:
            latest = time.new_zeros(merged.num_edges)
            extra["edge_time"] = latest.scatter_reduce(0, entry, time, "amax", include_self=False)
        return replace(merged, _cache={}, **extra) if extra else merged

    def select(self, mask: Tensor) -> Self:
        """Returns the relation with the edges where ``mask`` (``[num_edges]`` bool) is true."""
        kept = mask.nonzero().squeeze(1)
        counts = torch.bincount(self.row_ids[kept], minlength=self.num_rows)
        indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)]).to(self.indptr.dtype)
        picked: dict[str, Any] = {
            name: value[kept] for name, value in self._tensors().items() if name != "indptr"
        }
        return replace(self, indptr=indptr, _cache={}, **picked)

    def without_pairs(self, src: Tensor, dst: Tensor) -> Self:
        """Returns the relation without every parallel copy of the given ``[n]`` pairs."""
        key = self.row_ids * self.num_src + self.indices.long()
        removed = (dst.long() * self.num_src + src.long()).to(self.device)
        kept = ~np.isin(key.cpu().numpy(), removed.cpu().numpy())
        return self.select(torch.from_numpy(kept).to(self.device))

    def validate(self, name: str = "relation") -> None:
        """Checks the pattern and the values of all edges.

        Raises:
            DataError: Naming ``name``, the value found and the one expected.
        """
        super().validate(name)
        if self.edge_features is not None:
            shape = list(self.edge_features.shape)
            if self.edge_features.dim() != 2 or shape[0] != self.nnz:
                raise DataError(
                    f"{name}: edge_features has shape {shape}, expected [{self.nnz}, d]."
                )
            if not bool(torch.isfinite(self.edge_features).all()):
                raise DataError(f"{name}: edge_features holds NaN or infinite values.")
        if self.edge_time is not None and self.edge_time.shape != self.indices.shape:
            raise DataError(
                f"{name}: edge_time has shape {list(self.edge_time.shape)}, expected [{self.nnz}]."
            )

    def _tensors(self) -> dict[str, Tensor]:
        tensors = super()._tensors()
        if self.edge_features is not None:
            tensors["edge_features"] = self.edge_features
        if self.edge_time is not None:
            tensors["edge_time"] = self.edge_time
        return tensors
