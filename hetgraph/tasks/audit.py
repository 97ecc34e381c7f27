"""The leakage audit: what is held out must not be in the input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.catalog.dataset import LinkSplit
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import LeakageError
from hetgraph.metrics import average_ranks
from hetgraph.tasks.base import Task
from hetgraph.tasks.few_shot import FewShot
from hetgraph.tasks.link_prediction import LinkPrediction
from hetgraph.tasks.node_classification import NodeClassification
from hetgraph.tasks.node_importance import NodeImportance
from hetgraph.tasks.pairs import oriented
from hetgraph.tasks.recommendation import Recommendation

__all__ = ["AuditReport", "audit", "audit_links"]

_TELLING = 0.95  # a rank correlation that no honest feature has
_COLUMNS = 128  # of features that are ranked at once
_CHANCE = (12, 100)  # few shots: fewer nodes where words equal all classes by chance, or one


@dataclass(frozen=True)
class AuditReport:
    """What was checked, in sentences."""

    checks: tuple[str, ...]


def audit(task: Task) -> AuditReport:
    """Fails when held-out information reaches what a model may read.

    Of a recommendation no held-out pair may be an edge of any relation between the two types; of a
    link prediction none may be an edge of the relation to predict (of any between the types where
    the protocol says so), in either direction, or in two parts. Of other tasks it checks that the
    parts share no node and no label of a test node is readable (but where few shots were asked to
    overlap), and that no feature column of
    the target type tells the classes of training and validation nodes exactly, or ranks them as
    their values do (a label that slipped into the features). With few shots and fewer than 100 of
    these nodes a column equals one class by chance, so every class must have such a column; with
    fewer than 12 nothing is looked for.

    Args:
        task: The task to check.

    Raises:
        LeakageError: Naming what leaks and how to mend it.
    """
    if isinstance(task, Recommendation):
        return _audit_pairs(task, task.held_out(), every=True)
    if isinstance(task, LinkPrediction):
        return _audit_link_prediction(task)
    parts = {part: task.index(part) for part in ("train", "valid", "test")}
    seen = torch.cat([parts["train"], parts["valid"]])
    shared = isinstance(task, FewShot) and task.few.split == "overlapping"
    if not shared:
        _audit_parts(parts)
    if isinstance(task, NodeImportance):
        return _audit_values(task, seen)
    readable = (task.labels[parts["test"]] >= 0).sum()
    if int(readable) and not shared:
        raise LeakageError(f"{int(readable)} labels of test nodes are readable; mask them with -1.")
    held_out: tuple[str, ...] = ()
    if not shared:
        held_out = ("train, valid and test share no node", "no label of a test node is readable")
    few = isinstance(task, FewShot) or (
        isinstance(task, NodeClassification) and task.options.shots is not None
    )
    if few and seen.numel() < _CHANCE[0]:
        return AuditReport((*held_out, "too few labels to look for one among the features"))
    every = few and seen.numel() < _CHANCE[1]
    column = _telling_column(task.graph, task.spec.target, seen, task.labels[seen], every=every)
    if column is not None:
        raise LeakageError(
            f"feature column {column} of {task.spec.target!r} equals the label on every training "
            "and validation node; remove it from the features."
        )
    no_copy = f"no feature column of {task.spec.target!r} equals the label"
    return AuditReport((*held_out, no_copy))


def _audit_parts(parts: Mapping[str, Tensor]) -> None:
    names = list(parts)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            shared = parts[one][torch.isin(parts[one], parts[other])]
            if shared.numel():
                raise LeakageError(
                    f"{shared.numel()} nodes are in both {one} and {other}, for example "
                    f"{int(shared[0])}; make the split disjoint."
                )


def _audit_values(task: NodeImportance, seen: Tensor) -> AuditReport:
    readable = int(torch.isfinite(task.labels[task.index("test")]).sum())
    if readable:
        raise LeakageError(f"{readable} labels of test nodes are readable; mask them with NaN.")
    wanted = _unit_ranks(task.labels[seen].unsqueeze(1)).squeeze(1)
    start = 0
    for block in _column_blocks(task.graph.features.get(task.spec.target), seen):
        found = ((wanted @ _unit_ranks(block)).abs() > _TELLING).nonzero()
        if found.numel():
            raise LeakageError(
                f"feature column {start + int(found[0])} of {task.spec.target!r} ranks the "
                "training and validation nodes as their values do; remove it from the features."
            )
        start += block.shape[1]
    return AuditReport(
        (
            "train, valid and test share no node",
            "no label of a test node is readable",
            f"no feature column of {task.spec.target!r} ranks as the value",
        )
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


def audit_links(graph: HeteroGraph, split: LinkSplit) -> AuditReport:
    """Fails when a held-out link is in the graph, also through the declared reverse.

    Args:
        graph: The graph that models see.
        split: The held-out links.

    Raises:
        LeakageError: Naming the relation and the number of visible links.
    """
    held = [part for part in (split.valid, split.test) if part is not None]
    return _audit_relation(graph, split.edge_type, torch.cat(held, dim=1))


def _audit_link_prediction(task: LinkPrediction) -> AuditReport:
    held, key = task.held_out(), task.spec.edge_type
    assert key is not None  # what a link prediction is about
    pairs = torch.cat(list(held.values()), dim=1)
    checks = _audit_pairs(task, pairs, every=task.options.hide_parallel).checks
    if "test" in held:
        valid, test = held["valid"], held["test"]
        if task.graph.schema.reverse_of(key) == key:
            valid = torch.cat([valid, valid.flip(0)], dim=1)
        if shared := _shared(valid, test, task.graph.num_nodes[key.dst]):
            raise LeakageError(
                f"{shared} test links are validation links, too; make the split disjoint."
            )
        checks = (*checks, "valid and test share no link")
    return AuditReport(checks)


def _audit_pairs(task: Task, pairs: Tensor, *, every: bool) -> AuditReport:
    """Looks for pairs in the relation to predict, or in every one between the two types."""
    key = task.spec.edge_type
    assert key is not None  # what the task is about
    checks = list(_audit_relation(task.graph, key, pairs).checks)
    for other in task.graph.edge_types if every else ():
        if other != key:
            for given in oriented(key, other, pairs):
                checks += _audit_relation(task.graph, other, given).checks
    return AuditReport(tuple(dict.fromkeys(checks)))


def _shared(pairs: Tensor, others: Tensor, num_dst: int) -> int:
    """Returns how many of other pairs are among pairs."""
    codes = [src * num_dst + dst for src, dst in (pairs, others)]
    return int(torch.isin(codes[1], codes[0]).sum())


def _audit_relation(graph: HeteroGraph, key: EdgeType, pairs: Tensor) -> AuditReport:
    """Looks for ``[2, n]`` pairs in a relation and in its declared reverse."""
    reverse = graph.schema.reverse_of(key)
    targets: list[tuple[EdgeType, Tensor, Tensor]] = [(key, pairs[0], pairs[1])]
    if reverse is not None:
        targets.append((reverse, pairs[1], pairs[0]))
    for edge_type, src, dst in targets:
        relation = graph.relations[edge_type]
        code = relation.row_ids * relation.num_src + relation.indices.long()
        visible = int(torch.isin(dst * relation.num_src + src, code).sum())
        if visible:
            raise LeakageError(
                f"{visible} held-out links are edges of ({edge_type}); "
                "remove them with graph.without_edges(...)."
            )
    return AuditReport(tuple(f"no held-out link is in ({one[0]})" for one in targets))


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
    found = [_equal_column(features, ids, one.double()) for one in _label_columns(labels)]
    told = [one for one in found if one is not None]
    if every and found[0] is None and len(told) < len(found) - 1:
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
