"""Targets and splits of PyTorch Geometric: ``y`` and masks of a node store."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split, Values
from hetgraph.errors import DataError

__all__ = ["read_splits", "read_target", "write_targets"]

_LOG = logging.getLogger("hetgraph.io")


def read_target(node_type: str, y: Tensor, count: int) -> Labels | Values:
    """Returns ``y`` as labels or, if it is ``[n]`` or ``[n, 1]`` of a float dtype, as values.

    Args:
        node_type: The target type.
        y: ``[n]`` classes or values, or a 0/1 matrix ``[n, num_classes]``.
        count: Number of nodes.

    Raises:
        DataError: If the shape or a value is invalid.
    """
    if y.dim() not in (1, 2) or y.shape[0] != count:
        found = f"{y.shape[0]} rows" if y.dim() in (1, 2) else f"shape {list(y.shape)}"
        raise DataError(f"y of {node_type!r} has {found}, expected {count}: one per node.")
    if y.dim() == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dim() == 2:
        return _label_sets(node_type, y)
    known = ((y >= 0) if not y.is_floating_point() else ~y.isnan()).nonzero().flatten()
    if not known.numel():
        raise DataError(f"y of {node_type!r} has no label; every value is negative or NaN.")
    if y.is_floating_point():
        return Values(node_type, known, y[known].double(), "y")
    values = y[known].long()
    return Labels(node_type, int(values.max()) + 1, known, values)


def _label_sets(node_type: str, y: Tensor) -> Labels:
    rows = y.double()
    known = ((rows >= 0) & ~rows.isnan()).all(dim=1).nonzero().flatten()
    values = rows[known]
    if not bool(((values == 0) | (values == 1)).all()):
        raise DataError(f"y of {node_type!r} is a matrix; expected 0 or 1 for each class.")
    return Labels(node_type, y.shape[1], known, values.bool(), multi_label=True)


def read_splits(store: Mapping[str, Any]) -> dict[str, Split]:
    """Returns the masks of a node store as splits; empty without train and test masks."""
    keys = ("train_mask", "val_mask", "test_mask")
    if "train_mask" not in store or "test_mask" not in store:
        if given := [key for key in keys if key in store]:
            _LOG.warning(
                "%s not read: a split needs train_mask and test_mask.", " and ".join(given)
            )
        return {}
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


def write_targets(hetero: Any, dataset: Dataset) -> None:
    """Sets ``y`` and the masks on the store of the target type, and tells what has no place."""
    target = next(iter(dataset.targets.values()), None)
    left = [name for name, other in dataset.targets.items() if other is not target]
    left += [f"hypergraph {name!r}" for name in dataset.hypergraphs]
    if isinstance(target, (Labels, Values)):
        store = hetero[target.node_type]
        count = dataset.graph.num_nodes[target.node_type]
        store.y = _dense_target(target, count)
        _write_masks(store, list(dataset.splits.values()), count)
    elif target is not None:
        left.insert(0, next(iter(dataset.targets)))
    if left:
        _LOG.warning("not written, as a HeteroData has no place for it: %s.", ", ".join(left))


def _dense_target(target: Labels | Values, count: int) -> Tensor:
    if isinstance(target, Values):
        y = torch.full((count,), float("nan"), dtype=torch.float64)
        y[target.index] = target.target
    elif target.multi_label:
        y = torch.full((count, target.num_classes), float("nan"))
        y[target.index] = target.target.float()
    else:
        y = torch.full((count,), -1)
        y[target.index] = target.target
    return y


def _write_masks(store: Any, splits: Sequence[Split], count: int) -> None:
    """Sets masks ``[n]`` of one split, or ``[n, k]`` of several."""
    for key, attribute in (("train_mask", "train"), ("val_mask", "valid"), ("test_mask", "test")):
        columns = [_mask(getattr(split, attribute), count) for split in splits]
        if any(bool(column.any()) for column in columns):
            store[key] = columns[0] if len(columns) == 1 else torch.stack(columns, dim=1)


def _mask(ids: Tensor | None, count: int) -> Tensor:
    mask = torch.zeros(count, dtype=torch.bool)
    if ids is not None:
        mask[ids] = True
    return mask
