"""What was counted in a loaded data set, and whether it is what was published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hetgraph.catalog.dataset import Dataset, NodeLabels
from hetgraph.data.csr import CSR
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.errors import DataError

__all__ = ["check_statistics", "count_statistics"]


def count_statistics(dataset: Dataset) -> dict[str, Any]:
    """Counts a data set in the form of a manifest's ``statistics``.

    Returns:
        ``nodes``, ``features`` (widths) and ``feature_nonzeros`` by node type, ``edges`` by
        ``"source -name> destination"``, ``num_nodes``, ``num_edges``; with labels ``classes``,
        ``labelled``, ``class_counts``; ``splits`` and ``links`` by name, each with its sizes and
        the class counts of its parts; with values ``target``, ``labelled`` and ``value_range``;
        ``hypergraphs`` by name, each with its sizes; and what the loader put into
        ``info["counts"]``.
    """
    graph = dataset.graph
    found: dict[str, Any] = {
        "nodes": dict(graph.num_nodes),
        "num_nodes": sum(graph.num_nodes.values()),
        "edges": {str(key): relation.num_edges for key, relation in graph.relations.items()},
        "num_edges": graph.num_edges,
        "features": {key: _width(value) for key, value in graph.features.items()},
        "feature_nonzeros": {key: _nonzeros(value) for key, value in graph.features.items()},
        "counts": dict(dataset.info.get("counts", {})),
    }
    labels = dataset.labels
    if labels is not None:
        found["target"] = labels.node_type
        found["classes"] = labels.num_classes
        found["labelled"] = labels.index.numel()
        found["class_counts"] = _class_counts(labels, labels.index)
        found["splits"] = {
            name: {
                part: {"nodes": ids.numel(), "classes": _class_counts(labels, ids)}
                for part in ("train", "valid", "test")
                if (ids := getattr(split, part)) is not None
            }
            for name, split in dataset.splits.items()
        }
    values = dataset.values
    if values is not None:
        found["target"] = values.node_type
        found["labelled"] = values.index.numel()
        found["value_range"] = [float(values.target.min()), float(values.target.max())]
    found["hypergraphs"] = {name: _sizes(one) for name, one in dataset.hypergraphs.items()}
    found["links"] = {
        name: {part: pairs.shape[1] for part, pairs in split.parts().items()}
        for name, split in dataset.links.items()
    }
    return found


def _sizes(hypergraph: Hypergraph) -> dict[str, int]:
    sizes = hypergraph.sizes
    return {
        "edges": hypergraph.num_edges,
        "types": hypergraph.num_types,
        "memberships": hypergraph.nnz,
        "singletons": int((sizes == 1).sum()),
        "largest": int(sizes.max()),
    }


def check_statistics(dataset: Dataset, published: Mapping[str, Any]) -> None:
    """Compares every published value with the one found in the data.

    Raises:
        DataError: Naming the first value that differs, the expected one and the found one.
    """
    _compare(dataset.name, published, count_statistics(dataset), ())


def _compare(name: str, expected: Any, found: Any, path: tuple[str, ...]) -> None:
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        # Counts by type are complete: a type that nobody published is a difference too.
        if path and path[-1] in ("nodes", "edges", "features"):
            for key in found:
                if key not in expected:
                    _differ(name, (*path, str(key)), "nothing", found[key])
        for key, value in expected.items():
            if key not in found:
                _differ(name, (*path, str(key)), value, "nothing")
            _compare(name, value, found[key], (*path, str(key)))
    elif expected != found:
        _differ(name, path, expected, found)


def _differ(name: str, path: tuple[str, ...], expected: Any, found: Any) -> None:
    raise DataError(
        f"{name}: {': '.join(path)}: expected {_show(expected)}, found {_show(found)}; "
        "the files are not the published ones, or the loader reads them wrongly."
    )


def _show(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _width(features: Tensor | CSR) -> int:
    if isinstance(features, CSR):
        return features.num_cols
    return features.shape[1] if features.dim() == 2 else 1


def _nonzeros(features: Tensor | CSR) -> int:
    return features.nnz if isinstance(features, CSR) else int(features.count_nonzero())


def _class_counts(labels: NodeLabels, index: Tensor) -> list[int]:
    rows = torch.isin(labels.index, index)
    target = labels.target[rows]
    if labels.multi_label:
        counts: list[int] = target.sum(0).tolist()
    else:
        counts = torch.bincount(target, minlength=labels.num_classes).tolist()
    return counts
