"""A slow dense re-derivation of RpHGNN's propagation, and small graphs for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.models.rphgnn.config import RpHGNNConfig
from hetgraph.models.rphgnn.groups import Layout
from hetgraph.models.rphgnn.products import to_dense


class ListSink:
    """Collects messages as dense float32 arrays."""

    def __init__(self, num_rows: int, shapes: list[tuple[int, int]]) -> None:
        self.tensors = [torch.full((num_rows, k, d), torch.nan) for k, d in shapes]

    def write(self, group: int, slot: int, start: int, rows: torch.Tensor) -> None:
        self.tensors[group][start : start + rows.shape[0], slot] = rows


@pytest.fixture
def make_sink() -> Callable[[HeteroGraph, Layout], ListSink]:
    def make(graph: HeteroGraph, layout: Layout) -> ListSink:
        return ListSink(graph.num_nodes[layout.target], list(layout.shapes))

    return make


def counts(relation: Relation) -> tuple[np.ndarray, np.ndarray]:
    """Dense [num_dst, num_src] sums over parallel edges, of weights and of absolute ones."""
    dense, absolute = np.zeros((2, relation.num_dst, relation.num_src))
    src, dst = relation.edges()
    weights = torch.ones(relation.nnz) if relation.weight is None else relation.weight
    for s, d, w in zip(src.tolist(), dst.tolist(), weights.tolist(), strict=True):
        dense[d, s] += w
        absolute[d, s] += abs(w)
    return dense, absolute


def row_mean(dense: np.ndarray, absolute: np.ndarray) -> np.ndarray:
    total = absolute.sum(axis=1, keepdims=True)
    return np.divide(dense, total, out=np.zeros_like(dense), where=total > 0)


def unit_rows(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


REDUCE = {
    "project_norm_sum": lambda parts: sum(map(unit_rows, parts)),
    "project_norm_mean": lambda parts: sum(map(unit_rows, parts)) / len(parts),
    "sum": sum,
    "mean": lambda parts: sum(parts) / len(parts),
    "norm_sum": lambda parts: sum(map(unit_rows, parts)),
    "norm_mean": lambda parts: sum(map(unit_rows, parts)) / len(parts),
    "norm_mean_norm": lambda parts: unit_rows(sum(map(unit_rows, parts)) / len(parts)),
}


def dense_reference(
    graph: HeteroGraph,
    target: str,
    config: RpHGNNConfig,
    inputs: dict[str, np.ndarray],
    random_matrix: Callable[[int, str, int, int], torch.Tensor],
) -> list[np.ndarray]:
    """Follows the definition step by step: every type, every group, every round, no shortcut."""
    forward, seen = [], set()
    for key in graph.relations:
        if key not in seen:
            seen |= {key, graph.schema.reverse_of(key) or key}
            forward.append(key)
    forward.sort()
    operators = {}
    for key in forward:
        sums = counts(graph.relations[key])
        if key.src == key.dst and graph.schema.reverse_of(key) != key:
            sums = tuple(dense + dense.T - np.diag(np.diag(dense)) for dense in sums)
        operators[key] = row_mean(*sums), row_mean(*(dense.T for dense in sums))

    def messages(x: dict[str, np.ndarray], node_type: str) -> list[tuple[str, int, np.ndarray]]:
        arrived = []
        for key in forward:
            if node_type not in (key.src, key.dst):
                continue
            into, back = operators[key] if node_type == key.dst else operators[key][::-1]
            other = key.src if node_type == key.dst else key.dst
            odd, even = x[other], x[node_type]
            for hop in range(1, config.inner_hops + 1):
                # The last step of every message arrives at node_type.
                if hop % 2:
                    message = odd
                    walk = [into if step % 2 == 0 else back for step in range(hop)]
                else:
                    message = even
                    walk = [back if step % 2 == 0 else into for step in range(hop)]
                for operator in walk:
                    message = operator @ message
                if config.even_odd in ("all", "odd" if hop % 2 else "even"):
                    arrived.append((f"{'|'.join(key)}|{hop}|{node_type}", hop, message))
        return arrived

    rounds = 2 * config.iterations if config.even_odd == "odd" else config.iterations
    collected: dict[str, list[np.ndarray]] = {}
    x = dict(inputs)
    for k in range(rounds):
        for name, hop, message in messages(x, target):
            slots = collected.setdefault(name, [])
            if not slots and config.use_input and hop % 2 == 0:
                slots.append(inputs[target])
            slots.append(message)
        following = {}
        for node_type in graph.node_types:
            parts = []
            for name, _, message in messages(x, node_type):
                if config.squash.startswith("project"):
                    shape = message.shape[1], inputs[node_type].shape[1]
                    message = message @ random_matrix(k, name, *shape).double().numpy()
                parts.append(message)
            size = inputs[node_type].shape
            following[node_type] = REDUCE[config.squash](parts) if parts else np.zeros(size)
        x = following
    return [np.stack(slots, axis=1) for slots in collected.values()]


@pytest.fixture
def reference() -> Callable[..., list[np.ndarray]]:
    return dense_reference


def as_arrays(inputs: dict) -> dict[str, np.ndarray]:
    return {name: to_dense(x).double().numpy() for name, x in inputs.items()}


@pytest.fixture
def arrays() -> Callable[[dict], dict[str, np.ndarray]]:
    return as_arrays


@pytest.fixture
def pair_graph() -> HeteroGraph:
    """The toy of the specification: a0-p0, a0-p1, a1-p1, a1-p2, X_a = I, X_p = (1, 2, 3)."""
    writes = Relation.from_edges(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 2]), 2, 3)
    return HeteroGraph(
        num_nodes={"author": 2, "paper": 3},
        relations={EdgeType("author", "writes", "paper"): writes},
        features={"author": torch.eye(2), "paper": torch.tensor([[1.0], [2.0], [3.0]])},
    )
