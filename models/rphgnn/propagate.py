"""Propagate-then-update rounds with relation-wise collection at the target."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from hetgraph.data import CSR, HeteroGraph
from hetgraph.errors import DataError
from hetgraph.models.rphgnn.groups import Group, Layout, Pair
from hetgraph.models.rphgnn.operators import Operators, pair_operators
from hetgraph.models.rphgnn.points import Walk, cheapest_points
from hetgraph.models.rphgnn.pool import Pool
from hetgraph.models.rphgnn.products import (
    Matrix,
    dense_blocks,
    product_into,
    stays_sparse,
    take_hop,
    to_dense,
)
from hetgraph.models.rphgnn.squash import SquashRule

__all__ = ["Propagation", "RandomMatrices", "Sink"]


class RandomMatrices(Protocol):
    """Supplies the matrix of each round and group."""

    def fill(self, rounds: int, group: str, out: Tensor) -> Tensor:
        """Writes the ``[rows, columns]`` matrix to ``out`` and returns it."""


class Sink(Protocol):
    """Receives the collected messages, block of rows by block of rows."""

    def write(self, group: int, slot: int, start: int, rows: Tensor) -> None:
        """Stores ``rows`` of the target from row ``start`` on."""


@dataclass(frozen=True)
class _Chain:
    """Successive messages H_1, H_2, ... of one start and one relation pair, and their users.

    Args:
        steps: Operators of the hops.
        collected: Groups whose message is stored, by hop count.
        squashed: Groups whose message is squashed, by hop count.
        points: Hop at which each squashed message is projected, by hop count.
    """

    steps: Sequence[CSR]
    collected: Mapping[int, Group]
    squashed: Mapping[int, Group]
    points: Mapping[int, int]

    @property
    def deepest(self) -> int:
        """Last hop of the unprojected message."""
        return max([*self.collected, *self.points.values()])

    def leaving(self, hop: int) -> list[Group]:
        """Groups that are projected at ``hop`` and have hops left."""
        return [self.squashed[n] for n, point in self.points.items() if hop == point < n]

    def arrived(self, hop: int) -> Group | None:
        """The group that is squashed as it arrives at ``hop``."""
        return self.squashed[hop] if hop and self.points.get(hop) == hop else None


class Propagation:
    """Runs all rounds of one graph.

    Args:
        graph: The graph.
        layout: Groups and dims.
        random_matrices: Matrix of each round and group.
        sink: Where the target's messages go.
    """

    def __init__(
        self, graph: HeteroGraph, layout: Layout, random_matrices: RandomMatrices, sink: Sink
    ) -> None:
        self.graph = graph
        self.layout = layout
        self.config = layout.config
        self.random_matrices = random_matrices
        self.sink = sink
        self.rule = SquashRule.named(layout.config.squash)
        self.pool = Pool(graph.device)
        self._operators: dict[Pair, Operators] = {}
        self._order = {group: i for i, group in enumerate(layout.feature_groups)}

    def run(self, inputs: dict[str, Matrix]) -> None:
        """Collects every group's messages of every round.

        Args:
            inputs: Input of each type; emptied on the way, so that memory can be reused.

        Raises:
            DataError: If a value is too large for the storage type.
        """
        for name, matrix in inputs.items():
            _check_range(name, matrix, self.config.storage)
        with_input = [i for group, i in self._order.items() if self.layout.first_slot(group)]
        if with_input:
            for start, rows in dense_blocks(inputs[self.layout.target]):
                for group in with_input:
                    self.sink.write(group, 0, start, rows)
        required = self.layout.required()
        x = inputs
        for rounds in range(self.config.rounds):
            last = rounds + 1 == self.config.rounds
            updated = frozenset[str]() if last else required[rounds + 1]
            if not self.config.skip_unused:
                updated = frozenset(self.layout.schema.node_types)
            x = self._round(rounds, x, updated)

    def operators(self, pair: Pair) -> Operators:
        """Returns the mean operators of a pair, built once."""
        if pair not in self._operators:
            weighted = self.config.edge_weights
            self._operators[pair] = pair_operators(self.graph, pair, weighted=weighted)
        return self._operators[pair]

    def _round(
        self, rounds: int, x: dict[str, Matrix], updated: frozenset[str]
    ) -> dict[str, Matrix]:
        """Walks every chain once; returns the next representations of the updated types."""
        layout = self.layout
        types = layout.schema.node_types
        following = {
            name: self.pool.take(self.graph.num_nodes[name], layout.dims[name]).zero_()
            for name in types
            if name in updated
        }
        squashed = [group for name in following for group in layout.groups_of(name)]
        chains: dict[tuple[Pair, str], list[Group]] = defaultdict(list)
        for group in dict.fromkeys((*layout.feature_groups, *squashed)):
            chains[group.chain].append(group)
        for start in types:
            for (pair, first), groups in chains.items():
                if first == start:
                    chain = self._chain(self.operators(pair), groups, x[start], following)
                    self._walk(rounds, chain, x[start], following)
            self.pool.give(x.pop(start, None))
        for name, total in following.items():
            self.rule.finish_(total, len(layout.groups_of(name)))
            if not self.rule.normalize:
                _check_range(name, total, self.config.storage)
        return dict(following)

    def _chain(
        self,
        operators: Operators,
        groups: Sequence[Group],
        x: Matrix,
        following: Mapping[str, Tensor],
    ) -> _Chain:
        """Decides where on the way each message is projected."""
        steps = operators.steps(max(groups, key=lambda group: group.hops))
        collected = {group.hops: group for group in groups if group in self._order}
        squashed = {group.hops: group for group in groups if group.end in following}
        points = {hops: hops for hops in squashed}
        if self.rule.project and self.config.narrow_projection:
            walk = Walk(
                rows=[x.shape[0], *(step.num_rows for step in steps)],
                edges=[step.nnz for step in steps],
                dim=x.shape[1],
                nnz=x.nnz if isinstance(x, CSR) else None,
                sparse_hops=int(isinstance(x, CSR) and stays_sparse(steps[0], x)),
                collected=max(collected, default=0),
            )
            dims = {hops: self.layout.dims[group.end] for hops, group in squashed.items()}
            points = cheapest_points(walk, dims)
        return _Chain(steps, collected, squashed, points)

    def _walk(self, rounds: int, chain: _Chain, x: Matrix, following: Mapping[str, Tensor]) -> None:
        """Computes the messages of a chain; hands each to the sink and to the squash."""
        message = x
        for hop in range(chain.deepest + 1):
            arrived: Matrix | None = x
            blocks: Iterator[tuple[int, Matrix]] = iter([(0, x)])
            rows = x.shape[0]
            if hop:
                step, rows = chain.steps[hop - 1], chain.steps[hop - 1].num_rows
                whole = hop < chain.deepest
                arrived, blocks = take_hop(step, message, self.pool, whole=whole)
            sent = [
                (group, self._matrix(rounds, group, x), self._like(rows, group))
                for group in chain.leaving(hop)
            ]
            squash = self._squasher(rounds, chain.arrived(hop), x, following)
            for start, block in blocks:
                self._collect(rounds, chain.collected.get(hop), start, block)
                for _, R, out in sent:
                    product_into(block, R, out[start : start + block.shape[0]])
                squash.add(start, block)
            squash.close()
            if message is not x:
                self.pool.give(message)
            for group, R, out in sent:
                self.pool.give(R)
                self._carry(out, chain.steps[hop : group.hops], following[group.end])
            message = x if arrived is None else arrived

    def _collect(self, rounds: int, group: Group | None, start: int, block: Matrix) -> None:
        if group is not None:
            slot = rounds + self.layout.first_slot(group)
            self.sink.write(self._order[group], slot, start, to_dense(block))

    def _squasher(
        self, rounds: int, group: Group | None, x: Matrix, following: Mapping[str, Tensor]
    ) -> _Squasher:
        if group is None:
            return _Squasher(self.rule, self.pool)
        R = self._matrix(rounds, group, x) if self.rule.project else None
        return _Squasher(self.rule, self.pool, following[group.end], R)

    def _carry(self, sent: Tensor, steps: Sequence[CSR], total: Tensor) -> None:
        """Takes the remaining hops of a projected message and squashes it."""
        for i, step in enumerate(steps):
            last = i + 1 == len(steps)
            arrived, blocks = take_hop(step, sent, self.pool, whole=not last)
            for start, block in blocks:
                if last:
                    self.rule.add_(total[start : start + block.shape[0]], to_dense(block))
            self.pool.give(sent)
            sent = to_dense(arrived) if arrived is not None else total

    def _matrix(self, rounds: int, group: Group, x: Matrix) -> Tensor:
        """Returns the random matrix of a group in a buffer of the pool."""
        out = self._like(x.shape[1], group)
        return self.random_matrices.fill(rounds, group.key, out)

    def _like(self, rows: int, group: Group) -> Tensor:
        return self.pool.take(rows, self.layout.dims[group.end])


@dataclass(frozen=True)
class _Squasher:
    """Adds blocks of an arriving message to the next representation of its type.

    Args:
        rule: How.
        pool: Source of buffers.
        total: ``[num_rows, dim]`` running sum; ``None``: nobody squashes this message.
        R: The random matrix; ``None``: the message is added as it is.
    """

    rule: SquashRule
    pool: Pool
    total: Tensor | None = None
    R: Tensor | None = None

    def add(self, start: int, block: Matrix) -> None:
        """Adds one block of rows."""
        if self.total is None:
            return
        rows = self.total[start : start + block.shape[0]]
        if self.R is None:
            self.rule.add_(rows, to_dense(block))
            return
        out = self.pool.take(block.shape[0], self.R.shape[1])
        self.rule.add_(rows, product_into(block, self.R, out))
        self.pool.give(out)

    def close(self) -> None:
        """Returns the buffers."""
        self.pool.give(self.R)


def _check_range(node_type: str, matrix: Matrix, storage: str) -> None:
    """Means never exceed what they are taken of, so checking the inputs is enough."""
    values = matrix.weight if isinstance(matrix, CSR) else matrix
    if storage != "float16" or values is None or values.numel() == 0:
        return
    low, high = torch.aminmax(values)
    largest = max(-float(low), float(high))
    if not largest <= torch.finfo(torch.float16).max:
        raise DataError(
            f"features of {node_type!r} reach {largest:.3g}, which float16 cannot store; "
            "scale them down or set storage='float32'."
        )
