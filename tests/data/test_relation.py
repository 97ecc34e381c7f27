import pytest
import torch

from hetgraph.data import Relation
from hetgraph.errors import DataError


def build() -> Relation:
    return Relation.from_edges(
        torch.tensor([2, 0, 1]),
        torch.tensor([1, 1, 0]),
        3,
        2,
        weight=torch.tensor([20, 0, 10]),
        edge_features=torch.tensor([[2.0], [0.0], [1.0]]),
        edge_time=torch.tensor([102, 100, 101]),
    )


def test_rows_are_destinations_and_extras_follow_the_edges() -> None:
    relation = build()
    assert relation.shape == (relation.num_dst, relation.num_src) == (2, 3)
    src, dst = relation.edges()
    assert (src.tolist(), dst.tolist()) == ([1, 0, 2], [0, 1, 1])
    assert relation.weight.tolist() == [10.0, 0.0, 20.0]
    assert relation.edge_features.flatten().tolist() == src.tolist()
    assert (relation.edge_time - 100).tolist() == src.tolist()


def test_transpose_carries_extras() -> None:
    flipped = build().transpose
    _, dst = flipped.edges()
    assert dst.tolist() == [0, 1, 2]
    assert (flipped.edge_time - 100).tolist() == dst.tolist()
    assert isinstance(flipped, Relation)


def test_select_keeps_the_marked_edges() -> None:
    selected = build().select(torch.tensor([True, False, True]))
    selected.validate()
    assert selected.edges()[0].tolist() == [1, 2]
    assert selected.indptr.tolist() == [0, 1, 2]
    assert selected.edge_time.tolist() == [101, 102]


def test_wrong_lengths_are_reported() -> None:
    ends = torch.tensor([0]), torch.tensor([0])
    with pytest.raises(DataError, match="edge_features has shape"):
        Relation.from_edges(*ends, 1, 1, edge_features=torch.ones(2, 1))
    with pytest.raises(DataError, match="row 3 is outside"):
        Relation.from_edges(torch.tensor([0]), torch.tensor([3]), 1, 2)


def test_merged_edges_have_the_mean_features_and_the_latest_time_of_their_copies() -> None:
    relation = Relation.from_edges(
        torch.tensor([0, 1, 0, 0]),
        torch.tensor([2, 0, 2, 1]),
        2,
        3,
        weight=torch.tensor([1.0, 5.0, 2.0, 7.0]),
        edge_features=torch.tensor([[1.0], [9.0], [3.0], [4.0]]),
        edge_time=torch.tensor([-5, 8, -2, 1]),
    )
    merged = relation.coalesced()
    merged.validate()
    assert [end.tolist() for end in merged.edges()] == [[1, 0, 0], [0, 1, 2]]
    assert merged.weight is not None
    assert merged.weight.tolist() == [5.0, 7.0, 3.0]
    assert merged.edge_features is not None
    assert merged.edge_features.tolist() == [[9.0], [4.0], [2.0]]
    assert merged.edge_time is not None
    assert merged.edge_time.tolist() == [8, 1, -2]
    assert relation.coalesced("binary").weight is None
