import pytest

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.metapaths.step import Step, quote, spell, spell_step


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("author", "author"),
        ("rev_writes.2", "rev_writes.2"),
        ("Straße", "Straße"),
        ("", "''"),
        ("my-type", "'my-type'"),
        ("a b", "'a b'"),
        ("a\u00a0b", "'a\u00a0b'"),  # a no-break space is white space too
        ("it's", "'it''s'"),
        ('say "x"', "'say \"x\"'"),
        ("<", "'<'"),
    ],
)
def test_quote(name, expected):
    assert quote(name) == expected


def test_spell_step_names_the_relation():
    step = Step(EdgeType("a", "is in", "b-c"))
    assert spell_step(step) == "a -'is in'> 'b-c'"
    assert spell_step(Step(step.edge_type, False)) == "'b-c' <'is in'- a"


def test_spell_names_relations_only_where_types_leave_a_choice():
    edges = [EdgeType("a", "r", "b"), EdgeType("a", "s", "b"), EdgeType("b", "t", "c")]
    schema = Schema({n: FeatureSpec() for n in "abc"}, dict.fromkeys(edges, EdgeSpec()))
    path = (Step(edges[0]), Step(edges[2]), Step(edges[2], False), Step(edges[1], False))
    assert spell(path, schema) == "a -r> b-c-b <s- a"
