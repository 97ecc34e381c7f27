"""Checks of the leakage audit, which the families of tasks put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import LeakageError
from hetgraph.metrics import average_ranks

__all__ = [
    "AuditReport",
    "check_disjoint",
    "check_edge_columns",
    "check_label_columns",
    "check_value_columns",
]

_TELLING = 0.95  # a rank correlation that no honest feature has
_COLUMNS = 128  # of features that are ranked at once
_CHANCE = (12, 100)  # few shots: fewer nodes where words equal all classes by chance, or one


@dataclass(frozen=True)
class AuditReport:
    """What was checked, in sentences.

    Args:
        checks: What holds.
        notes: What the user should know of the protocol, though it is no mistake.
    """

    checks: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check_disjoint(splits: Mapping[str, Tensor], what: str = "node") -> str:
    """Fails when two splits share an id.

    Args:
        splits: Ids of each split.
        what: What the ids stand for.

    Raises:
        LeakageError: Naming the splits and an id.
    """
    for first, second in combinations(splits, 2):
        shared = splits[first][torch.isin(splits[first], splits[second])]
        if shared.numel():
            raise LeakageError(
                f"{shared.numel()} {what}s are in both {first} and {second}, for example "
                f"{int(shared[0])}; make the split disjoint."
            )
    return f"train, valid and test share no {what}"


def check_label_columns(
    graph: HeteroGraph, target: str, ids: Tensor, labels: Tensor, *, few: bool = False
) -> str:
    """Fails when a feature column tells the classes of nodes exactly: a label slipped in.

    Args:
        graph: The graph that methods see.
        target: Node type of the labels.
        ids: ``[n]`` training and validation nodes.
        labels: ``[n]`` classes or ``[n, num_classes]`` 0/1.
        few: Whether there are few labels. With fewer than 100 a column equals one class by
            chance, so every class must have such a column; with fewer than 12 none is looked for.

    Raises:
        LeakageError: Naming the column.
    """
    if few and ids.numel() < _CHANCE[0]:
        return "too few labels to look for one among the features"
    every = few and ids.numel() < _CHANCE[1]
    column = _telling_column(graph, target, ids, labels, every=every)
    if column is not None:
        raise LeakageError(
            f"feature column {column} of {target!r} equals the label on every training "
            "and validation node; remove it from the features."
        )
    return f"no feature column of {target!r} equals the label"


def check_value_columns(graph: HeteroGraph, target: str, ids: Tensor, values: Tensor) -> str:
    """Fails when a feature column ranks nodes as their values do: a value slipped in.

    Args:
        graph: The graph that methods see.
        target: Node type of the values.
        ids: ``[n]`` training and validation nodes.
        values: ``[n]`` values.

    Raises:
        LeakageError: Naming the column.
    """
    wanted = _unit_ranks(values.unsqueeze(1)).squeeze(1)
    start = 0
    for block in _column_blocks(graph.features.get(target), ids):
        telling = ((wanted @ _unit_ranks(block)).abs() > _TELLING).nonzero()
        if telling.numel():
            raise LeakageError(
                f"feature column {start + int(telling[0])} of {target!r} ranks the "
                "training and validation nodes as their values do; remove it from the features."
            )
        start += block.shape[1]
    return f"no feature column of {target!r} ranks as the value"


def check_edge_columns(graph: HeteroGraph, key: EdgeType, edges: Tensor, labels: Tensor) -> str:
    """Fails when weights, features or times of edges tell the labels of edges: a label slipped in.

    It looks in every relation between the two types, in both orientations, at the pairs that are
    one edge and have one label. With fewer than 12 of them none is looked for.

    Args:
        graph: The graph that methods see.
        key: The relation of the labels.
        edges: ``[2, n]`` training and validation edges.
        labels: ``[n]`` classes or values of them.

    Raises:
        LeakageError: Naming the relation and what tells.
    """
    num_dst = graph.num_nodes[key.dst]
    codes, times_labelled = _once(edges[0] * num_dst + edges[1])
    for other, relation in graph.relations.items():
        values = _edge_values(relation)
        for flipped in (False, True):
            ends = (other.dst, other.src) if flipped else (other.src, other.dst)
            if ends != (key.src, key.dst) or not values:
                continue
            first, second = relation.edges()[::-1] if flipped else relation.edges()
            seen, places = _once((first * num_dst + second).cpu())
            shared = codes[torch.isin(codes, seen)]
            if shared.numel() < _CHANCE[0]:
                continue
            at = places[torch.searchsorted(seen, shared)]
            own = labels[times_labelled[torch.searchsorted(codes, shared)]]
            for name, columns in values.items():
                if _tells(columns[at].reshape(at.numel(), -1).cpu(), own):
                    raise LeakageError(
                        f"the {name} of ({other}) tell the labels of the training and validation "
                        f"edges of ({key}); leave them out of the graph, or set task.hide=true."
                    )
    return "no weight, feature or time of an edge equals the label"


def _once(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the codes that occur once, sorted, and their places."""
    ordered, order = codes.sort()
    distinct, counts = torch.unique_consecutive(ordered, return_counts=True)
    first = counts.cumsum(0) - counts
    single = counts == 1
    return distinct[single], order[first[single]]


