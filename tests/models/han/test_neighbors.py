from __future__ import annotations

import torch

from hetgraph.data import CSR, Relation
from hetgraph.models.han.neighbors import add_self_loops, sample_neighbors


def test_only_lacking_self_loops_are_added() -> None:
    dense = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    looped = add_self_loops(CSR.from_dense(dense))
    expected = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert torch.equal(looped.to_dense(), expected)
    assert looped.weight is None
    assert torch.equal(add_self_loops(looped).indices, looped.indices)


def test_rows_are_thinned_to_the_limit_and_no_others() -> None:
    src = torch.cat([torch.arange(30), torch.tensor([3, 4])])
    dst = torch.cat([torch.zeros(30, dtype=torch.int64), torch.tensor([2, 2])])
    relation = Relation.from_edges(src, dst, 30, 4)
    draw = torch.Generator().manual_seed(0)
    thin, other = sample_neighbors(relation, 5, draw), sample_neighbors(relation, 5, draw)
    assert thin.degree.tolist() == [5, 0, 2, 0]
    assert len(set(thin.indices[:5].tolist())) == 5
    assert thin.indices.tolist() != other.indices.tolist()
    again = sample_neighbors(relation, 5, torch.Generator().manual_seed(0))
    assert torch.equal(thin.indices, again.indices)
    assert sample_neighbors(relation, 30, draw) is relation


def test_the_draw_is_uniform() -> None:
    dst = torch.zeros(10, dtype=torch.int64)
    relation = Relation.from_edges(torch.arange(10), dst, 10, 1)
    draw = torch.Generator().manual_seed(0)
    counts = torch.zeros(10)
    for _ in range(2000):
        counts[sample_neighbors(relation, 3, draw).indices.long()] += 1
    assert float((counts / 2000 - 0.3).abs().max()) < 0.05
