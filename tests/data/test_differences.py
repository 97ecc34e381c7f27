"""What keeps a model from a graph of another schema, one line each."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, HeteroGraph, Relation, Schema
from hetgraph.data.differences import in_order_of, schema_differences

BUYS, SOLD, KNOWS = (
    EdgeType("user", "buys", "item"),
    EdgeType("item", "rev_buys", "user"),
    EdgeType("user", "knows", "user"),
)
NODES = {
    "user": FeatureSpec("dense", 8),
    "item": FeatureSpec("sparse", 30),
    "tag": FeatureSpec("categorical", 5),
    "word": FeatureSpec("text"),
    "place": FeatureSpec(),
}
EDGES = {BUYS: EdgeSpec(weighted=True), SOLD: EdgeSpec(weighted=True), KNOWS: EdgeSpec()}
PAIRS = ((BUYS, SOLD), (KNOWS, KNOWS))
MADE = Schema(NODES, EDGES, PAIRS)


def now(nodes: Any = NODES, edges: Any = EDGES, pairs: Any = PAIRS) -> Schema:
    return Schema(nodes, edges, pairs)


def but(values: dict[Any, Any], **changes: Any) -> dict[Any, Any]:
    return {key: spec for key, spec in {**values, **changes}.items() if spec is not None}


def test_equal_schemas_and_harmless_changes_are_no_difference() -> None:
    assert schema_differences(MADE, now()) == []
    assert schema_differences(MADE, now(but(NODES, tag=FeatureSpec("categorical", 3)))) == []
    assert schema_differences(MADE, now(but(NODES, place=FeatureSpec("text")))) == []
    bare = now(pairs=())
    assert schema_differences(bare, now()) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            now(but(NODES, place=None)),
            ["node type 'place' is missing; add its table, an empty one"],
        ),
        (
            now(but(NODES, place=None, plaec=FeatureSpec())),
            [
                "'place' is missing; .* Did you mean 'plaec'?",
                "'plaec' was not there .*leave it out",
            ],
        ),
        (
            now(but(NODES, user=FeatureSpec("dense", 9))),
            ["'user' has 9 dense features, but 8 when"],
        ),
        (
            now(but(NODES, user=FeatureSpec("sparse", 8))),
            ["'user' has 8 sparse features, but 8 dense features when .* encoders that were saved"],
        ),
        (
            now(but(NODES, item=FeatureSpec("sparse", 31))),
            ["'item' has 31 sparse features, but 30 when .* declare sparse_dim: 30, or read"],
        ),
        (
            now(but(NODES, tag=FeatureSpec("categorical", 7))),
            ["'tag' has categories up to 6, but up to 4 when .* encoder 'embedding'"],
        ),
        (now(but(NODES, word=FeatureSpec())), ["'word' has no text, but had it"]),
        (
            now(but(NODES, place=FeatureSpec("dense", 2))),
            ["'place' has 2 dense features, but none when .*; do not declare them"],
        ),
        (
            now(but(NODES, user=FeatureSpec(), tag=FeatureSpec())),
            [
                "'user' has no features, but 8 dense features when",
                "'tag' has no features, but categories when",
            ],
        ),
        (
            now(edges={BUYS: EDGES[BUYS], SOLD: EDGES[SOLD]}, pairs=PAIRS[:1]),
            [r"relation \(user -knows> user\) is missing; add its table, an empty one \(the head"],
        ),
        (
            now(edges={KNOWS: EDGES[KNOWS]}, pairs=PAIRS[1:]),
            [r"relation \(user -buys> item\) is missing; add its table"],
        ),
        (
            now(edges={BUYS: EDGES[BUYS], KNOWS: EDGES[KNOWS]}, pairs=PAIRS[1:]),
            [r"\(item -rev_buys> user\) is missing, the reverse of .*; add it with add_reverses"],
        ),
        (
            now(edges={**EDGES, ("tag", "of", "item"): EdgeSpec()}),
            [r"relation \(tag -of> item\) was not there when .*; leave it out"],
        ),
        (
            now(edges={**EDGES, BUYS: EdgeSpec(timed=True)}),
            [r"buys> item\) has no weights, but had them", "has times, but had none when"],
        ),
        (
            now(edges={**EDGES, KNOWS: EdgeSpec(feature_dim=3)}),
            [r"knows> user\) has 3 edge features, but 0 when the model was trained"],
        ),
        (
            now(pairs=PAIRS[:1]),
            [r"\(user -knows> user\) is not declared as the reverse of \(user -knows> user\)"],
        ),
        (
            now(dict(reversed(NODES.items())), dict(reversed(EDGES.items()))),
            [
                "the node types are in another order .* in the order user, item, tag, word, place",
                "the relations are in another order .* user -buys> item, item -rev_buys> user",
            ],
        ),
    ],
)
def test_each_difference_has_a_line_with_a_cure(changed: Schema, expected: list[str]) -> None:
    lines = schema_differences(MADE, changed)
    assert len(lines) == len(expected), lines
    for line, pattern in zip(lines, expected, strict=True):
        assert re.search(pattern.replace("?", r"\?"), line), line
        assert line.endswith((".", "?"))
        assert "\n" not in line


def graph(nodes: list[str], edges: list[EdgeType], pairs: Any) -> HeteroGraph:
    counts = {"user": 2, "item": 3, "more": 1}
    buys = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([2, 0]), 2, 3)
    knows = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([1, 0]), 2, 2)
    relations = {BUYS: buys, SOLD: buys.transpose, KNOWS: knows}
    return HeteroGraph(
        num_nodes={name: counts[name] for name in nodes},
        relations={key: relations[key] for key in edges},
        reverses=pairs,
    )


def test_the_order_of_types_is_mended() -> None:
    made = graph(["user", "item"], [BUYS, SOLD, KNOWS], PAIRS)
    other = graph(["item", "user"], [KNOWS, SOLD, BUYS], ((KNOWS, KNOWS), (SOLD, BUYS)))
    assert schema_differences(made.schema, other.schema)
    mended = in_order_of(other, made.schema)
    assert mended.schema == made.schema
    assert mended.content_hash == made.content_hash
    more = graph(["more", "item", "user"], [KNOWS, BUYS], ())
    assert in_order_of(more, made.schema).node_types == ("user", "item", "more")
    assert in_order_of(made, made.schema) is made