def _edge_values(relation: Relation) -> dict[str, Tensor]:
    given = {
        "weights": relation.weight,
        "features": relation.edge_features,
        "times": relation.edge_time,
    }
    return {name: value for name, value in given.items() if value is not None}


def _tells(columns: Tensor, labels: Tensor) -> bool:
    """Whether one of ``[n, d]`` columns equals the class or a class, or ranks as the value."""
    if labels.is_floating_point():
        wanted = _unit_ranks(labels.unsqueeze(1)).squeeze(1)
        return bool(((wanted @ _unit_ranks(columns.float())).abs() > _TELLING).any())
    ids = torch.arange(labels.numel())
    return any(
        _equal_column(columns, ids, wanted.double()) is not None
        for wanted in _label_columns(labels)
    )


def _unit_ranks(columns: Tensor) -> Tensor:
    """Returns the ranks of each column, with mean 0 and length 1; zeros for a constant column."""
    ranks = average_ranks(columns)
    return F.normalize(ranks - ranks.mean(0), dim=0)


def _column_blocks(features: Tensor | CSR | None, ids: Tensor) -> Iterator[Tensor]:
    """Yields ``[len(ids), some]`` feature columns one after the other."""
    if features is None:
        return
    if isinstance(features, CSR):
        across = features.rows(ids).transpose
        for columns in torch.split(torch.arange(across.num_rows), _COLUMNS):
            yield across.rows(columns).to_dense().T
    else:
        columns = features[ids].reshape(ids.numel(), -1).float().cpu()
        yield from torch.split(columns, _COLUMNS, dim=1)


def _telling_column(
    graph: HeteroGraph, target: str, ids: Tensor, labels: Tensor, *, every: bool = False
) -> int | None:
    """Returns a feature column that equals the label or a class on ``ids``, if there is one.

    With ``every`` it counts only if it equals the label, or if each class has such a column.
    """
    features = graph.features.get(target)
    if features is None or ids.numel() < 2:
        return None
    if isinstance(features, Tensor) and features.dim() == 1:
        same = labels.dim() == 1 and torch.equal(features[ids].long().cpu(), labels)
        return 0 if same else None
    equal = [_equal_column(features, ids, wanted.double()) for wanted in _label_columns(labels)]
    told = [column for column in equal if column is not None]
    if every and equal[0] is None and len(told) < len(equal) - 1:
        return None
    return told[0] if told else None


def _equal_column(features: Tensor | CSR, ids: Tensor, wanted: Tensor) -> int | None:
    """The first column that equals ``wanted``: where x·x - 2 x·y + y·y is zero on these nodes."""
    squares, products = _column_products(features, ids, wanted)
    gap = squares - 2 * products + wanted.square().sum()
    near = (gap.abs() <= 1e-9).nonzero()
    return int(near[0]) if near.numel() and bool(wanted.min() != wanted.max()) else None


def _label_columns(labels: Tensor) -> list[Tensor]:
    if labels.dim() == 2:
        return list(labels.t())
    classes = torch.unique(labels)
    one_hot = [labels == c for c in classes] if classes.numel() > 1 else []
    return [labels, *one_hot]


def _column_products(features: Tensor | CSR, ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the column sums of x² and of x·wanted over the rows ``ids``, in float64."""
    if isinstance(features, CSR):
        part = features.rows(ids)
        value = part.weight.double() if part.weight is not None else torch.ones(part.nnz).double()
        zeros = torch.zeros(part.num_cols, dtype=torch.float64)
        cols = part.indices.long()
        products = zeros.index_add(0, cols, value * wanted[part.row_ids])
        return zeros.index_add(0, cols, value.square()), products
    dense = features[ids].double()
    return dense.square().sum(0), wanted @ dense
