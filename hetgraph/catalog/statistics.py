"""Statistics of a loaded data set, checked against the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.csr import CSR
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.errors import DataError

__all__ = ["check_statistics", "count_statistics"]


def count_statistics(dataset: Dataset) -> dict[str, Any]:
    """Returns the statistics of a data set in the form of a manifest's ``statistics``.

    Returns:
        ``nodes``, ``features`` (their dims) and ``feature_nonzeros`` by node type; ``edges`` by
        ``"source -name> destination"``; ``num_nodes`` and ``num_edges``; the statistics of each
        target, at the top level if it is named by its kind and under kind and name otherwise;
        ``splits`` by name, in the units of the first target; ``hypergraphs`` by name, with their
        sizes; and the loader's ``info["counts"]``.
    """
    graph = dataset.graph
    statistics: dict[str, Any] = {
        "nodes": dict(graph.num_nodes),
        "num_nodes": sum(graph.num_nodes.values()),
        "edges": {str(key): relation.num_edges for key, relation in graph.relations.items()},
        "num_edges": graph.num_edges,
        "features": {key: _dim(value) for key, value in graph.features.items()},
        "feature_nonzeros": {key: _nonzeros(value) for key, value in graph.features.items()},
        "counts": dict(dataset.info.get("counts", {})),
    }
    for name, target in dataset.targets.items():
        counts = target.statistics()
        if name == target.kind:
            statistics |= counts
        else:
            statistics.setdefault(target.kind, {})[name] = counts
    for target in list(dataset.targets.values())[:1]:
        statistics["splits"] = {
            name: {
                which: target.split_statistics(ids)
                for which in ("train", "valid", "test")
                if (ids := getattr(split, which)) is not None
            }
            for name, split in dataset.splits.items()
        }
    statistics["hypergraphs"] = {
        name: _sizes(hypergraph) for name, hypergraph in dataset.hypergraphs.items()
    }
    return statistics


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
    """Compares every published value with that of the loaded data set.

    Raises:
        DataError: Naming the first statistic that differs, with the published and the actual value.
    """
    _compare(dataset.name, published, count_statistics(dataset), ())


def _compare(name: str, expected: Any, actual: Any, path: tuple[str, ...]) -> None:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        # Published counts by type are complete: an unpublished type is a difference, too.
        if path and path[-1] in ("nodes", "edges", "features"):
            for key in actual:
                if key not in expected:
                    _differ(name, (*path, str(key)), "nothing", actual[key])
        for key, value in expected.items():
            if key not in actual:
                _differ(name, (*path, str(key)), value, "nothing")
            _compare(name, value, actual[key], (*path, str(key)))
    elif expected != actual:
        _differ(name, path, expected, actual)


def _differ(name: str, path: tuple[str, ...], expected: Any, actual: Any) -> None:
    raise DataError(
        f"{name}: {': '.join(path)}: expected {_show(expected)}, found {_show(actual)}; "
        "the files differ from the published ones, or the loader misreads them."
    )


def _show(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _dim(features: Tensor | CSR) -> int:
    if isinstance(features, CSR):
        return features.num_cols
    return features.shape[1] if features.dim() == 2 else 1


def _nonzeros(features: Tensor | CSR) -> int:
    return features.nnz if isinstance(features, CSR) else int(features.count_nonzero())
