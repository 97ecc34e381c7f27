"""The matrices along a meta-path, with keys for those that are equal or transposes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import scipy.sparse as sp
import torch

from hetgraph.data.entries import check_sign
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import MetaPathError, suggest
from hetgraph.metapaths.metapath import MetaPath, as_metapath
from hetgraph.metapaths.step import Step

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["Factor", "Weighting", "bind_path", "check_weighting", "path_factors", "step_relation"]

Weighting = Literal["binary", "count", "pathsim", "row"]

ROW_CURE = "or choose a weighting that takes no mean"
"""What can be done about negative weights where rows are to sum to one."""


@dataclass(frozen=True, eq=False)
class Factor:
    """One matrix of a chain; rows are the nodes at which the step ends.

    Args:
        relation: The matrix, on the CPU, with parallel edges unmerged.
        weighting: Meaning of its values.
        key: Equal for equal matrices.
        reverse_key: Key of the transpose; ``None`` if the transpose occurs in no chain.
    """

    relation: Relation
    weighting: Weighting
    key: tuple[object, ...]
    reverse_key: tuple[object, ...] | None

    def matrix(self) -> sp.csr_array:
        """Returns the matrix with parallel edges added: bool for a pattern, else float64.

        It shares the index memory of the relation unless that has parallel edges.
        """
        if self.weighting == "binary":
            matrix = self.relation.with_weight(None).to_scipy(np.bool_)
        else:
            matrix = self.relation.to_scipy(np.float64)
            if not matrix.data.all():
                matrix = matrix.copy()
                matrix.eliminate_zeros()
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        if self.weighting == "row":
            total = matrix.sum(axis=1)
            inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
            matrix.data *= np.repeat(inverse, np.diff(matrix.indptr))
        return matrix


def bind_path(graph: HeteroGraph, path: MetaPath | str) -> MetaPath:
    """Returns the path checked against the graph.

    Raises:
        MetaPathError: If it cannot be parsed or does not match the schema or the node counts.
    """
    bound = as_metapath(path, graph.schema)
    for edge_type, relation in bound.custom:
        expected = (graph.num_nodes[edge_type.dst], graph.num_nodes[edge_type.src])
        if relation.shape != expected:
            raise MetaPathError(
                f"the relation of ({edge_type}) is {relation.num_rows} x {relation.num_cols}, "
                f"expected {expected[0]} {edge_type.dst!r} rows x {expected[1]} "
                f"{edge_type.src!r} columns."
            )
    return bound


def check_weighting(weighting: str, path: MetaPath) -> None:
    """Checks that a weighting exists and is defined for a path.

    Raises:
        MetaPathError: If it is unknown, or is ``"pathsim"`` for a path that is not ``a + ~a``.
    """
    known = get_args(Weighting)
    if weighting not in known:
        raise MetaPathError(f"weighting {weighting!r} is unknown.{suggest(str(weighting), known)}")
    if weighting == "pathsim" and not (len(path) % 2 == 0 and path.is_symmetric):
        raise MetaPathError(
            f"PathSim needs a path that returns the way it came, which {path} does not; "
            "use path.symmetric, or weighting='count'."
        )


def step_relation(graph: HeteroGraph, path: MetaPath, step: Step) -> Relation:
    """Returns the relation of a step: rows are the nodes at which it ends."""
    relation = _stored(graph, path, step.edge_type)
    return relation if step.forward else relation.transpose


def path_factors(graph: HeteroGraph, path: MetaPath, weighting: Weighting) -> tuple[Factor, ...]:
    """Returns the matrices of a path in the order in which they are applied.

    A relation and the transpose of its declared reverse get one key if their weights are equal or
    ignored. Row-normalised matrices are never transposes of each other.
    """
    return tuple(_factor(graph, path, step, weighting) for step in path.steps)


def _factor(graph: HeteroGraph, path: MetaPath, step: Step, weighting: Weighting) -> Factor:
    relation = step_relation(graph, path, step).to("cpu")
    stored = _stored(graph, path, step.edge_type)
    if weighting == "row":
        check_sign(relation.weight, *relation.coo(), str(step.edge_type), ROW_CURE)
        return Factor(relation, weighting, (id(stored), step.forward), None)
    reverse = path.schema.reverse_of(step.edge_type)
    if reverse is None or not _mirrored(stored, _stored(graph, path, reverse), weighting):
        key, reverse_key = (id(stored), step.forward), (id(stored), not step.forward)
    elif reverse == step.edge_type:
        key = reverse_key = (id(stored), True)
    else:
        order = list(path.schema.edge_types)
        first = order.index(step.edge_type) < order.index(reverse)
        base = id(stored if first else _stored(graph, path, reverse))
        key, reverse_key = (base, first), (base, not first)
    return Factor(relation, weighting, key, reverse_key)


def _stored(graph: HeteroGraph, path: MetaPath, edge_type: EdgeType) -> Relation:
    for key, relation in path.custom:
        if key == edge_type:
            return relation
    return graph.relations[edge_type]


def _mirrored(first: Relation, second: Relation, weighting: Weighting) -> bool:
    """Whether two declared reverses (same edges, checked by the graph) have the same weights."""
    if weighting == "binary" or (first.weight is None and second.weight is None):
        return True
    if first.weight is None or second.weight is None:
        return False
    if first is not second and first is second.transpose:
        return True
    flipped = second.transpose.weight
    return flipped is not None and torch.equal(first.weight, flipped)
