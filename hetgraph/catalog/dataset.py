"""A graph together with what a benchmark asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError

__all__ = ["Dataset", "LinkSplit", "NodeLabels", "NodeValues", "Split"]


@dataclass(frozen=True, eq=False)
class NodeLabels:
    """Classes of the nodes of one type.

    Args:
        node_type: The target type.
        num_classes: Number of classes.
        index: ``[num_labelled]`` int64 ids of the labelled nodes.
        target: ``[num_labelled]`` int64 classes, or ``[num_labelled, num_classes]`` bool.
        multi_label: Whether a node can have several classes.
        class_names: Names of the classes, empty if unknown.

    Raises:
        DataError: If shapes, dtypes or ranges do not fit.
    """

    node_type: str
    num_classes: int
    index: Tensor
    target: Tensor
    multi_label: bool = False
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        size = self.index.numel()
        shape = [size, self.num_classes] if self.multi_label else [size]
        if list(self.target.shape) != shape:
            raise DataError(
                f"labels of {self.node_type!r} have shape {list(self.target.shape)}, "
                f"expected {shape}."
            )
        dtype = torch.bool if self.multi_label else torch.int64
        if self.target.dtype != dtype:
            raise DataError(
                f"labels of {self.node_type!r} are {self.target.dtype}, expected {dtype}."
            )
        if not self.multi_label and size:
            low, high = int(self.target.min()), int(self.target.max())
            if low < 0 or high >= self.num_classes:
                raise DataError(
                    f"labels of {self.node_type!r} run from {low} to {high}, "
                    f"expected 0..{self.num_classes - 1}."
                )
        if torch.unique(self.index).numel() != size:
            raise DataError(f"labels of {self.node_type!r} list a node twice.")


@dataclass(frozen=True, eq=False)
class NodeValues:
    """A number of each node of one type, as far as it is known.

    Args:
        node_type: The target type.
        index: ``[num_known]`` int64 ids of the nodes whose value is known.
        target: ``[num_known]`` float64 values as they were measured, not transformed.
        name: What was measured, such as ``"page views"``.

    Raises:
        DataError: If shapes or dtypes do not fit, a node is listed twice or a value is not finite.
    """

    node_type: str
    index: Tensor
    target: Tensor
    name: str = ""

    def __post_init__(self) -> None:
        where = f"values of {self.node_type!r}"
        if self.target.shape != self.index.shape or self.index.dim() != 1:
            raise DataError(
                f"{where} have shape {list(self.target.shape)} for ids of shape "
                f"{list(self.index.shape)}; expected one value for each id."
            )
        if self.index.dtype != torch.int64 or self.target.dtype != torch.float64:
            raise DataError(
                f"{where} are {self.target.dtype} for ids of {self.index.dtype}, expected float64 "
                "for int64."
            )
        if not bool(torch.isfinite(self.target).all()):
            raise DataError(f"{where} hold NaN or infinite numbers; leave these nodes out.")
        if torch.unique(self.index).numel() != self.index.numel():
            raise DataError(f"{where} list a node twice.")


@dataclass(frozen=True, eq=False)
class Split:
    """Ids of the training, validation and test nodes; ``valid=None``: the task draws it."""

    train: Tensor
    valid: Tensor | None
    test: Tensor


@dataclass(frozen=True, eq=False)
class LinkSplit:
    """Held-out edges of one relation, ``[2, n]`` with sources in the first row.

    Args:
        edge_type: The relation.
        valid: Validation edges; ``None``: the task draws them.
        test: Test edges.
        valid_negatives: Pairs that are no edges, to validate with, if the data set has some.
        test_negatives: The same, to test with.
    """

    edge_type: EdgeType
    valid: Tensor | None
    test: Tensor
    valid_negatives: Tensor | None = None
    test_negatives: Tensor | None = None

    def parts(self) -> dict[str, Tensor]:
        """Returns the pairs that there are, by name."""
        names = ("valid", "test", "valid_negatives", "test_negatives")
        found = {name: getattr(self, name) for name in names}
        return {name: pairs for name, pairs in found.items() if pairs is not None}


@dataclass(frozen=True, eq=False)
class Dataset:
    """A graph, its labels and its fixed splits.

    Args:
        name: ``"collection/name"``.
        graph: The graph that models see.
        labels: Classes of the target nodes, if the set has any.
        splits: Named node splits; the first one is the default.
        links: Named link splits; the first one is the default.
        values: Numbers of the target nodes, if the set has any.
        hypergraphs: Hypergraphs over the nodes of the graph by name; the first one is the
            default.
        metapaths: Customary meta-paths by name, in text form.
        task: Family of the task it is for, such as ``"recommendation"``; empty: node
            classification if there are labels.
        info: Licence, citation, published statistics.

    Raises:
        DataError: If a hypergraph is over other nodes than the graph.
    """

    name: str
    graph: HeteroGraph
    labels: NodeLabels | None = None
    splits: Mapping[str, Split] = field(default_factory=dict)
    links: Mapping[str, LinkSplit] = field(default_factory=dict)
    values: NodeValues | None = None
    hypergraphs: Mapping[str, Hypergraph] = field(default_factory=dict)
    metapaths: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, hypergraph in self.hypergraphs.items():
            found, expected = (
                list(hypergraph.node_types.items()),
                list(self.graph.num_nodes.items()),
            )
            if found != expected:
                raise DataError(
                    f"{self.name}: hypergraph {name!r} is over {dict(found)} nodes, the graph has "
                    f"{dict(expected)}; build it from this graph."
                )
