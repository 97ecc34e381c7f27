"""From whatever a node type has - dense, sparse, codes, nothing - to vectors of one dimension."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import Schema
from hetgraph.errors import DataError, SchemaError
from hetgraph.nn.type_dict import TypeDict, type_key
from hetgraph.ops import spmm

__all__ = ["FeatureEncoder", "InputKind", "TypeEncoder", "feature_matrix", "id_types"]

Features = Tensor | CSR

InputKind = Literal["features", "target", "ids"]
"""Which types are encoded from their features: all, the targets alone, or none."""

SPARSE_FRACTION = 0.2
"""Features with a smaller fraction of non-zeros are multiplied as sparse matrices on the CPU.

3,025 x 1,902 times 1,902 x 64, forward and backward on one core of an AMD EPYC (Zen 3), the least
of 25: 80 ms dense; 8, 25, 39, 60, 72, 98 and 120 ms sparse at 2, 5, 10, 15, 20, 25 and 30 %. With
two threads the two meet between 20 and 30 %, too.
"""


def feature_matrix(graph: HeteroGraph, node_type: str) -> Features | None:
    """Returns the features of a type as encoders read them.

    Args:
        graph: The graph.
        node_type: One of its node types.

    Returns:
        ``[num_nodes, dim]`` float32, dense or sparse, whichever is faster to multiply;
        ``[num_nodes]`` int64 codes of a categorical type; ``None`` without features, or with
        features of dim 0.

    Raises:
        SchemaError: If the type is unknown.

    Example:
        >>> graph = HeteroGraph(
        ...     num_nodes={"paper": 2}, relations={}, features={"paper": torch.ones(2, 3)}
        ... )
        >>> feature_matrix(graph, "paper").shape
        torch.Size([2, 3])
    """
    given = graph.features.get(graph.schema.node_type(node_type))
    if given is None or (len(given.shape) == 2 and not given.shape[1]):
        return None
    if isinstance(given, CSR):
        cells = max(given.num_rows * given.num_cols, 1)
        if given.nnz > SPARSE_FRACTION * cells:
            return given.to_dense(torch.float32)
        return given.with_weight(None if given.weight is None else given.weight.float())
    if given.dim() == 1 and not given.is_floating_point():
        return given.long()
    dense = given.float()
    few = int(torch.count_nonzero(dense)) < SPARSE_FRACTION * dense.numel()
    return CSR.from_dense(dense).to(dense.device) if few and dense.device.type == "cpu" else dense


def id_types(kind: InputKind, node_types: Iterable[str], targets: Sequence[str]) -> tuple[str, ...]:
    """Returns the types that get one learned vector per node whatever features they have.

    Args:
        kind: Which types are encoded from their features.
        node_types: All types.
        targets: Types whose nodes are asked about.

    Example:
        >>> id_types("target", ["author", "paper"], ["author"])
        ('paper',)
    """
    if kind == "features":
        return ()
    return tuple(name for name in node_types if kind == "ids" or name not in targets)


class TypeEncoder(nn.Module):
    """One affine map of the features of a type, or one learned vector per node.

    The weight is ``[in_dim, out_dim]``, so that sparse features multiply it without a transpose:
    O(non-zeros * out_dim), where dense features cost O(num_nodes * in_dim * out_dim).

    Args:
        in_dim: Dimension of the features, or number of categories or nodes.
        out_dim: Dimension of the result.
        lookup: Whether a node reads a row of the weight (categories, nodes without features).
        bias: Whether a bias is added.
    """

    def __init__(
        self, in_dim: int, out_dim: int, *, lookup: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.lookup = lookup
        self.weight = nn.Parameter(torch.empty(in_dim, out_dim))
        self.bias = nn.Parameter(torch.empty(out_dim)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws Xavier-uniform weights and zero biases."""
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, features: Features | None) -> Tensor:
        """Returns ``[num_nodes, out_dim]``.

        Args:
            features: What :func:`feature_matrix` returned for the type.
        """
        if features is None:
            return self.weight if self.bias is None else self.weight + self.bias
        if self.lookup and isinstance(features, Tensor):
            known = (features >= 0).unsqueeze(1)
            x = F.embedding(features.clamp(min=0), self.weight) * known
            return x if self.bias is None else x + self.bias
        if isinstance(features, CSR):
            x = spmm(features, self.weight)
            return x if self.bias is None else x + self.bias
        if self.bias is None:
            return features @ self.weight
        return torch.addmm(self.bias, features, self.weight)


