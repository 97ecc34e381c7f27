from __future__ import annotations

import logging

import pytest
import torch

from hetgraph.data import EdgeType, Relation
from hetgraph.io.reverses import link_reverses

BUYS, BACK = EdgeType("u", "buys", "i"), EdgeType("i", "back", "u")
SRC, DST = torch.tensor([0, 0, 1, 2]), torch.tensor([1, 0, 2, 0])


@pytest.mark.parametrize(
    "values",
    [
        {"weight": torch.rand(4)},
        {"edge_features": torch.rand(4, 2)},
        {"edge_time": torch.arange(4)},
    ],
)
@pytest.mark.parametrize("side", [0, 1])
def test_reverses_are_paired_by_their_edges_alone(
    values: dict[str, torch.Tensor], side: int
) -> None:
    given = [values if side == place else {} for place in (0, 1)]
    relations = {
        BUYS: Relation.from_edges(SRC, DST, 3, 3, **given[0]),
        BACK: Relation.from_edges(DST, SRC, 3, 3, **given[1]),
    }
    linked, pairs = link_reverses(relations)
    assert pairs == ((BUYS, BACK),)
    for key in (BUYS, BACK):
        assert linked[key] is relations[key]  # each keeps its own values


def test_equal_reverses_share_memory_and_other_dtypes_do_not() -> None:
    weight = torch.rand(4)
    relations = {
        BUYS: Relation.from_edges(SRC, DST, 3, 3, weight=weight),
        BACK: Relation.from_edges(DST, SRC, 3, 3, weight=weight),
    }
    linked, pairs = link_reverses(relations)
    assert pairs == ((BUYS, BACK),)
    assert linked[BACK] is relations[BUYS].transpose
    relations[BACK] = Relation.from_edges(DST, SRC, 3, 3, weight=weight.double())
    linked, pairs = link_reverses(relations)
    assert pairs == ((BUYS, BACK),)
    assert linked[BACK].weight.dtype == torch.float64


def test_a_symmetric_relation_with_unequal_weights_is_its_own_reverse() -> None:
    key = EdgeType("u", "knows", "u")
    src, dst = torch.tensor([0, 1, 2]), torch.tensor([1, 0, 2])
    relations = {key: Relation.from_edges(src, dst, 3, 3, weight=torch.tensor([1.0, 2.0, 3.0]))}
    linked, pairs = link_reverses(relations)
    assert pairs == ((key, key),)
    assert linked[key] is relations[key]


def test_the_name_comes_before_the_values() -> None:
    other, named = EdgeType("i", "other", "u"), EdgeType("i", "rev_buys", "u")
    bare = Relation.from_edges(DST, SRC, 3, 3)
    relations = {
        BUYS: Relation.from_edges(SRC, DST, 3, 3),
        other: bare,
        named: Relation.from_edges(DST, SRC, 3, 3, weight=torch.rand(4)),
    }
    assert link_reverses(relations)[1] == ((BUYS, named),)
    del relations[named]
    relations[BACK] = Relation.from_edges(DST, SRC, 3, 3, weight=torch.rand(4))
    assert link_reverses(dict(reversed(relations.items())))[1] == ((BACK, BUYS),)
    assert link_reverses({BUYS: relations[BUYS], BACK: relations[BACK], other: bare})[1] == (
        (BUYS, other),
    )


def test_nearly_equal_reverses_are_told(caplog: pytest.LogCaptureFixture) -> None:
    at = torch.arange(20)
    relations = {
        BUYS: Relation.from_edges(at, (at * 3) % 20, 20, 20),
        BACK: Relation.from_edges(((at * 3) % 20)[1:], at[1:], 20, 20),
        EdgeType("i", "far", "u"): Relation.from_edges(at, at, 20, 20),
    }
    with caplog.at_level(logging.WARNING, "hetgraph.io"):
        assert link_reverses(relations)[1] == ()
    (record,) = caplog.records
    told = "19 of 20 edges of (u -buys> i) are in (i -back> u), reversed"
    assert record.getMessage().startswith(told)
