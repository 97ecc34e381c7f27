"""Builders of hypergraphs against plain loops over edges."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product

import pytest
import torch

from hetgraph.data import CSR, EdgeType, HeteroGraph, Hypergraph, Relation
from hetgraph.data.hypergraph_relations import (
    relation_hypergraph,
    signature_hypergraph,
    star_hypergraph,
)
from hetgraph.data.hypergraph_sets import SetLimits, limit_sets
from hetgraph.data.numbering import joint_edges
from hetgraph.data.quotient import equal_rows
from hetgraph.errors import BudgetError, ConfigError, DataError, MetaPathError, SchemaError
from hetgraph.metapaths.hypergraph import metapath_hypergraph

Triples = list[tuple[int, str, int]]


def knowledge(triples: Triples, num_nodes: int, *, reverses: bool = False) -> HeteroGraph:
    """A knowledge graph of one node type."""
    relations = {}
    for name in dict.fromkeys(relation for _, relation, _ in triples):
        ends = [(head, tail) for head, relation, tail in triples if relation == name]
        src, dst = torch.tensor(ends).T
        relations[EdgeType("entity", name, "entity")] = Relation.from_edges(
            src, dst, num_nodes, num_nodes
        )
    graph = HeteroGraph(num_nodes={"entity": num_nodes}, relations=relations)
    return graph.with_reverses() if reverses else graph


def sets_of(hypergraph: Hypergraph) -> list[tuple[str, list[int]]]:
    bounds, members = hypergraph.members.indptr.tolist(), hypergraph.members.indices.tolist()
    return [
        (hypergraph.type_names[kind], members[start:stop])
        for kind, start, stop in zip(
            hypergraph.edge_type.tolist(), bounds[:-1], bounds[1:], strict=True
        )
    ]


TRIPLES: Triples = [(0, "p", 1), (1, "p", 2), (2, "p", 0), (3, "q", 4), (4, "q", 5), (5, "q", 3),
                    (6, "p", 0), (6, "q", 3)]  # fmt: skip


@pytest.mark.parametrize("reverses", [False, True])
def test_signatures_by_hand(reverses: bool) -> None:
    actual = sets_of(signature_hypergraph(knowledge(TRIPLES, 9, reverses=reverses)))
    p, q = "entity -p> entity", "entity -q> entity"
    expected = [(p, [0, 1, 2]), (q, [3, 4, 5]), ("one node", [6]), ("no inner relation", [7, 8])]
    assert actual == expected


def test_the_type_is_all_relations_inside_but_no_loops() -> None:
    triples: Triples = [(0, "p", 1), (0, "q", 1), (1, "r", 1), (0, "r", 0), (2, "p", 3)]
    triples += [(2, "q", 2), (3, "q", 3), (2, "r", 2), (3, "r", 3)]
    actual = sets_of(signature_hypergraph(knowledge(triples, 4)))
    assert actual == [("entity -p> entity + entity -q> entity", [0, 1, 2, 3])]
    # The same signatures, but p is the only relation between two nodes.
    triples = [triple for triple in triples if triple != (0, "q", 1)] + [(0, "q", 0), (1, "q", 1)]
    assert sets_of(signature_hypergraph(knowledge(triples, 4)))[0][0] == "entity -p> entity"


def test_signatures_of_a_random_graph(random_graph: Callable[..., HeteroGraph]) -> None:
    graph = random_graph(3, num_nodes=40, num_edges=45)
    total = sum(graph.num_nodes.values())
    signature: list[set[str]] = [set() for _ in range(total)]
    edges = [(str(key), s, d) for key, src, dst in joint_edges(graph)
             for s, d in zip(src.tolist(), dst.tolist(), strict=True)]  # fmt: skip
    for key, src, dst in edges:
        signature[src].add(key)
        signature[dst].add(key)
    groups: dict[frozenset[str], list[int]] = {}
    for node in range(total):
        groups.setdefault(frozenset(signature[node]), []).append(node)
    actual = signature_hypergraph(graph)
    assert actual.is_partition
    assert [members for _, members in sets_of(actual)] == list(groups.values())
    for name, members in sets_of(actual):
        inner = {key for key, src, dst in edges if {src, dst} <= set(members) and src != dst}
        expected = " + ".join(sorted(inner, key=[str(k) for k in graph.edge_types].index))
        assert name == ("one node" if len(members) == 1 else expected or "no inner relation")


def test_relation_sets(toy_graph: HeteroGraph) -> None:
    actual = sets_of(relation_hypergraph(toy_graph))
    assert actual == [
        ("author -writes> paper", [0, 1, 2, 3, 4]),
        ("paper -published_at> venue", [2, 3, 4, 5]),
    ]
    bare = HeteroGraph(num_nodes={"a": 3}, relations={})
    for build in (relation_hypergraph, signature_hypergraph):
        with pytest.raises(DataError):
            build(bare)
    empty = Relation.from_edges(torch.tensor([]).long(), torch.tensor([]).long(), 2, 2)
    wider = toy_graph.with_relation(("author", "knows", "author"), empty)
    assert len(sets_of(relation_hypergraph(wider))) == 2


def test_stars(toy_graph: HeteroGraph) -> None:
    """Papers of an author, authors of a paper, papers of a venue; sets of one node are dropped."""
    assert sets_of(star_hypergraph(toy_graph)) == [
        ("author -writes> paper", [0, 1]),
        ("paper -written_by> author", [2, 3]),
        ("paper -written_by> author", [3, 4]),
        ("paper -published_at> venue", [2, 3, 4]),
    ]
    centered = star_hypergraph(toy_graph, ["published_at", "writes"], include_center=True)
    assert sets_of(centered) == [
        ("paper -published_at> venue", [2, 3, 4, 5]),
        ("author -writes> paper", [0, 2]),
        ("author -writes> paper", [0, 1, 3]),
        ("author -writes> paper", [1, 4]),
    ]
    with pytest.raises(SchemaError, match="writs"):
        star_hypergraph(toy_graph, ["writs"])
    with pytest.raises(DataError, match="within the limits"):
        star_hypergraph(toy_graph, limits=SetLimits(min_size=4))


def test_equal_stars_of_a_relation_are_one() -> None:
    triples: Triples = [
        (0, "p", 5),
        (1, "p", 5),
        (0, "p", 6),
        (1, "p", 6),
        (0, "q", 7),
        (1, "q", 7),
    ]
    assert sets_of(star_hypergraph(knowledge(triples, 8))) == [
        ("entity -p> entity", [0, 1]),
        ("entity -q> entity", [0, 1]),
    ]


def instances(graph: HeteroGraph, names: list[tuple[str, bool]]) -> list[list[int]]:
    """All instances of a path, as lists of global node ids, by brute force."""
    by_name = {key.name: list(zip(src.tolist(), dst.tolist(), strict=True))
               for key, src, dst in joint_edges(graph)}  # fmt: skip
    actual = []
    for edges in product(*(by_name[name] for name, _ in names)):
        ends = [
            edge if forward else edge[::-1] for edge, (_, forward) in zip(edges, names, strict=True)
        ]
        if all(first[1] == second[0] for first, second in pairwise(ends)):
            actual.append([ends[0][0], *(end for _, end in ends)])
    return actual


@pytest.mark.parametrize("intermediates", [False, True])
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("paper -cites> paper -has> term", [("cites", True), ("has", True)]),
        ("author -writes> paper -cites> paper -has> term",
         [("writes", True), ("cites", True), ("has", True)]),
        ("term <has- paper -cites> paper", [("has", False), ("cites", True)]),
    ],
)  # fmt: skip
def test_metapaths_against_all_instances(
    random_graph: Callable[..., HeteroGraph],
    text: str,
    names: list[tuple[str, bool]],
    intermediates: bool,
) -> None:
    graph = random_graph(1, num_nodes=12, num_edges=18)
    expected: dict[int, set[int]] = {}
    for nodes in instances(graph, names):
        kept = nodes if intermediates else [nodes[0], nodes[-1]]
        expected.setdefault(nodes[0], set()).update(kept)
    wanted: list[list[int]] = []
    for start in sorted(expected):
        members = sorted(expected[start])
        if len(members) > 1 and members not in wanted:
            wanted.append(members)
    actual = metapath_hypergraph(graph, {"path": text}, intermediates=intermediates)
    assert sets_of(actual) == [("path", members) for members in wanted]


def test_several_metapaths_keep_their_types(toy_graph: HeteroGraph) -> None:
    paths = ["author-paper-author", "paper-venue-paper"]
    actual = metapath_hypergraph(toy_graph, paths)
    assert sets_of(actual) == [("author-paper-author", [0, 1]), ("paper-venue-paper", [2, 3, 4])]
    with pytest.raises(ConfigError, match="no meta-path"):
        metapath_hypergraph(toy_graph, [])
    with pytest.raises(MetaPathError):
        metapath_hypergraph(toy_graph, ["author-venue"])
    with pytest.raises(BudgetError):
        metapath_hypergraph(toy_graph, paths, memory_budget=1)


def test_limits_drop_merge_and_sample() -> None:
    rows = [[0, 1, 2], [3], [0, 1, 2], [4, 5], list(range(30)), [1, 4], []]
    ends = [(row, node) for row, nodes in enumerate(rows) for node in nodes]
    row, col = torch.tensor(ends).T
    sets = CSR.from_coo(row, col, (len(rows), 30))
    assert equal_rows(sets).tolist() == [0, 1, 0, 2, 3, 4, 5]

    def limited(anchors: torch.Tensor | None = None, **limits: object) -> list[list[int]]:
        kept = limit_sets(sets, SetLimits(**limits), "k", anchors)  # type: ignore[arg-type]
        bounds = kept.indptr.tolist()
        return [kept.indices[a:b].tolist() for a, b in pairwise(bounds)]

    assert limited() == [[0, 1, 2], [4, 5], list(range(30)), [1, 4]]
    assert limited(max_size=3, oversize="skip") == [[0, 1, 2], [4, 5], [1, 4]]
    assert limited(min_size=31) == []
    few = limited(max_edges=2, seed=1)
    assert len(few) == 2
    assert few == limited(max_edges=2, seed=1)
    assert any(limited(max_edges=2, seed=seed) != few for seed in range(5))
    anchors = torch.tensor([0, 3, 0, 4, 17, 1, 0])
    samples = [limited(anchors, max_size=4, seed=seed)[2] for seed in range(60)]
    assert all(len(members) == 4 and members == sorted(members) for members in samples)
    assert all(17 in members for members in samples)
    assert set().union(*samples) == set(range(30))  # every member has a chance
    free = [limited(max_size=4, seed=seed)[2] for seed in range(60)]
    assert not all(17 in members for members in free)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"min_size": 0}, "min_size is 0"),
        ({"max_size": 1}, "max_size is 1"),
        ({"max_edges": 0}, "max_edges is 0"),
        ({"oversize": "cut"}, "oversize is 'cut'"),
    ],
)
def test_bad_limits_are_reported(bad: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SetLimits(**bad)  # type: ignore[arg-type]
