"""Relation pairs, group lists and shapes, and the parameter counts they lead to."""

from __future__ import annotations

import pytest

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.models.rphgnn import RpHGNN, RpHGNNConfig
from hetgraph.models.rphgnn.groups import Layout, relation_pairs
from hetgraph.tasks import TaskSpec


def make_schema(
    feature_dims: dict[str, int], relations: list[tuple[str, str, str]], *, both: bool = True
) -> Schema:
    """Builds a schema with every bipartite relation stored in both directions."""
    edges, reverses = {}, []
    for src, name, dst in relations:
        edges[EdgeType(src, name, dst)] = EdgeSpec()
    for src, name, dst in relations:
        if both and src != dst:
            back = EdgeType(dst, "r." + name, src)
            edges[back] = EdgeSpec()
            reverses.append((EdgeType(src, name, dst), back))
    nodes = {
        name: FeatureSpec("dense", dim) if dim else FeatureSpec("none")
        for name, dim in feature_dims.items()
    }
    return Schema(nodes, edges, tuple(reverses))


ACM = make_schema(
    {"paper": 1902, "author": 1902, "subject": 1902, "term": 0},
    [
        ("paper", "pp", "paper"),
        ("paper", "ps", "subject"),
        ("paper", "pt", "term"),
        ("author", "ap", "paper"),
    ],
)
DBLP = make_schema(
    {"author": 334, "paper": 4231, "term": 50, "venue": 0},
    [("author", "ap", "paper"), ("paper", "pt", "term"), ("venue", "vp", "paper")],
)
IMDB = make_schema(
    {"movie": 3489, "director": 3341, "actor": 3341, "keyword": 0},
    [("director", "d", "movie"), ("actor", "a", "movie"), ("keyword", "k", "movie")],
)
FREEBASE = make_schema(
    {str(i): 0 for i in range(8)},
    [(str(i), f"{i}{j}", str(j)) for i in range(8) for j in range(i, 8)],
)
MAG = make_schema(
    {"paper": 128, "author": 0, "field": 0, "institution": 0},
    [
        ("author", "affiliated", "institution"),
        ("author", "writes", "paper"),
        ("paper", "cites", "paper"),
        ("paper", "has_topic", "field"),
    ],
)
OAG = make_schema(
    {"paper": 768, "author": 0, "affiliation": 0, "venue": 0, "field": 0},
    [
        *[("author", f"writes_{i}", "paper") for i in ("first", "last", "other")],
        ("author", "in", "affiliation"),
        *[("paper", f"v_{kind}", "venue") for kind in ("conference", "repository", "patent")],
        ("paper", "cites", "paper"),
        *[("paper", f"f_L{i}", "field") for i in range(6)],
        ("field", "in", "field"),
    ],
)
OAG_L1 = make_schema(
    {"paper": 768, "author": 0, "affiliation": 0, "venue": 0, "field": 0},
    [
        *[("author", f"writes_{i}", "paper") for i in ("first", "last", "other")],
        ("author", "in", "affiliation"),
        *[("paper", f"v_{kind}", "venue") for kind in ("conf", "rep", "patent", "journal")],
        ("paper", "cites", "paper"),
        *[("paper", f"f_L{i}", "field") for i in (0, 2, 3, 4, 5)],
        ("field", "in", "field"),
    ],
)

