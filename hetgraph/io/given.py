"""A data set from what a user has in Python: a graph, a target and a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Links, Split, Target, Values
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.io.drawn_splits import SPLIT_KEYS, DrawnSplit, as_drawn
from hetgraph.io.given_target import index_ids, read_target
from hetgraph.io.held_out import hold_out, without_held_out
from hetgraph.io.lookup import is_mask, node_numbers
from hetgraph.io.pyg import from_pyg_dataset

__all__ = ["Given", "SplitRequest", "TargetRequest", "as_dataset"]

Given: TypeAlias = Any
"""A :class:`HeteroGraph`, a ``HeteroData`` of PyG or a :class:`Dataset`."""

TargetRequest: TypeAlias = Target | tuple[Any, ...] | str | None
"""A target, ``(node_type, labels)``, an edge type whose links are to be predicted, or a name."""

SplitRequest: TypeAlias = Split | Mapping[str, Any] | str | None
"""A split, ids or masks by its three names, or how one is drawn."""

_SPLITS = ("train", "valid", "test")
_WAYS = ("random", "stratified", "time")
_LINKS = {"valid": 0.1, "test": 0.1}


def as_dataset(
    data: Given, target: TargetRequest = None, split: SplitRequest = None, *, family: str = ""
) -> Dataset:
    """Returns a data set of a graph, a target and a split.

    Args:
        data: A graph, a ``HeteroData``, whose ``y`` and masks are read, or a data set.
        target: ``("paper", labels)`` with one entry per node, as a list, an array, a tensor or a
            column of pandas or polars; or labels by the user's ids, as a dict or a column of
            pandas with ids as its index. Whole numbers or words are classes (negative or missing:
            not labelled), numbers of a floating type are values (missing: not known); ``family``
            decides otherwise. A matrix or data frame of 0 and 1 has several classes per node.
            An edge type such as ``("user", "buys", "item")`` asks for its links. Else a
            :class:`Target`, or the name of one of a data set's targets; ``None``: what ``data``
            has.
        split: ``{"train": ..., "valid": ..., "test": ...}`` with ids or masks (``valid`` may be
            missing; a tensor holds row numbers), a :class:`Split` of node numbers, ``"random"``,
            ``"stratified"`` or ``"time"``, or these with fractions, ``{"split": "time", "valid":
            0.1, "test": 0.1}``. ``None``: 60, 20 and 20 % at random, of links 80, 10 and 10 %.
        family: Family of tasks that is asked for; ``"recommendation"`` of links, for example.

    Raises:
        ConfigError: If the target or the split is of no known form.
        DataError: If it names what the graph does not have.

    Example:
        >>> graph = HeteroGraph(
        ...     num_nodes={"paper": 6}, relations={}, ids={"paper": list("abcdef")}
        ... )
        >>> labels = {"a": "new", "b": "old", "c": "new", "d": "old", "e": "new"}
        >>> dataset = as_dataset(graph, ("paper", labels))
        >>> dataset.labels.class_names, dataset.labels.index.tolist()
        (('new', 'old'), [0, 1, 2, 3, 4])
    """
    dataset = _of_data(data)
    if isinstance(target, str):
        dataset = _choose(dataset, target)
    elif _is_edge_type(target):
        dataset = _with_links(dataset, EdgeType(*target), split)  # type: ignore[misc]
        return replace(dataset, task=family or dataset.task)
    elif target is not None:
        known = target if isinstance(target, Target) else read_target(dataset.graph, target, family)
        usual = "node-regression" if isinstance(known, Values) else ""
        dataset = replace(dataset, targets=known, splits={}, task=family or usual)
    if split is not None:
        dataset = _with_split(dataset, split)
    elif target is not None and dataset.targets and not dataset.splits:
        drawn = next(iter(dataset.targets.values())).default_splits()
        dataset = replace(dataset, splits=drawn)
    return replace(dataset, task=family) if family else dataset


def _of_data(data: Given) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if isinstance(data, HeteroGraph):
        return Dataset(data.name or "graph", data)
    if type(data).__module__.partition(".")[0] == "torch_geometric":
        return from_pyg_dataset(data, name="graph")
    raise ConfigError(
        f"the data are a {type(data).__name__}; expected a HeteroGraph (see hetgraph.from_tables), "
        "a HeteroData, a Dataset, or the name of a data set."
    )


def _choose(dataset: Dataset, name: str) -> Dataset:
    """Returns the data set with one of its targets as the first."""
    if name not in dataset.targets:
        raise ConfigError(
            f"{dataset.name} has no target {name!r}.{suggest(name, [*dataset.targets])}"
        )
    first = next(iter(dataset.targets))
    others = {key: value for key, value in dataset.targets.items() if key != name}
    if name == first:
        return dataset
    return replace(dataset, targets={name: dataset.targets[name], **others}, splits={}, task="")


def _is_edge_type(target: Any) -> bool:
    return (
        isinstance(target, tuple)
        and len(target) == 3
        and all(isinstance(word, str) for word in target)
    )


# --------------------------------------------------------------------------------- splits


def _with_split(dataset: Dataset, split: SplitRequest) -> Dataset:
    if not dataset.targets:
        raise ConfigError("a split is given, but no target; give target=, too.")
    target = next(iter(dataset.targets.values()))
    if isinstance(target, Links):
        raise ConfigError(
            "these links are split already; ask for a relation, target=(src, name, dst), to draw "
            "another split."
        )
    if isinstance(split, Split):
        return replace(dataset, splits={"given": split})
    if isinstance(split, Mapping) and not set(split) <= set(SPLIT_KEYS):
        return replace(dataset, splits={"given": _given(dataset.graph, target, split)})
    drawn = _drawn(split, "split")
    ids, time = getattr(target, "index", None), getattr(target, "time", None)
    if drawn.how == "time" and time is None:
        raise ConfigError(
            'split="time" needs the time of each label, which the target has not; split by ids, '
            "or draw the split at random."
        )
    if ids is None:
        ids = torch.arange(target.split_size(dataset.graph.num_nodes) or 0)
    made = drawn.of(ids, time=time, classes=target.strata())
    return replace(dataset, splits={drawn.name: made})


def _given(graph: HeteroGraph, target: Target, split: Mapping[str, Any]) -> Split:
    unknown = [name for name in split if name not in _SPLITS]
    missing = [name for name in ("train", "test") if name not in split]
    if unknown or missing:
        raise ConfigError(
            f"the split names {', '.join(map(str, split))}; expected train, test and, if you like, "
            "valid."
        )
    size = target.split_size(graph.num_nodes) or 0
    node_type = getattr(target, "node_type", "")
    wrong, made = [], {}
    for name, ids in split.items():
        try:
            made[name] = _ids(graph, node_type, size, ids)
        except DataError as error:
            wrong.append(f"{name}: {error}")
        else:
            if not made[name].numel():
                wrong.append(f"{name}: is empty.")
    if wrong:
        raise DataError(f"the split is wrong; {' '.join(wrong)}")
    return Split(made["train"], made.get("valid"), made["test"])


def _ids(graph: HeteroGraph, node_type: str, size: int, ids: Any) -> Tensor:
    """Returns numbers of nodes, or positions of edges, from a mask, a tensor of these, or ids."""
    if isinstance(ids, Tensor) and ids.dtype != torch.bool:
        return ids.long()
    array = np.asarray(ids)
    if is_mask(array):
        if (named := index_ids(ids, "masks of the split")) is not None and node_type:
            chosen = [name for name, marked in zip(named, array, strict=True) if marked]
            return node_numbers(graph, node_type, chosen)
        if array.shape != (size,):
            raise DataError(f"a mask is of shape {list(array.shape)}, expected [{size}].")
        return torch.from_numpy(np.flatnonzero(array.astype(bool)))
    if array.ndim != 1:
        raise DataError(f"{ids!r:.60}, expected a list of ids or a mask.")
    return node_numbers(graph, node_type, list(ids)) if node_type else _positions(array)


def _positions(array: np.ndarray[Any, Any]) -> Tensor:
    if array.dtype.kind not in "iu":
        raise DataError("edges have no ids; expected their positions, whole numbers, or a mask.")
    return torch.from_numpy(array.astype(np.int64))


def _drawn(split: SplitRequest, where: str, **fractions: float) -> DrawnSplit:
    """Reads how a split is drawn."""
    declared: dict[str, Any] = {}
    if isinstance(split, str) and split in _WAYS:
        declared = {"split": split}
    elif isinstance(split, Mapping) and split and set(split) <= set(SPLIT_KEYS):
        # Names of splits with fractions: at random, where nothing else is said.
        declared = {"split": "random", **split}
    drawn = as_drawn(declared, where, **fractions) if declared else None
    if drawn is None:
        given = "" if fractions else "ids by train, valid and test, a Split, "
        raise ConfigError(
            f"the {where} is {split!r:.80}; expected {given}one of {', '.join(_WAYS)}, or this "
            f'with fractions, {{"split": "random", "valid": 0.1, "test": 0.1}}.'
        )
    return drawn


# ---------------------------------------------------------------------------------- links


def _with_links(dataset: Dataset, key: EdgeType, split: SplitRequest) -> Dataset:
    """Takes links of a relation out of the graph; they are what is asked about."""
    graph = dataset.graph
    key = graph.schema.edge_type(key)
    drawn = _drawn("random" if split is None else split, f"split of ({key})", **_LINKS)
    relation = graph.relations[key]
    if drawn.how == "time" and relation.edge_time is None:
        raise ConfigError(
            f'split="time" needs the time of each edge, but ({key}) has no edge_time; add it, or '
            "draw the split at random."
        )
    edges = torch.stack(relation.edges())
    held = hold_out(str(key), Links, key, edges, relation.edge_time, drawn)
    relations, note = without_held_out(dict(graph.relations), held, graph.schema.reverses)
    notes = [*dataset.info.get("notes", ()), *held.notes, note]
    return replace(
        dataset,
        graph=graph.replace(relations=relations),
        targets={"links": held.target},
        splits={},
        task="",
        # Where a relation is the only one, no destination is two steps away.
        info={**dataset.info, "notes": notes, "task_defaults": {"negatives": "uniform"}},
    )
