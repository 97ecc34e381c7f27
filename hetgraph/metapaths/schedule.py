"""Plans turned into a list of operations with known memory; common products are made once."""

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
    """Bytes per entry for its value, without its column index.

    Args:
        work: In intermediate products.
        result: In the finished relation.
    """

    work: int
    result: int


@dataclass(frozen=True)
class Operation:
    """One step of a schedule.

    Args:
        kind: ``"make"`` a matrix that later operations use, ``"finish"`` a result from such a
            matrix, or ``"stream"`` a product into a result without storing it.
        node: The matrix.
        root: Index of the result, for ``"finish"`` and ``"stream"``.
        free: Identities of matrices that are not needed afterwards.
        others: Estimated bytes of everything else that is held meanwhile.
        peak: Estimated bytes held in total.
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
        """Maximum number of bytes held at a time."""
        return max(operation.peak for operation in self.operations)

    @property
    def terms(self) -> float:
        """Estimated total number of multiply-adds."""
        products = (operation for operation in self.operations if operation.kind != "finish")
        return sum(operation.node.terms for operation in products)


def make_schedule(roots: Sequence[Node], entry: EntryBytes) -> Schedule:
    """Orders the products of several plans so that each distinct one is computed once.

    A matrix is freed as soon as it is no longer needed. Memory counts the matrices held, the
    results finished so far, the transposed copy of an operand that is held as its transpose, and
    the new matrix. Index arrays of relations without parallel edges belong to the graph and are
    free.

    Args:
        roots: One plan per result.
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
        flipped = [child for child in used if made[child.identity].key != child.key]
        copies = sum(_bytes(child, entry.work) for child in flipped)
        others = sum(held.values()) + finished + copies
        if kind == "make":
            size = _bytes(node, entry.work)
            held[node.identity] = size
        else:
            size = matrix_bytes(node.shape[0], node.nnz, entry.result)
            finished += size
        for child in used:
            left[child.identity] -= 1
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