PUBLISHED = [
    pytest.param(
        ACM, "paper", 3, False,
        RpHGNNConfig(iterations=6, noise_dim=256, hidden_dim=64, merge="mean"),
        8, 1_775_244, id="ACM",
    ),
    pytest.param(
        DBLP, "author", 4, False,
        RpHGNNConfig(iterations=5, noise_dim=1024, hidden_dim=512, use_input=False),
        2, 5_727_777, id="DBLP",
    ),
    pytest.param(
        IMDB, "movie", 5, True,
        RpHGNNConfig(iterations=3, noise_dim=1024, hidden_dim=256),
        6, 10_095_688, id="IMDB",
    ),
    pytest.param(
        FREEBASE, "0", 7, False,
        RpHGNNConfig(
            iterations=6, noise_dim=512, hidden_dim=256, use_input=False,
            group_layers=1, head_layers=1,
        ),
        16, 4_227_319, id="Freebase",
    ),
    pytest.param(
        MAG, "paper", 349, False,
        RpHGNNConfig(iterations=5, noise_dim=512, hidden_dim=512),
        6, 4_904_376, id="MAG",
    ),
    pytest.param(
        MAG, "paper", 349, False,
        RpHGNNConfig(iterations=3, noise_dim=512, hidden_dim=512, labels=True),
        10, 7_720_368, id="MAG-LB",
    ),
    pytest.param(
        OAG, "paper", 100, False,
        RpHGNNConfig(iterations=3, noise_dim=256, hidden_dim=512, merge="mean", target_dim=256),
        27, 14_577_443 + 513 * 100, id="OAG-Venue",
    ),
    pytest.param(
        OAG_L1, "paper", 275, True,
        RpHGNNConfig(
            iterations=3, noise_dim=384, hidden_dim=512, merge="mean", target_dim=256,
            use_input=False, loss="kl",
        ),
        27, 16_291_356, id="OAG-L1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "target", "classes", "multi", "config", "groups", "parameters"), PUBLISHED
)
def test_parameter_count_is_the_published_one(
    schema, target, classes, multi, config, groups, parameters
):
    spec = TaskSpec("node-classification", target, classes, multi, num_classes=classes)
    model = RpHGNN.build(schema, spec, config)
    assert len(model.encoder.layout.shapes) == groups
    assert model.num_parameters() == parameters


def test_group_order_is_by_forward_triple_then_hops():
    layout = Layout(ACM, "paper", 3, RpHGNNConfig())
    order = [(group.pair.forward.name, group.hops) for group in layout.feature_groups]
    assert order == [
        ("ap", 1), ("ap", 2), ("pp", 1), ("pp", 2), ("ps", 1), ("ps", 2), ("pt", 1), ("pt", 2),
    ]  # fmt: skip


def test_canonical_direction_is_the_one_declared_first():
    a, b = EdgeType("x", "b", "y"), EdgeType("y", "a", "x")
    nodes = {"x": FeatureSpec(), "y": FeatureSpec()}
    first = Schema(nodes, {a: EdgeSpec(), b: EdgeSpec()}, ((b, a),))
    assert [pair.forward for pair in relation_pairs(first)] == [a]
    second = Schema(nodes, {b: EdgeSpec(), a: EdgeSpec()}, ((b, a),))
    assert [pair.forward for pair in relation_pairs(second)] == [b]


def test_declared_homogeneous_reverses_are_one_pair():
    cite, ref = EdgeType("p", "cite", "p"), EdgeType("p", "ref", "p")
    schema = Schema({"p": FeatureSpec()}, {cite: EdgeSpec(), ref: EdgeSpec()}, ((cite, ref),))
    (pair,) = relation_pairs(schema)
    assert pair.homogeneous
    assert not pair.symmetric


def test_even_odd_doubles_rounds_of_odd_and_drops_groups():
    for name, rounds, hops in (("all", 3, {1, 2}), ("even", 3, {2}), ("odd", 6, {1})):
        layout = Layout(DBLP, "author", 4, RpHGNNConfig(even_odd=name, use_input=True))
        assert {group.hops for group in layout.feature_groups} == hops
        assert [slots for slots, _ in layout.shapes] == [
            rounds + (group.hops == 2) for group in layout.feature_groups
        ]


def test_only_types_that_still_reach_the_target_are_required():
    layout = Layout(DBLP, "author", 4, RpHGNNConfig(iterations=5))
    required = layout.required()
    assert required[-1] == {"author", "paper"}
    assert all(types == {"author", "paper", "term", "venue"} for types in required[:-1])
    even = Layout(DBLP, "author", 4, RpHGNNConfig(iterations=5, even_odd="even"))
    assert all(types == {"author"} for types in even.required())


def test_missing_features_take_the_noise_dim():
    layout = Layout(ACM, "paper", 3, RpHGNNConfig(noise_dim=77))
    assert layout.dims == {"paper": 1902, "author": 1902, "subject": 1902, "term": 77}


def test_label_groups_are_round_trips_and_one_hop_within_the_target_type():
    layout = Layout(MAG, "paper", 349, RpHGNNConfig(labels=True))
    listed = [(group.pair.forward.name, group.hops) for group in layout.label_groups]
    assert listed == [("writes", 2), ("cites", 1), ("cites", 2), ("has_topic", 2)]
    assert list(layout.names[-4:]) == [
        (("label: paper-author-paper", 0),),
        (("label: paper -cites> paper (both directions)", 0),),
        (("label: paper -cites> paper -cites> paper (both directions)", 0),),
        (("label: paper-field-paper", 0),),
    ]


def test_a_slot_is_named_by_what_it_carries_and_the_way_it_came():
    layout = Layout(DBLP, "author", 4, RpHGNNConfig(iterations=3, use_input=True, target_dim=8))
    every = "{author, paper, term, venue}"
    odd, even, given = layout.names
    assert odd == (
        ("paper -r.ap> author", 0),
        (f"{every} -> paper -r.ap> author", 1),
        (f"{every} -> ... -> paper -r.ap> author", 2),
    )
    assert even == (
        ("(self)", 0),
        ("author-paper-author", 0),
        ("{author, paper} -> author-paper-author", 1),
        (f"{every} -> ... -> author-paper-author", 2),
    )
    assert given == (("(self) (as given)", 0),)
    acm = Layout(ACM, "paper", 3, RpHGNNConfig(iterations=1, use_input=True))
    own = [slots[0][0] for slots in acm.names if slots[0][0].startswith("(self)")]
    assert "(self) (beside paper-author-paper)" in own
    assert len(own) == len(set(own)) > 1
