"""One typed relation: who sends to whom, stored by destination."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError

__all__ = ["Relation"]


@dataclass(frozen=True, eq=False, repr=False)
class Relation(CSR):
    """The edges of one edge type: rows are destination nodes, columns are source nodes.

    ``relation @ X`` in the sense of :func:`hetgraph.ops.spmm` therefore sums the features of the
    sources into each destination. Parallel edges are allowed.

    Args:
        indptr: ``[num_dst + 1]`` offsets.
        indices: ``[num_edges]`` source of each edge.
        num_cols: Number of source nodes.
        weight: ``[num_edges]`` float weights, ``None`` for ones.
        edge_features: ``[num_edges, dim]`` float features.
        edge_time: ``[num_edges]`` times, integer or float.
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
            DataError: If ids leave their range, or lengths or dtypes do not fit.
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
                    "one for each edge."
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
        """Number of edges, parallel ones counted."""
        return self.nnz

    def edges(self) -> tuple[Tensor, Tensor]:
        """Returns int64 ``(src, dst)``, each ``[num_edges]``, in stored order."""
        dst, src = self.coo()
        return src, dst

    def select(self, mask: Tensor) -> Self:
        """Returns the relation with only the edges where ``mask`` (``[num_edges]`` bool) holds."""
        kept = mask.nonzero().squeeze(1)
        counts = torch.bincount(self.row_ids[kept], minlength=self.num_rows)
        indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)]).to(self.indptr.dtype)
        picked: dict[str, Any] = {
            name: value[kept] for name, value in self._tensors().items() if name != "indptr"
        }
        return replace(self, indptr=indptr, _cache={}, **picked)

    def validate(self, name: str = "relation") -> None:
        """Checks the pattern and the values of every edge.

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
