import itertools

import pytest

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.errors import MetaPathError, SchemaError
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.step import Step

EDGES = [
    EdgeType("a", "r", "b"),
    EdgeType("b", "back", "a"),
    EdgeType("b", "s", "c"),
    EdgeType("b", "loop", "b"),
]
SCHEMA = Schema(
    {name: FeatureSpec() for name in "abcd"},
    {edge: EdgeSpec() for edge in EDGES},
    ((EDGES[0], EDGES[1]),),
)


def walks(source: str, length: int) -> set[MetaPath]:
    """All step sequences tried one by one."""
    actual = set()
    steps = [Step(edge, forward) for edge in EDGES for forward in (True, False)]
    for walk in itertools.product(steps, repeat=length):
        ends = [(first.end, second.start) for first, second in itertools.pairwise(walk)]
        if walk[0].start == source and all(end == start for end, start in ends):
            actual.add(MetaPath(walk, SCHEMA))
    return actual


@pytest.mark.parametrize("source", ["a", "b", "c"])
def test_finds_every_path_once_short_ones_first(source):
    actual = MetaPath.enumerate(SCHEMA, source, 3)
    assert len(set(actual)) == len(actual)
    assert set(actual) == walks(source, 1) | walks(source, 2) | walks(source, 3)
    assert [len(path) for path in actual] == sorted(len(path) for path in actual)


def test_target_keeps_the_paths_that_end_there():
    everything = MetaPath.enumerate(SCHEMA, "a", 4)
    for target in "abc":
        expected = tuple(path for path in everything if path.end == target)
        assert MetaPath.enumerate(SCHEMA, "a", 4, target) == expected


def test_a_type_without_relations_has_no_paths():
    assert MetaPath.enumerate(SCHEMA, "d", 3) == ()
    assert MetaPath.enumerate(SCHEMA, "a", 3, "d") == ()


def test_a_target_cuts_branches_that_cannot_reach_it():
    """A star of 200 types has 200^3 walks of length 6, of which few end at one leaf."""
    leaves = [f"leaf{i}" for i in range(200)]
    edges = {EdgeType("hub", "to", leaf): EdgeSpec() for leaf in leaves}
    schema = Schema({name: FeatureSpec() for name in ["hub", *leaves]}, edges)
    assert len(MetaPath.enumerate(schema, "leaf0", 4, "leaf1")) == 1 + 200


def test_bad_arguments():
    with pytest.raises(SchemaError, match="unknown node type 'x'"):
        MetaPath.enumerate(SCHEMA, "x", 2)
    with pytest.raises(SchemaError, match="unknown node type 'y'"):
        MetaPath.enumerate(SCHEMA, "a", 2, "y")
    with pytest.raises(MetaPathError, match="max_length is 0"):
        MetaPath.enumerate(SCHEMA, "a", 0)
