import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.errors import MetaPathError
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.step import Step, quote

WRITES = EdgeType("author", "writes", "paper")
WRITTEN = EdgeType("paper", "written_by", "author")
PUBLISHES = EdgeType("venue", "publishes", "paper")
CITES = EdgeType("paper", "cites", "paper")
CITED = EdgeType("paper", "cited_by", "paper")
ODD = EdgeType("my-type", "it's > that", "author")
SCHEMA = Schema(
    {name: FeatureSpec() for name in ("author", "paper", "venue", "my-type", "lonely")},
    {key: EdgeSpec() for key in (WRITES, WRITTEN, PUBLISHES, CITES, CITED, ODD)},
    ((WRITES, WRITTEN), (CITES, CITED)),
)


def steps(text: str) -> tuple[Step, ...]:
    return MetaPath.parse(text, SCHEMA).steps


def test_by_node_types():
    expected = (Step(WRITES), Step(PUBLISHES, False))
    assert steps("author-paper-venue") == expected
    assert steps("  author -paper\t- venue\n") == expected


def test_by_relations():
    expected = (Step(WRITES), Step(PUBLISHES, False))
    assert steps("author -writes> paper <publishes- venue") == expected
    assert steps("author-writes>paper<publishes-venue") == expected


def test_mixed():
    assert steps("author-paper -cites> paper-venue") == (
        Step(WRITES),
        Step(CITES),
        Step(PUBLISHES, False),
    )


def test_a_declared_reverse_pair_is_one_candidate():
    assert steps("author-paper") == (Step(WRITES),)
    assert steps("author <written_by- paper") == (Step(WRITES),)
    assert steps("paper-author") == (Step(WRITTEN),)


def test_quotes():
    assert steps("'my-type'-author") == steps('"my-type"-author') == (Step(ODD),)
    assert steps("'my-type' -'it''s > that'> author") == (Step(ODD),)
    assert steps('author <"it\'s > that"- "my-type"') == (Step(ODD, False),)


def test_parsing_is_cached():
    equal = Schema.from_dict(SCHEMA.to_dict())
    assert MetaPath.parse("author-paper", SCHEMA) is MetaPath.parse("author-paper", equal)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("author-papr-venue", 8, "'papr' is not a node type. Did you mean 'paper'?"),
        ("autor-paper", 1, "'autor' is not a node type. Did you mean 'author'?"),
        ("'my_type'-author", 1, "Did you mean \"'my-type'\"?"),
        ("author", 7, "a path needs two or more"),
        ("", 1, "expected a node type, the text ends"),
        ("author-", 8, "the text ends"),
        ("author->paper", 8, "a relation and '>', after '-', found '>'"),
        ("author paper", 8, "expected '-' or '<', found 'paper'"),
        ("author-'paper", 8, "the quote ' is never closed"),
        ("author <writes paper", 16, "expected '-' after '<writes', found 'paper'"),
        ("author-venue", 8, "no relation joins 'author' and 'venue'"),
        ("author-lonely", 8, "'author' is joined to: 'my-type', paper."),
        ("lonely-author", 8, "'lonely' has no relations"),
        ("author -edits> paper", 9, "write one of: author -writes> paper; author-paper."),
        ("author <writes- paper", 9, "write one of: author -writes> paper; author-paper."),
        ("author-paper-paper", 14, "write one of: paper -cites> paper; paper -cited_by> paper."),
    ],
)
def test_errors_point_at_the_token(text, column, words):
    with pytest.raises(MetaPathError) as caught:
        MetaPath.parse(text, SCHEMA)
    message = str(caught.value)
    assert f"{text!r}, column {column}: " in message
    assert words in message


def test_an_undeclared_relation_inside_a_type_is_ambiguous_in_direction():
    follows = EdgeType("user", "follows", "user")
    schema = Schema({"user": FeatureSpec()}, {follows: EdgeSpec()})
    with pytest.raises(MetaPathError, match="user -follows> user; user <follows- user"):
        MetaPath.parse("user-user", schema)
    assert MetaPath.parse("user <follows- user", schema).steps == (Step(follows, False),)


def test_two_relations_between_two_types_are_ambiguous():
    both = [EdgeType("user", name, "item") for name in ("buys", "views")]
    schema = Schema({n: FeatureSpec() for n in ("user", "item")}, dict.fromkeys(both, EdgeSpec()))
    with pytest.raises(MetaPathError, match="user -buys> item; user -views> item"):
        MetaPath.parse("user-item", schema)
    with pytest.raises(MetaPathError, match="item <buys- user; item <views- user"):
        MetaPath.parse("item-user", schema)


def test_only_text_is_parsed():
    with pytest.raises(MetaPathError, match="found NoneType"):
        MetaPath.parse(None, SCHEMA)


@st.composite
def paths(draw: st.DrawFn) -> MetaPath:
    """A random path over a random schema with any names, reverses and parallel relations."""
    text = st.text(st.characters() | st.sampled_from("-<>'\" ab"), max_size=4)
    types = draw(st.lists(text, min_size=1, max_size=3, unique=True))
    triple = st.tuples(st.sampled_from(types), text, st.sampled_from(types))
    edges = [
        EdgeType(*edge) for edge in draw(st.lists(triple, min_size=1, max_size=6, unique=True))
    ]
    reverses, free = [], list(edges)
    while free and draw(st.booleans()):
        edge = free.pop()
        fitting = [x for x in [*free, edge] if (x.src, x.dst) == (edge.dst, edge.src)]
        if fitting:
            other = draw(st.sampled_from(fitting))
            reverses.append((edge, other))
            free = [x for x in free if x != other]
    schema = Schema({t: FeatureSpec() for t in types}, {e: EdgeSpec() for e in edges}, reverses)
    walk = [draw(st.builds(Step, st.sampled_from(edges), st.booleans()))]
    for _ in range(draw(st.integers(0, 4))):
        options = [Step(e, f) for e in edges for f in (True, False)]
        following = [step for step in options if step.start == walk[-1].end]
        walk.append(draw(st.sampled_from(following)))
    return MetaPath(tuple(walk), schema)


@given(paths())
def test_text_reads_back_as_the_same_path(path):
    assert MetaPath.parse(str(path), path.schema) == path


@given(paths())
def test_algebra_holds_for_any_path(path):
    assert ~~path == path
    assert path.symmetric.is_symmetric
    assert path.symmetric == ~path.symmetric
    assert hash(MetaPath.parse(str(path), path.schema)) == hash(path)
    assert (~path).node_types == path.node_types[::-1]


@given(paths())
def test_text_is_as_short_as_can_be(path):
    """Dropping a relation's name from the text makes it ambiguous."""
    for step in path.steps:
        short = f"{quote(step.start)}-{quote(step.end)}"
        edge = MetaPath((step,), path.schema)
        if len(str(edge)) > len(short):
            with pytest.raises(MetaPathError, match="is ambiguous"):
                MetaPath.parse(short, path.schema)


@given(st.text(st.characters() | st.sampled_from("-<>'\" ")))
def test_any_text_is_a_path_or_a_clear_error(text):
    problem = ""
    try:
        path = MetaPath.parse(text, SCHEMA)
        assert MetaPath.parse(str(path), SCHEMA) == path
    except MetaPathError as error:
        problem = str(error)
    assert not problem or ", column " in problem
