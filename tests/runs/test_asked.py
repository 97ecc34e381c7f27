"""Whom a model is asked about, in every holder of ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError, UserError
from hetgraph.runs.asked import nodes_asked, pairs_asked, relations_asked

KEYS = [EdgeType("user", name, "item") for name in ("buys", "views")]
SAME = [EdgeType("user", "likes", "item"), EdgeType("user", "likes", "user")]


@pytest.fixture
def graph() -> HeteroGraph:
    ends = (torch.tensor([0, 2]), torch.tensor([1, 0]))
    return HeteroGraph(
        num_nodes={"user": 3, "item": 2, "tag": 4},
        relations={key: Relation.from_edges(*ends, 3, 2) for key in KEYS},
        ids={"user": ["ann", "bob", "all"], "item": [70, 80]},
    )


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("all", [0, 1, 2]),
        (["all"], [2]),
        ("bob", [1]),
        (["bob", "ann", "bob"], [1, 0, 1]),
        (("bob",), [1]),
        ([], []),
        ({"bob": 3}, [1]),
        ((name for name in ["bob"]), [1]),
        (np.array(["bob"]), [1]),
        (np.array([True, False, True]), [0, 2]),
        (pd.Series(["bob"]), [1]),
        (pd.Index(["bob"]), [1]),
        (pl.Series(["bob"]), [1]),
        (pa.array(["bob"]), [1]),
        (pa.chunked_array([["bob"], ["ann"]]), [1, 0]),
        (torch.tensor([2, 0]), [2, 0]),
        (torch.tensor(1), [1]),
        (torch.tensor([False, True, True]), [1, 2]),
        (torch.tensor([]), []),
    ],
)
def test_nodes(nodes: Any, expected: list[int], graph: HeteroGraph) -> None:
    numbers = nodes_asked(graph, "user", nodes)
    assert numbers.dtype == torch.int64
    assert numbers.tolist() == expected


def test_without_ids_there_are_numbers(graph: HeteroGraph) -> None:
    assert nodes_asked(graph, "tag", range(1, 3)).tolist() == [1, 2]
    assert nodes_asked(graph, "tag", 3).tolist() == [3]
    with pytest.raises(DataError, match=r"give their numbers, 0\.\.3"):
        nodes_asked(graph, "tag", [4])


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (["zoe", "ann", "yan"], "2 of 3 ids are not those of 'user' nodes: 'zoe', 'yan'"),
        (None, "is missing"),
        ([["ann"]], "expected a text or a number per node"),
        (torch.tensor([0, 3, -1]), r"2 of 3 row numbers of 'user' nodes, 3 .* outside of 0\.\.2"),
        (torch.tensor([0.5]), r"are torch\.float32; expected whole ones"),
        (torch.ones(2, dtype=torch.bool), "has 2 entries, expected 3"),
        (torch.ones(2, 2), r"is \[2, 2\]; expected \[n\]"),
    ],
)
def test_wrong_nodes(nodes: Any, message: str, graph: HeteroGraph) -> None:
    with pytest.raises(DataError, match=message):
        nodes_asked(graph, "user", nodes)


@pytest.mark.parametrize(
    ("relation", "expected"),
    [(None, [0, 1]), ("views", [1]), ("user -buys> item", [0]), (("user", "views", "item"), [1])],
)
def test_relations(relation: Any, expected: list[int]) -> None:
    assert relations_asked(KEYS, relation) == expected


def test_wrong_relations() -> None:
    with pytest.raises(ConfigError, match="predicts no relation 'view'"):
        relations_asked(KEYS, "view")
    with pytest.raises(ConfigError, match="2 relations have the name 'likes'; choose one: 'user -"):
        relations_asked(SAME, "likes")
    with pytest.raises(ConfigError, match=r"expected its name or \(src, name, dst\)"):
        relations_asked(KEYS, ("user", "views"))


@pytest.mark.parametrize(
    "pairs",
    [
        (["bob", "ann"], [80, 70]),
        [["bob", "ann"], ["80", "70"]],
        (pa.array(["bob", "ann"]), pd.Series([80, 70])),
        (np.array(["bob", "ann"]), torch.tensor([1, 0])),
        torch.tensor([[1, 0], [1, 0]]),
        {"src": ["bob", "ann"], "dst": [80, 70]},
        pd.DataFrame({"src": ["bob", "ann"], "dst": [80, 70]}),
        pl.DataFrame({"src": ["bob", "ann"], "dst": [80, 70]}),
        pa.table({"src": ["bob", "ann"], "dst": [80, 70]}),
    ],
)
def test_pairs(pairs: Any, graph: HeteroGraph) -> None:
    ends, kinds = pairs_asked(graph, KEYS, pairs, "views")
    assert ends.tolist() == [[1, 0], [1, 0]]
    assert kinds.tolist() == [1, 1]


def test_each_pair_may_have_its_relation(graph: HeteroGraph) -> None:
    pairs = (["ann", "bob", "ann"], [70, 80, 80])
    ends, kinds = pairs_asked(graph, KEYS, pairs, ["views", "buys", "views"])
    assert (ends.tolist(), kinds.tolist()) == ([[0, 1, 0], [0, 1, 1]], [1, 0, 1])
    table = pd.DataFrame({"src": pairs[0], "dst": pairs[1], "relation": ["buys"] * 3})
    assert pairs_asked(graph, KEYS, table)[1].tolist() == [0, 0, 0]


def test_without_pairs_there_are_all_edges(graph: HeteroGraph) -> None:
    ends, kinds = pairs_asked(graph, KEYS, None, "buys")
    assert sorted(ends.T.tolist()) == [[0, 1], [2, 0]]
    assert kinds.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("pairs", "relation", "message"),
    [
        ((["zoe"], [7]), "buys", "'zoe' is not .*\n.*7 is not the id of a 'item' node"),
        ((["ann"], [70, 80]), "buys", "1 sources, 2 destinations and 1 relations"),
        ((["ann"], [70]), ["buys", "views"], "1 sources, 1 destinations and 2 relations"),
        ((["ann"], [70]), None, "name the relation of the pairs, one of"),
        ((["ann"], [70]), ["like"], "no relation 'like'"),
        ((["ann", "bob"], [70, 80]), ["x", "y"], "no relation 'x'.* no relation 'y'"),
        (None, ["buys"], "a relation per pair is given, but no pairs"),
        ([("ann", 70), ("bob", 80), ("bob", 70)], "buys", "of no known form"),
        ("ann", "buys", "of no known form"),
        (3, "buys", "of no known form"),
        (pd.DataFrame({"from": [1], "to": [2]}), "buys", "no column 'src' and no column 'dst'"),
    ],
)
def test_wrong_pairs(pairs: Any, relation: Any, message: str, graph: HeteroGraph) -> None:
    with pytest.raises(UserError, match=message):
        pairs_asked(graph, KEYS, pairs, relation)


def test_masks_of_pandas_and_lists_mark_nodes() -> None:
    graph = HeteroGraph(num_nodes={"user": 3}, relations={}, ids={"user": ["a", "b", "c"]})
    assert nodes_asked(graph, "user", [True, False, True]).tolist() == [0, 2]
    assert nodes_asked(graph, "user", pd.Series([False, True, True])).tolist() == [1, 2]
    by_id = pd.Series([True, False, True], index=["c", "b", "a"])
    assert nodes_asked(graph, "user", by_id).tolist() == [2, 0]
