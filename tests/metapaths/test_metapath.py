import copy
import pickle

import pytest
import torch

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Relation, Schema
from hetgraph.errors import MetaPathError, SchemaError
from hetgraph.metapaths.metapath import MetaPath, as_metapath
from hetgraph.metapaths.step import Step

WRITES = EdgeType("author", "writes", "paper")
WRITTEN = EdgeType("paper", "written_by", "author")
AT = EdgeType("paper", "at", "venue")
CITES = EdgeType("paper", "cites", "paper")
CITED = EdgeType("paper", "cited_by", "paper")
FRIEND = EdgeType("author", "friend", "author")


@pytest.fixture
def schema() -> Schema:
    return Schema(
        {name: FeatureSpec() for name in ("author", "paper", "venue")},
        {key: EdgeSpec() for key in (WRITES, WRITTEN, AT, CITES, CITED, FRIEND)},
        ((WRITES, WRITTEN), (CITES, CITED), (FRIEND, FRIEND)),
    )


def test_a_path_is_an_immutable_hashable_value(schema):
    path = MetaPath((Step(WRITES), Step(AT)), schema)
    assert path == MetaPath.parse("author-paper-venue", schema)
    assert {path: 1}[MetaPath.parse("author-paper-venue", schema)] == 1
    assert path != MetaPath.parse("author-paper", schema)
    with pytest.raises(AttributeError):
        path.steps = ()


def test_walking_back_is_walking_the_declared_reverse(schema):
    back = MetaPath((Step(WRITES, False),), schema)
    assert back == MetaPath((Step(WRITTEN, True),), schema)
    assert back.steps == (Step(WRITTEN, True),)
    assert MetaPath((Step(AT, False),), schema).steps == (Step(AT, False),)


def test_ends_types_and_length(schema):
    path = MetaPath.parse("author-paper-venue", schema)
    assert (path.start, path.end, len(path)) == ("author", "venue", 2)
    assert path.node_types == ("author", "paper", "venue")


def test_sum_reverse_and_symmetric(schema):
    there, on = MetaPath.parse("author-paper", schema), MetaPath.parse("paper-venue", schema)
    both = there + on
    assert both == MetaPath.parse("author-paper-venue", schema)
    assert ~both == MetaPath.parse("venue-paper-author", schema)
    assert ~~both == both
    assert ~(there + on) == ~on + ~there
    assert both.symmetric == MetaPath.parse("author-paper-venue-paper-author", schema)
    assert both.symmetric.is_symmetric
    assert not both.is_symmetric


def test_opposite_citations_are_different_paths(schema):
    cites = MetaPath((Step(CITES),), schema)
    assert ~cites == MetaPath((Step(CITED),), schema) != cites
    assert (cites + cites).is_symmetric is False
    assert (cites + ~cites).is_symmetric


def test_an_undirected_relation_is_its_own_reverse(schema):
    friend = MetaPath.parse("author-author", schema)
    assert friend.steps == (Step(FRIEND),)
    assert friend.is_symmetric
    assert (friend + friend).is_symmetric


def test_sum_must_meet(schema):
    one, other = MetaPath.parse("author-paper", schema), MetaPath.parse("venue-paper", schema)
    with pytest.raises(MetaPathError, match=r"cannot join .*ends at 'paper'.*starts at 'venue'"):
        one + other


def test_construction_checks_the_steps(schema):
    with pytest.raises(MetaPathError, match="at least one step"):
        MetaPath((), schema)
    with pytest.raises(MetaPathError, match=r"author -edits> paper\) is not in the schema"):
        MetaPath((Step(EdgeType("author", "edits", "paper")),), schema)
    with pytest.raises(MetaPathError, match="do not meet"):
        MetaPath((Step(WRITES), Step(WRITES)), schema)


def test_text_names_relations_only_where_needed(schema):
    path = MetaPath((Step(WRITES), Step(CITES), Step(AT)), schema)
    assert str(path) == "author-paper -cites> paper-venue"
    assert repr(path) == "MetaPath('author-paper -cites> paper-venue')"
    assert str(Step(AT, False)) == "venue <at- paper"


def test_copies_are_equal(schema):
    path = MetaPath.parse("author-paper-venue", schema)
    assert copy.deepcopy(path) == path
    assert pickle.loads(pickle.dumps(path)) == path  # sent to worker processes


def test_as_metapath_checks_against_the_schema(schema):
    path = MetaPath.parse("author-paper-venue", schema)
    assert as_metapath(path, schema) is path
    assert as_metapath("author-paper-venue", schema) == path
    smaller = Schema(schema.node_types, {WRITES: EdgeSpec()})
    with pytest.raises(MetaPathError, match="not in the schema"):
        as_metapath(path, smaller)
    with pytest.raises(MetaPathError, match="found int"):
        as_metapath(3, schema)


def test_as_metapath_follows_the_reverses_of_the_new_schema(schema):
    back = ~MetaPath.parse("author-paper", schema)
    undeclared = Schema(schema.node_types, schema.edge_types)
    assert as_metapath(back, undeclared).steps == (Step(WRITTEN),)
    plain = Schema(schema.node_types, {WRITES: EdgeSpec()})
    there = MetaPath.parse("author-paper", plain)
    assert (~there).steps == (Step(WRITES, False),)
    assert as_metapath(~there, schema) == back


def test_a_custom_relation_joins_the_algebra(schema):
    relation = Relation.from_edges(torch.tensor([0]), torch.tensor([1]), 2, 2)
    near = MetaPath.from_relation(schema, "near", "author", "author", relation)
    assert (near.start, near.end, str(near)) == ("author", "author", "author -near> author")
    assert ~~near == near != ~near
    longer = near + MetaPath.parse("author-paper", schema)
    assert longer.custom == near.custom
    assert as_metapath(longer, schema).node_types == ("author", "author", "paper")
    other = MetaPath.from_relation(schema, "near", "author", "author", relation.transpose)
    assert other != near
    with pytest.raises(MetaPathError, match="two relations with the same name"):
        near + other


def test_a_custom_relation_cannot_take_a_name_of_the_graph(schema):
    relation = Relation.from_edges(torch.tensor([0]), torch.tensor([1]), 2, 2)
    with pytest.raises(MetaPathError, match="already has"):
        MetaPath.from_relation(schema, "friend", "author", "author", relation)
    with pytest.raises(SchemaError, match="Did you mean 'author'"):
        MetaPath.from_relation(schema, "near", "autor", "author", relation)
