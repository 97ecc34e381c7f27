"""A planned composition of meta-paths: sizes and schedule first, then the products."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch

from hetgraph.data.relation import Relation
from hetgraph.errors import BudgetError, MetaPathError
from hetgraph.metapaths.chain import Weighting, path_factors
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.plan import ChainSizes, Key, Node, Objective, best_plan
from hetgraph.metapaths.product import Block, collect, matrix_blocks, product_blocks
from hetgraph.metapaths.schedule import EntryBytes, Operation, Schedule, make_schedule, matrix_bytes
from hetgraph.metapaths.sizes import format_bytes

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["Composition"]

Array = np.ndarray[Any, Any]

_ROUGH_FRACTION = 0.6  # of the budget: five standard deviations of a rough estimate below it
_WAYS_OUT = (
    "Raise memory_budget, or use metapath_operator(graph, path), "
    "which multiplies without building the product."
)


@dataclass(frozen=True, eq=False)
class Composition:
    """The plan of a composition.

    Args:
        paths: The paths, one per result.
        weighting: Meaning of the values.
        sizes: Estimated sizes by path.
        roots: Order of multiplication by path.
        schedule: All operations, with their memory.
        entry: Bytes of an entry's value in intermediate products and in the results.
        dtype: Dtype of the weights of the results; ``None`` for no weights.
    """

    paths: tuple[MetaPath, ...]
    weighting: Weighting
    sizes: tuple[ChainSizes, ...]
    roots: tuple[Node, ...]
    schedule: Schedule
    entry: EntryBytes
    dtype: type[np.generic] | None

    @classmethod
    def plan(
        cls,
        graph: HeteroGraph,
        paths: Sequence[MetaPath],
        weighting: Weighting,
        budget: float = float("inf"),
        *,
        rough: bool = False,
    ) -> Composition:
        """Estimates sizes and picks the fastest order, or the leanest if that exceeds the budget.

        Args:
            graph: The graph.
            paths: The paths to compose.
            weighting: Meaning of the values.
            budget: Target for the peak memory, in bytes.
            rough: Whether cheaper estimates suffice while they are far below the budget.

        Raises:
            MetaPathError: For PathSim over reverses whose weights differ.
        """
        chains = [path_factors(graph, path, weighting) for path in paths]
        sizes = tuple(ChainSizes(chain, rough=rough) for chain in chains)
        dtype = None if weighting == "binary" else _value_type(sizes)
        entry = EntryBytes(
            work=1 if weighting == "binary" else 8,
            result=0 if dtype is None else np.dtype(dtype).itemsize,
        )
        objectives: tuple[Objective, ...] = ("time", "memory")
        candidates = []
        for objective in objectives:
            roots = _plan_together(sizes, objective, halves=weighting == "pathsim")
            candidates.append((roots, make_schedule(roots, entry)))
            if candidates[0][1].peak <= budget:
                break
        roots, schedule = min(candidates, key=lambda candidate: candidate[1].peak)
        if rough and schedule.peak > _ROUGH_FRACTION * budget:
            return cls.plan(graph, paths, weighting, budget)
        if weighting == "pathsim":
            _check_mirrored(paths, roots)
        return cls(tuple(paths), weighting, sizes, roots, schedule, entry, dtype)

    def check_budget(self, budget: int) -> None:
        """Compares the estimate with the budget before anything is built.

        Raises:
            BudgetError: If it is exceeded; names the estimate and the two alternatives.
        """
        if self.schedule.peak > budget:
            number = max(range(len(self.roots)), key=lambda index: self.roots[index].nnz)
            root = self.roots[number]
            rows, cols = root.shape
            density = root.nnz / max(rows * cols, 1)
            raise BudgetError(
                f"composing {' and '.join(map(str, self.paths))} would need about "
                f"{format_bytes(self.schedule.peak)}, memory_budget is {format_bytes(budget)} "
                f"({self.paths[number]} has about {root.nnz:,.0f} entries of {rows:,} x {cols:,}, "
                f"{density:.1%}). {_WAYS_OUT}"
            )

    def run(self, *, keep_self_loops: bool, budget: int) -> list[Relation]:
        """Builds the relations, one per path.

        Raises:
            BudgetError: If the estimate was too low and the budget is exceeded.
        """
        self.check_budget(budget)
        return _Run(self, keep_self_loops, budget).relations()


class _Run:
    """One execution of a composition, with the matrices that it holds."""

    def __init__(self, composition: Composition, keep_self_loops: bool, budget: int) -> None:
        self.composition, self.keep_self_loops = composition, keep_self_loops
        self.budget = budget
        self.held: dict[Key, tuple[Key, sp.csr_array]] = {}

    def relations(self) -> list[Relation]:
        results: dict[int, Relation] = {}
        for operation in self.composition.schedule.operations:
            if operation.kind == "make":
                node = operation.node
                self.held[node.identity] = (node.key, self._make(operation))
            else:
                results[operation.root] = self._result(operation)
            for key in operation.free:
                del self.held[key]
        return [results[number] for number in range(len(results))]

    def _operand(self, node: Node) -> sp.csr_array:
        key, matrix = self.held[node.identity]
        return matrix if key == node.key else matrix.T.tocsr()

    def _make(self, operation: Operation) -> sp.csr_array:
        node = operation.node
        if not node.children:
            return self.composition.sizes[operation.root].factors[node.span[0]].matrix()
        right, left = map(self._operand, node.children)
        dtype = np.bool_ if self.composition.weighting == "binary" else np.float64
        indptr, indices, values = collect(
            product_blocks(left, right),
            node.shape,
            dtype,
            check=self._limit(operation, self.composition.entry.work),
        )
        return sp.csr_array((values, indices, indptr), shape=node.shape)

    def _result(self, operation: Operation) -> Relation:
        node, diagonal = operation.node, None
        pathsim = self.composition.weighting == "pathsim"
        if operation.kind == "finish":
            matrix = self._operand(node)
            blocks = matrix_blocks(matrix)
            if pathsim:
                diagonal = matrix.diagonal()
        else:
            right, left = map(self._operand, node.children)
            blocks = product_blocks(left, right)
            if pathsim:  # left is the transpose of right, so this is the product's diagonal
                diagonal = np.bincount(right.indices, right.data**2, minlength=right.shape[1])
        path = self.composition.paths[operation.root]
        drop = not self.keep_self_loops and path.start == path.end
        indptr, indices, values = collect(
            (_finished(block, diagonal, drop) for block in blocks),
            node.shape,
            self.composition.dtype,
            check=self._limit(operation, self.composition.entry.result),
        )
        return Relation(
            indptr=torch.from_numpy(indptr),
            indices=torch.from_numpy(indices),
            num_cols=node.shape[1],
            weight=None if values is None else torch.from_numpy(values),
        )

    def _limit(self, operation: Operation, value_bytes: int) -> Callable[[int], None]:
        def check(nnz: int) -> None:
            used = operation.others + matrix_bytes(operation.node.shape[0], nnz, value_bytes)
            if used > self.budget:
                raise BudgetError(
                    f"composing {self.composition.paths[operation.root]} needs more than the "
                    f"estimated {format_bytes(operation.peak)}: memory_budget "
                    f"({format_bytes(self.budget)}) is used up. {_WAYS_OUT}"
                )

        return check


def _plan_together(
    sizes: Sequence[ChainSizes], objective: Objective, *, halves: bool
) -> tuple[Node, ...]:
    """Plans each path with the sub-products of the previous paths for free."""
    known: set[Key] = set()
    roots = []
    for chain in sizes:
        root = best_plan(chain, objective=objective, known=known, halves=halves)
        known.update(_identities(root))
        roots.append(root)
    return tuple(roots)


def _identities(node: Node) -> Iterator[Key]:
    yield node.identity
    for child in node.children:
        yield from _identities(child)


def _value_type(sizes: Sequence[ChainSizes]) -> type[np.generic]:
    weights = (matrix.weight for chain in sizes for matrix in chain.matrices)
    double = any(weight is not None and weight.dtype == torch.float64 for weight in weights)
    return np.float64 if double else np.float32


def _check_mirrored(paths: Sequence[MetaPath], roots: Sequence[Node]) -> None:
    for path, root in zip(paths, roots, strict=True):
        if root.children and root.children[0].key != root.children[1].reverse_key:
            raise MetaPathError(
                f"PathSim of {path}: a relation and its declared reverse have different "
                "weights; drop the declaration or give both the same weights."
            )


def _finished(block: Block, diagonal: Array | None, drop_loops: bool) -> Block:
    """Applies PathSim and removes the diagonal in one block of rows."""
    matrix = block.matrix
    if diagonal is None and not drop_loops:
        return block
    degrees = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(block.first_row, block.first_row + degrees.size), degrees)
    values, indices, indptr = matrix.data, matrix.indices, matrix.indptr
    if diagonal is not None:
        values = 2.0 * values / (diagonal[rows] + diagonal[indices])
    if drop_loops:
        kept = indices != rows
        dropped = np.concatenate([[0], np.cumsum(~kept)])
        values, indices, indptr = values[kept], indices[kept], indptr - dropped[indptr]
    return Block(block.first_row, sp.csr_array((values, indices, indptr), shape=matrix.shape))
