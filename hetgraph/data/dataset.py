"""A graph together with what a benchmark asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError

__all__ = ["Dataset", "LinkSplit", "NodeLabels", "Split"]


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
        metapaths: Customary meta-paths by name, in text form.
        task: Family of the task it is for, such as ``"recommendation"``; empty: node
            classification if there are labels.
        info: Licence, citation, published statistics.
    """

    name: str
    graph: HeteroGraph
    labels: NodeLabels | None = None
    splits: Mapping[str, Split] = field(default_factory=dict)
    links: Mapping[str, LinkSplit] = field(default_factory=dict)
    metapaths: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
