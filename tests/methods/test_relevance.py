"""The direction of labels, defined once."""

from __future__ import annotations

import pytest

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.metapaths import MetaPath
from hetgraph.methods import arriving_label, mixed_label, path_label

BUYS, VIEWS, BOUGHT = (
    EdgeType("user", "buys", "item"),
    EdgeType("user", "views", "item"),
    EdgeType("item", "bought_by", "user"),
)
NODES = {"user": FeatureSpec(), "item": FeatureSpec()}
SCHEMA = Schema(NODES, {BUYS: EdgeSpec(), VIEWS: EdgeSpec(), BOUGHT: EdgeSpec()}, ((BUYS, BOUGHT),))


def test_one_relation_is_named_in_the_direction_of_messages() -> None:
    assert arriving_label(BUYS, "item", SCHEMA) == "user -buys> item"
    assert arriving_label(BUYS, "user", SCHEMA) == "item -bought_by> user"
    assert arriving_label(VIEWS, "user", SCHEMA) == "item <views- user"
    follows = EdgeType("user", "follows", "user")
    within = Schema(NODES, {follows: EdgeSpec()})
    assert arriving_label(follows, "user", within) == "user -follows> user"


@pytest.mark.parametrize("text", ["item <views- user -buys> item", "user -buys> item"])
def test_a_path_reads_as_it_is_written(text: str) -> None:
    path = MetaPath.parse(text, SCHEMA)
    assert path_label(path, SCHEMA) == path_label(path.steps, SCHEMA) == text


def test_mixed_messages_name_their_types_and_their_last_way() -> None:
    once = mixed_label(["b", "a"], "a-b", 1)
    assert once == "{a, b} -> a-b"
    assert (
        mixed_label(["b", "a"], "a-b", 2) == mixed_label("ab", "a-b", 3) == "{a, b} -> ... -> a-b"
    )
