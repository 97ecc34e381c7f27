import pickle

import pytest

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.errors import SchemaError

WRITES = EdgeType("author", "writes", "paper")
WRITTEN = EdgeType("paper", "written by", "author")
CITES = EdgeType("paper", "cites", "paper")


def schema(**change: object) -> Schema:
    arguments = {
        "node_types": {"author": FeatureSpec("dense", 3), "paper": FeatureSpec()},
        "edge_types": {WRITES: EdgeSpec(), WRITTEN: EdgeSpec(), CITES: EdgeSpec(weighted=True)},
        "reverses": ((WRITES, WRITTEN), (CITES, CITES)),
    }
    return Schema(**{**arguments, **change})


def test_round_trips_and_hashes() -> None:
    academic = schema()
    assert Schema.from_dict(academic.to_dict()) == academic
    assert hash(Schema.from_dict(academic.to_dict())) == hash(academic)
    assert pickle.loads(pickle.dumps(academic)) == academic
    assert schema(reverses=()) != academic


def test_reverses_go_both_ways() -> None:
    academic = schema()
    assert academic.reverse_of(WRITES) == WRITTEN
    assert academic.reverse_of(WRITTEN) == WRITES
    assert academic.reverse_of(CITES) == CITES
    assert schema(reverses=()).reverse_of(WRITES) is None


def test_names_resolve_or_suggest() -> None:
    academic = schema()
    assert academic.edge_type("writes") == WRITES
    assert academic.edge_type(("paper", "cites", "paper")) == CITES
    assert academic.incident("author") == (WRITES, WRITTEN)
    with pytest.raises(SchemaError, match="Did you mean 'cites'"):
        academic.edge_type("cite")
    with pytest.raises(SchemaError, match="Did you mean 'author'"):
        academic.node_type("autor")


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
def test_contradictions_are_reported(change: dict, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        schema(**change)


def test_feature_spec_checks_its_kind() -> None:
    with pytest.raises(SchemaError, match="Did you mean 'dense'"):
        FeatureSpec("dens", 3)  # type: ignore[arg-type]
