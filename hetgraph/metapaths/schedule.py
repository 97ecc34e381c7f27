"""From plans to a list of operations with known memory: what is shared is computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from hetgraph.metapaths.plan import Key, Node

__all__ = ["EntryBytes", "Operation", "Schedule", "make_schedule", "matrix_bytes"]

_COLUMN_BYTES = 4


@dataclass(frozen=True)
class EntryBytes:
    """Bytes that the value of an entry takes, besides its column number.

    Args:
        work: While it is multiplied on.
        result: In the finished relation.
    """

    work: int
    result: int


@dataclass(frozen=True)
class Operation:
    """One thing to do.

    Args:
        kind: ``"make"`` a matrix that later operations use, ``"finish"`` a result from a matrix
            made before, or ``"stream"`` a product into a result without keeping it.
        node: The matrix.
        root: Number of the result, for ``"finish"`` and ``"stream"``.
        free: Identities of matrices that nobody needs afterwards.
        others: Estimated bytes of everything else that is held meanwhile.
        peak: Estimated bytes held in all.
    """

    kind: Literal["make", "finish", "stream"]
    node: Node
    root: int
    free: tuple[Key, ...] = ()
    others: float = 0.0
    peak: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """Operations in order."""

    operations: tuple[Operation, ...]

    @property
    def peak(self) -> float:
        """Most bytes held at a time."""
        return max(operation.peak for operation in self.operations)

    @property
    def terms(self) -> float:
        """Estimated multiply-adds in all."""
        return sum(one.node.terms for one in self.operations if one.kind != "finish")


def make_schedule(roots: Sequence[Node], entry: EntryBytes) -> Schedule:
    """Orders the products of several plans so that each different one is computed once.

    A matrix is freed as soon as nothing needs it. Memory is counted as: matrices held, results
    finished so far, the transposed copy of an operand that is held the other way round, and the
    new matrix. Index arrays of relations without parallel edges are the graph's and cost nothing.

    Args:
        roots: One plan for each result.
        entry: Sizes of entries.
    """
    uses: Counter[Key] = Counter()
    for root in roots:
        _count(root, uses)
    made: dict[Key, Node] = {}
    steps = [step for number, root in enumerate(roots) for step in _steps(root, number, uses, made)]
    left, held, finished = Counter(uses), dict[Key, float](), 0.0
    operations = []
    for kind, node, number in steps:
        used = (node,) if kind == "finish" else node.children
        flipped = [one for one in used if made[one.identity].key != one.key]
        others = sum(held.values()) + finished + sum(_bytes(one, entry.work) for one in flipped)
        if kind == "make":
            size = _bytes(node, entry.work)
            held[node.identity] = size
        else:
            size = matrix_bytes(node.shape[0], node.nnz, entry.result)
            finished += size
        for one in used:
            left[one.identity] -= 1
        free = tuple(key for key in held if left[key] <= 0)
        for key in free:
            del held[key]
        operations.append(Operation(kind, node, number, free, others, others + size))
    return Schedule(tuple(operations))


def matrix_bytes(num_rows: int, nnz: float, value_bytes: int) -> float:
    """Returns the bytes of a CSR matrix with 32-bit columns."""
    return nnz * (_COLUMN_BYTES + value_bytes) + (num_rows + 1) * _COLUMN_BYTES


def _bytes(node: Node, value_bytes: int) -> float:
    if node.shared:
        return node.nnz * value_bytes
    return matrix_bytes(node.shape[0], node.nnz, value_bytes)


def _count(node: Node, uses: Counter[Key]) -> None:
    uses[node.identity] += 1
    if uses[node.identity] == 1:
        for child in node.children:
            _count(child, uses)


def _steps(
    root: Node, number: int, uses: Counter[Key], made: dict[Key, Node]
) -> Iterator[tuple[Literal["make", "finish", "stream"], Node, int]]:
    if root.children and uses[root.identity] == 1:
        for child in root.children:
            yield from _make(child, number, made)
        yield "stream", root, number
    else:
        yield from _make(root, number, made)
        yield "finish", root, number


def _make(
    node: Node, number: int, made: dict[Key, Node]
) -> Iterator[tuple[Literal["make", "finish", "stream"], Node, int]]:
    if node.identity in made:
        return
    for child in node.children:
        yield from _make(child, number, made)
    made[node.identity] = node
    yield "make", node, number
