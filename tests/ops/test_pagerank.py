"""PageRank against networkx and closed forms."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import Tensor

from hetgraph.data import CSR
from hetgraph.errors import ConfigError, DataError
from hetgraph.ops import pagerank

NODES = 30


def random_edges(seed: int, num_edges: int = 90) -> tuple[Tensor, Tensor]:
    """Edges with parallel ones and self-loops; the last five nodes have no outgoing edge."""
    generator = torch.Generator().manual_seed(seed)
    src = torch.randint(NODES - 5, (num_edges,), generator=generator)
    return src, torch.randint(NODES, (num_edges,), generator=generator)


@pytest.mark.parametrize("personal", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("damping", [0.5, 0.85])
def test_against_networkx(personal: bool, weighted: bool, damping: float) -> None:
    src, dst = random_edges(3)
    weight = torch.rand(src.numel()) + 0.1 if weighted else None
    graph = nx.DiGraph()
    graph.add_nodes_from(range(NODES))
    values = [1.0] * src.numel() if weight is None else weight.tolist()
    for source, target, value in zip(src.tolist(), dst.tolist(), values, strict=True):
        before = graph.get_edge_data(source, target, {"weight": 0.0})["weight"]
        graph.add_edge(source, target, weight=before + value)
    teleport = torch.arange(NODES, dtype=torch.float64) % 4 if personal else None
    wanted = nx.pagerank(
        graph,
        alpha=damping,
        personalization=None if teleport is None else dict(enumerate(teleport.tolist())),
        tol=1e-12,
        max_iter=1000,
    )
    actual = pagerank(
        CSR.from_coo(dst, src, (NODES, NODES), weight), teleport=teleport, damping=damping
    )
    torch.testing.assert_close(
        actual, torch.tensor([wanted[node] for node in range(NODES)]).double()
    )
    assert float(actual.sum()) == pytest.approx(1)


def test_closed_forms() -> None:
    none = CSR.from_coo(torch.tensor([]).long(), torch.tensor([]).long(), (4, 4))
    assert pagerank(none).tolist() == [0.25] * 4
    seed = torch.tensor([1.0, 0, 0, 3.0])
    assert pagerank(none, teleport=seed).tolist() == pytest.approx([0.25, 0, 0, 0.75])
    # A star 1, 2, 3 -> 0 with a way back to each: r0 = 0.15 / 4 + 0.85 (r1 + r2 + r3).
    src, dst = torch.tensor([1, 2, 3, 0, 0, 0]), torch.tensor([0, 0, 0, 1, 2, 3])
    center = (0.15 / 4 + 0.85) / 1.85
    actual = pagerank(CSR.from_coo(dst, src, (4, 4)))
    assert actual.tolist() == pytest.approx([center, *[(1 - center) / 3] * 3])


def test_bad_input_is_reported() -> None:
    square = CSR.from_coo(torch.tensor([0]), torch.tensor([1]), (2, 2))
    with pytest.raises(DataError, match="2 x 3"):
        pagerank(CSR.from_coo(torch.tensor([0]), torch.tensor([1]), (2, 3)))
    negative = square.with_weight(torch.tensor([-1.0]))
    with pytest.raises(DataError, match=r"row 0, column 1 \(edge 1 -> 0\) is -1"):
        pagerank(negative)
    for bad in ([1.0], [1.0, -1.0], [0.0, 0.0], [torch.inf, 1.0]):
        with pytest.raises(DataError, match="teleport"):
            pagerank(square, teleport=torch.tensor(bad))
    with pytest.raises(ConfigError, match="damping is 1"):
        pagerank(square, damping=1.0)
