"""Labels and splits of PyTorch Geometric: ``y`` and masks of a node store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.errors import DataError

__all__ = ["read_labels", "read_splits", "write_targets"]


def read_labels(node_type: str, y: Tensor, count: int) -> Labels:
    """Returns ``y`` (``[n]`` classes or a 0/1 matrix ``[n, num_classes]``) as labels.

    Raises:
        DataError: If the shape or a value is invalid.
    """
    if y.shape[0] != count:
        raise DataError(f"y of {node_type!r} has {y.shape[0]} rows, expected {count}.")
    if y.dim() == 2 and y.shape[1] == 1:
        y = y[:, 0]
    rows = y.double() if y.dim() == 2 else y.double()[:, None]
    known = ((rows >= 0) & ~rows.isnan()).all(dim=1).nonzero().flatten()
    values = rows[known]
    if y.dim() == 2:
        if not bool(((values == 0) | (values == 1)).all()):
            raise DataError(f"y of {node_type!r} is a matrix; expected 0 or 1 for each class.")
        return Labels(node_type, y.shape[1], known, values.bool(), multi_label=True)
    if not known.numel():
        raise DataError(f"y of {node_type!r} has no label; every value is negative or NaN.")
    if not bool((values == values.round()).all()):
        raise DataError(
            f"y of {node_type!r} holds numbers that are not whole; expected classes 0, 1, ..."
        )
    return Labels(node_type, int(values.max()) + 1, known, values[:, 0].long())


def read_splits(store: Mapping[str, Any]) -> dict[str, Split]:
    """Returns the masks of a node store as splits; empty without train and test masks."""
    if "train_mask" not in store or "test_mask" not in store:
        return {}
    keys = ("train_mask", "val_mask", "test_mask")
    masks = [torch.as_tensor(store[key]).bool() if key in store else None for key in keys]
    num_splits = max(mask.shape[1] if mask is not None and mask.dim() == 2 else 1 for mask in masks)
    splits = {}
    for column in range(num_splits):
        train, valid, test = (_mask_ids(mask, column) for mask in masks)
        if train is not None and test is not None:
            splits["default" if num_splits == 1 else str(column)] = Split(train, valid, test)
    return splits


def _mask_ids(mask: Tensor | None, column: int) -> Tensor | None:
    if mask is None:
        return None
    return (mask[:, column] if mask.dim() == 2 else mask).nonzero().flatten()


def write_targets(store: Any, dataset: Dataset) -> None:
    """Sets ``y`` and the masks of the first split on a node store."""
    labels = dataset.labels
    if labels is None:
        return
    count = dataset.graph.num_nodes[labels.node_type]
    if labels.multi_label:
        store.y = torch.full((count, labels.num_classes), float("nan"))
        store.y[labels.index] = labels.target.float()
    else:
        store.y = torch.full((count,), -1)
        store.y[labels.index] = labels.target
    for split in list(dataset.splits.values())[:1]:
        masks = {"train_mask": split.train, "val_mask": split.valid, "test_mask": split.test}
        for key, ids in masks.items():
            if ids is not None:
                store[key] = torch.zeros(count, dtype=torch.bool)
                store[key][ids] = True