class FeatureEncoder(TypeDict[TypeEncoder]):
    """One :class:`TypeEncoder` per node type, to a common dimension.

    Args:
        schema: Kinds and dimensions of the features.
        num_nodes: Number of nodes by type; it sizes the vectors of types without features.
        node_types: The types to encode.
        dim: Dimension of the result.
        bias: Whether affine maps have a bias.
        lookup_bias: Whether learned vectors share one, too; it matters where they are averaged.
        ids: Types whose features are not read: they get one learned vector per node.

    Raises:
        SchemaError: If a type is unknown, or has no features and its number of nodes is not known.

    Example:
        >>> graph = HeteroGraph(
        ...     num_nodes={"paper": 2, "author": 3},
        ...     relations={},
        ...     features={"paper": torch.ones(2, 5)},
        ... )
        >>> encoder = FeatureEncoder(graph.schema, graph.num_nodes, graph.node_types, dim=8)
        >>> x = encoder({name: feature_matrix(graph, name) for name in graph.node_types})
        >>> x["paper"].shape, x["author"].shape  # of authors, who have no features, learned rows
        (torch.Size([2, 8]), torch.Size([3, 8]))
    """

    def __init__(
        self,
        schema: Schema,
        num_nodes: Mapping[str, int],
        node_types: Iterable[str],
        dim: int,
        *,
        bias: bool = True,
        lookup_bias: bool = False,
        ids: Collection[str] = (),
    ) -> None:
        made: dict[str, TypeEncoder] = {}
        learned: set[str] = set()
        for name in node_types:
            feature = schema.node_types[schema.node_type(name)]
            if name in ids or not feature.dim:
                learned.add(name)
            size = num_nodes.get(name) if name in learned else feature.dim
            if size is None:
                raise SchemaError(
                    f"{name!r} has no features and the task does not say how many nodes there are;"
                    " give it features with graph.with_features(...)."
                )
            lookup = name in learned or feature.kind == "categorical"
            biased = lookup_bias if lookup else bias
            made[name] = TypeEncoder(size, dim, lookup=lookup, bias=biased)
        super().__init__(made)
        self._learned = frozenset(learned)

    def node_rows(self) -> dict[str, tuple[str, ...]]:
        """Returns the types with one learned vector per node, by name of the parameter."""
        return {f"{type_key(name)}.weight": (name,) for name in self._learned}

    def forward(self, features: Mapping[str, Features | None]) -> dict[str, Tensor]:
        """Returns ``[num_nodes, dim]`` by type.

        Args:
            features: What :func:`feature_matrix` returns, by type.

        Raises:
            DataError: If the features of a type are missing or do not fit its parameters.
        """
        missing = [k for k in self if k not in self._learned and features.get(str(k)) is None]
        if missing:
            raise DataError(
                f"features of {', '.join(map(repr, missing))} are missing; give feature_matrix("
                "graph, node_type) of every type."
            )
        out: dict[str, Tensor] = {}
        for name in self:
            assert isinstance(name, str)  # node types
            x = None if name in self._learned else features.get(name)
            dim = x.shape[1] if x is not None and len(x.shape) == 2 else None
            if dim is not None and dim != self[name].weight.shape[0]:
                raise DataError(
                    f"features of {name!r} have dimension {dim}, expected "
                    f"{self[name].weight.shape[0]}."
                )
            out[name] = self[name](x)
        return out
