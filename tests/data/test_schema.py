import pickle

import pytest

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.errors import SchemaError

WRITES = EdgeType("author", "writes", "paper")
WRITTEN = EdgeType("paper", "written by", "author")
CITES = EdgeType("paper", "cites", "paper")


def schema(**change: object) -> Schema:
    parts = {
        "node_types": {"author": FeatureSpec("dense", 3), "paper": FeatureSpec()},
        "edge_types": {WRITES: EdgeSpec(), WRITTEN: EdgeSpec(), CITES: EdgeSpec(weighted=True)},
        "reverses": ((WRITES, WRITTEN), (CITES, CITES)),
    }
    return Schema(**{**parts, **change})


def test_round_trips_and_hashes() -> None:
    one = schema()
    assert Schema.from_dict(one.to_dict()) == one
    assert hash(Schema.from_dict(one.to_dict())) == hash(one)
    assert pickle.loads(pickle.dumps(one)) == one
    assert schema(reverses=()) != one


def test_reverses_go_both_ways() -> None:
    one = schema()
    assert one.reverse_of(WRITES) == WRITTEN
    assert one.reverse_of(WRITTEN) == WRITES
    assert one.reverse_of(CITES) == CITES
    assert schema(reverses=()).reverse_of(WRITES) is None


def test_names_resolve_or_suggest() -> None:
    one = schema()
    assert one.edge_type("writes") == WRITES
    assert one.edge_type(("paper", "cites", "paper")) == CITES
    assert one.incident("author") == (WRITES, WRITTEN)
    with pytest.raises(SchemaError, match="Did you mean 'cites'"):
        one.edge_type("cite")
    with pytest.raises(SchemaError, match="Did you mean 'author'"):
        one.node_type("autor")


def test_ambiguous_name_lists_the_triples() -> None:
    twice = {WRITES: EdgeSpec(), EdgeType("paper", "writes", "author"): EdgeSpec()}
    with pytest.raises(SchemaError, match="ambiguous"):
        schema(edge_types=twice, reverses=()).edge_type("writes")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"edge_types": {EdgeType("x", "y", "paper"): EdgeSpec()}, "reverses": ()},
            "unknown source",
        ),
        ({"reverses": ((WRITES, CITES),)}, "do not swap"),
        ({"reverses": ((WRITES, EdgeType("paper", "z", "author")),)}, "not an edge type"),
    ],
)
def test_contradictions_are_told(change: dict, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        schema(**change)


def test_feature_spec_checks_its_kind() -> None:
    with pytest.raises(SchemaError, match="Did you mean 'dense'"):
        FeatureSpec("dens", 3)  # type: ignore[arg-type]
