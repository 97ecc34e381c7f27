"""Targets of one folder: which one is asked for, how it is split, what is held out of the graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hetgraph.catalog import Dataset, EdgeValues, Labels, Links
from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError, UserError
from hetgraph.io import load_tables
from hetgraph.io.folder import tables_task
from hetgraph.io.problems import ProblemsError
from hetgraph.tasks import audit, make_task

BUYS, VIEWS, SOLD = (
    EdgeType("user", "buys", "item"),
    EdgeType("user", "views", "item"),
    EdgeType("item", "sold_to", "user"),
)
DECLARED = """
nodes:
  user: {file: user.csv, time: joined}
  item: {file: item.csv}
edges:
  - {type: [user, buys, item], file: buys.csv, time: day}
  - {type: [user, views, item], file: views.csv}
  - {type: [item, sold_to, user], file: sold.csv}
labels:
  tier: {node_type: user, column: tier, split: stratified}
  early: {node_type: user, column: tier, split: time, time: joined, valid: 0.25, test: 0.25}
  given: {node_type: user, column: tier, split: part}
links:
  bought: {edge: [user, buys, item], split: time, valid: 0.2, test: 0.2}
  drawn: {edge: [user, buys, item], split: random, task: recommendation}
edge_values: {stars: {edge: [user, buys, item], column: stars, split: time}}
"""
NUM_USERS, NUM_ITEMS, NUM_ROWS = 40, 25, 400


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    parts = ("train", "valid", "test")
    users = [f"u{i},{'ab'[i % 2]},{i},{parts[i % 3]}" for i in range(NUM_USERS)]
    (tmp_path / "user.csv").write_text("\n".join(["id,tier,joined,part", *users]) + "\n")
    (tmp_path / "item.csv").write_text("\n".join(["id", *(f"i{i}" for i in range(NUM_ITEMS))]))
    pairs = [(rng.integers(NUM_USERS), rng.integers(NUM_ITEMS)) for _ in range(NUM_ROWS)]
    days = rng.integers(0, 100, NUM_ROWS)
    buys = [
        f"u{user},i{item},{day},{day % 5 or ''}"
        for (user, item), day in zip(pairs, days, strict=True)
    ]
    (tmp_path / "buys.csv").write_text("\n".join(["src,dst,day,stars", *buys]) + "\n")
    views = [f"u{user},i{item}" for user, item in pairs]
    (tmp_path / "views.csv").write_text("\n".join(["src,dst", *views, "u0,i0"]) + "\n")
    sold = [f"i{item},u{user}" for user, item in pairs]
    (tmp_path / "sold.csv").write_text("\n".join(["src,dst", *sold]) + "\n")
    text = DECLARED.replace(", time: joined}\n  item", "}\n  item")
    (tmp_path / "tables.yaml").write_text(text)
    return tmp_path


def codes(pairs: torch.Tensor) -> set[int]:
    return set((pairs[0] * NUM_ITEMS + pairs[1]).tolist())


def edges_of(dataset: Dataset, key: EdgeType) -> set[int]:
    src, dst = dataset.graph.relations[key].edges()
    return codes(torch.stack([src, dst] if key.src == "user" else [dst, src]))


def first_of(dataset: Dataset) -> str:
    return next(iter(dataset.targets))


def test_the_first_target_is_the_default_and_all_others_but_held_out_links_are_read(
    shop: Path,
) -> None:
    dataset = load_tables(shop)
    assert [*dataset.targets] == ["tier", "early", "given", "stars"]
    assert dataset.task == tables_task(shop) == "node-classification"
    assert [*dataset.splits] == ["stratified-60-20-20"]
    assert dataset.graph.relation("buys").num_edges == NUM_ROWS
    assert [note for note in dataset.info["notes"] if "--task bought" in note]


def test_a_task_about_links_that_are_not_asked_for_tells_how(shop: Path) -> None:
    with pytest.raises(UserError, match=r"no held-out links.*asked for, with --task bought\."):
        make_task(load_tables(shop), options={"kind": "recommendation"})


@pytest.mark.parametrize(
    ("target", "kind", "task", "split"),
    [
        ("early", Labels, "node-classification", "time-50-25-25"),
        ("given", Labels, "node-classification", "part"),
        ("stars", EdgeValues, "edge-regression", "time-80-10-10"),
        ("bought", Links, "link-prediction", None),
        ("drawn", Links, "recommendation", None),
    ],
)
def test_a_target_that_is_asked_for_comes_first_with_its_own_split(
    shop: Path, target: str, kind: type, task: str, split: str | None
) -> None:
    dataset = load_tables(shop, target=target)
    assert first_of(dataset) == target
    assert isinstance(dataset.targets[target], kind)
    assert dataset.task == tables_task(shop, target=target) == task
    assert [*dataset.splits] == ([split] if split else [])
    audit(make_task(dataset, options={"negatives": "uniform"} if target == "bought" else {}))


def test_splits_of_nodes_by_time_and_by_a_column(shop: Path) -> None:
    early = load_tables(shop, target="early").splits["time-50-25-25"]
    assert early.valid is not None
    assert early.train.tolist() == list(range(20))  # u0 ... joined first
    assert early.valid.tolist() == list(range(20, 30))
    assert early.test.tolist() == list(range(30, 40))
    given = load_tables(shop, target="given").splits["part"]
    assert given.test.tolist() == list(range(2, 40, 3))


@pytest.mark.parametrize("target", ["bought", "drawn"])
def test_held_out_pairs_are_in_no_relation_in_no_direction(shop: Path, target: str) -> None:
    dataset = load_tables(shop, target=target)
    links = dataset.targets[target]
    assert isinstance(links, Links)
    assert links.valid is not None
    valid, test = codes(links.valid), codes(links.test)
    assert valid
    assert test
    assert not valid & test
    for key in dataset.graph.edge_types:
        assert not edges_of(dataset, key) & (valid | test), key
    # What is not held out stays: every pair of the whole graph is in one of the three.
    every = edges_of(load_tables(shop), BUYS)
    if target == "drawn":
        assert edges_of(dataset, BUYS) | valid | test == every
    assert [note for note in dataset.info["notes"] if note.startswith("held out of the graph")]


def test_by_time_a_pair_counts_where_it_is_first_bought_and_no_later_edge_stays(
    shop: Path,
) -> None:
    dataset = load_tables(shop, target="bought")
    links = dataset.targets["bought"]
    assert isinstance(links, Links)
    assert links.valid is not None
    whole = load_tables(shop).graph.relations[BUYS]
    src, dst = whole.edges()
    assert whole.edge_time is not None
    first: dict[int, int] = {}
    for pair, day in zip((src * NUM_ITEMS + dst).tolist(), whole.edge_time.tolist(), strict=True):
        first[pair] = min(day, first.get(pair, day))
    begin = min(first[pair] for pair in codes(links.valid))
    assert max(first[pair] for pair in codes(links.valid)) < min(
        first[pair] for pair in codes(links.test)
    )
    kept = dataset.graph.relations[BUYS]
    assert kept.edge_time is not None
    assert int(kept.edge_time.max()) < begin
    assert codes(links.valid) | codes(links.test) == {p for p, day in first.items() if day >= begin}


def test_an_edge_of_the_very_moment_from_which_links_are_held_out_is_later(tmp_path: Path) -> None:
    rows = [f"u{day},i{day},{day}" for day in range(10)]
    (tmp_path / "buys.csv").write_text("\n".join(["src,dst,day", *rows, "u0,i0,8", "u1,i1,7"]))
    (tmp_path / "tables.yaml").write_text(
        "nodes: {user: null, item: null}\n"
        "edges: [{type: [user, buys, item], file: buys.csv, time: day}]\n"
        "links: {edge: [user, buys, item], split: time}\n"
    )
    dataset = load_tables(tmp_path)
    links = dataset.links["links"]
    assert links.valid is not None
    assert links.valid.tolist() == [[8], [8]]
    time = dataset.graph.relation("buys").edge_time
    assert time is not None
    assert sorted(time.tolist()) == [0, 1, 2, 3, 4, 5, 6, 7, 7]


@pytest.mark.parametrize("undirected", [True, False])
def test_a_link_of_an_undirected_relation_is_held_out_in_both_directions(
    tmp_path: Path, undirected: bool
) -> None:
    pairs = [(a, b) for a in range(12) for b in range(a + 1, min(a + 4, 12))]
    rows = [f"{a},{b}" for a, b in pairs] + [f"{b},{a}" for a, b in pairs]
    (tmp_path / "knows.csv").write_text("\n".join(["src,dst", *rows]))
    knows = "[user, knows, user]"
    reverses = f"[[{knows}, {knows}]]" if undirected else "[]"
    (tmp_path / "tables.yaml").write_text(
        f"nodes: {{user: 12}}\nedges: [{{type: {knows}, file: knows.csv}}]\n"
        f"reverses: {reverses}\nadd_reverses: false\nlinks: {{edge: {knows}, split: random}}\n"
    )
    dataset = load_tables(tmp_path)
    links = dataset.links["links"]
    assert links.valid is not None
    held = torch.cat([links.valid, links.test], dim=1)
    kept = {*zip(*(ends.tolist() for ends in dataset.graph.relation("knows").edges()), strict=True)}
    assert not kept & {*zip(*held.tolist(), strict=True)}
    mirrors = {*zip(*held.flip(0).tolist(), strict=True)}
    assert bool(kept & mirrors) is not undirected  # the other direction is another link
    assert len(kept) == 2 * len(pairs) - held.shape[1] * (2 if undirected else 1)
    assert audit(make_task(dataset, options={"negatives": "uniform"})).checks


def test_stand_ins_are_declared(shop: Path) -> None:
    path = shop / "tables.yaml"
    text = path.read_text()
    assert not load_tables(shop).graph.features
    path.write_text(text + "standins: {user: 'incidence-svd:4', item: 'random:3'}\n")
    features = load_tables(shop).graph.features
    assert (features["user"].shape, features["item"].shape) == ((NUM_USERS, 4), (NUM_ITEMS, 3))
    path.write_text(text + "standins: {usr: random}\n")
    with pytest.raises(UserError, match="Did you mean 'user'"):
        load_tables(shop)


@pytest.mark.parametrize("of_target", [True, False])
def test_later_edges_of_other_relations_between_the_two_types_go_where_they_have_times(
    tmp_path: Path, of_target: bool
) -> None:
    times = (", time: day", "") if of_target else ("", ", time: day")
    rows = [f"u{day},i{day},{day}" for day in range(10)]
    (tmp_path / "buys.csv").write_text("\n".join(["src,dst,day", *rows]))
    (tmp_path / "views.csv").write_text("src,dst,day\nu0,i1,7\nu0,i2,8\nu0,i9,1\n")
    (tmp_path / "back.csv").write_text("src,dst,day\ni0,u1,7\ni0,u2,8\n")
    (tmp_path / "knows.csv").write_text("src,dst,day\nu0,u1,9\n")
    (tmp_path / "tables.yaml").write_text(
        "nodes: {user: null, item: null}\nedges:\n"
        f"- {{type: [user, buys, item], file: buys.csv{times[1]}}}\n"
        "- {type: [user, views, item], file: views.csv, time: day}\n"
        "- {type: [item, back, user], file: back.csv, time: day}\n"
        "- {type: [user, knows, user], file: knows.csv, time: day}\n"
        f"links: {{edge: [user, buys, item], split: time{times[0]}}}\n"
    )
    graph = load_tables(tmp_path).graph
    read = {key.name: relation.edge_time for key, relation in graph.relations.items()}
    kept = {name: sorted(time.tolist()) for name, time in read.items() if time is not None}
    assert (kept["views"], kept["back"], kept["knows"]) == ([1, 7], [7], [9])


def test_a_split_by_time_of_edges_some_of_which_have_no_value(shop: Path) -> None:
    dataset = load_tables(shop, target="stars")
    target, split = dataset.targets["stars"], dataset.splits["time-80-10-10"]
    assert isinstance(target, EdgeValues)
    assert target.time is not None
    assert target.time.numel() < NUM_ROWS
    assert split.valid is not None
    assert int(target.time[split.train].max()) < int(target.time[split.valid].min())
    assert int(target.time[split.valid].max()) < int(target.time[split.test].min())


def test_the_declared_task_is_that_of_the_default_target(shop: Path) -> None:
    path = shop / "tables.yaml"
    path.write_text(path.read_text() + "task: few-shot\n")
    assert tables_task(shop) == "few-shot"
    assert tables_task(shop, target="stars") == load_tables(shop, target="stars").task
    assert tables_task(shop, target="stars") == "edge-regression"


def test_rows_without_an_end_are_no_edges_where_the_table_says_so(shop: Path) -> None:
    text = (shop / "buys.csv").read_text()
    (shop / "buys.csv").write_text("src,dst,day,stars\nu1,,,3\n,i1,5,3\n" + text.split("\n", 1)[1])
    with pytest.raises(ProblemsError, match="'user' id is missing"):
        load_tables(shop)
    path = shop / "tables.yaml"
    path.write_text(path.read_text().replace("time: day}", "time: day, missing: skip}"))
    dataset = load_tables(shop, target="stars")
    assert dataset.graph.relation("buys").num_edges == NUM_ROWS
    target = dataset.targets["stars"]
    assert isinstance(target, EdgeValues)
    lines = [line.split(",") for line in text.splitlines()[1:]]
    stars = [float(line[3]) for line in lines if line[3]]
    assert target.target.tolist() == stars
    assert target.edges[0].tolist() == [int(line[0][1:]) for line in lines if line[3]]
    weight = dataset.graph.relation("buys").edge_time
    assert weight is not None
    assert sorted(weight.tolist()) == sorted(int(line[2]) for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "target", "expected"),
    [
        ("split: random, task", "task", "drawn", "neither a column nor a split"),
        ("split: time, valid", "valid", "", "valid, test without split"),
        ("split: part}", "split: tier}", "given", "holds 'a'; expected train, valid, test"),
        ("column: stars, split: time", "column: stars, split: time, time: dya", "stars", "'dya'"),
        ("", "", "byes", "Did you mean 'buys'|target 'byes' is not declared"),
    ],
)
def test_wrong_splits(shop: Path, old: str, new: str, target: str, expected: str) -> None:
    path = shop / "tables.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=expected):
        load_tables(shop, target=target)


def test_the_column_of_the_target_is_no_feature(shop: Path) -> None:
    path = shop / "tables.yaml"
    text = path.read_text()
    path.write_text(text.replace("time: day}", "time: day, weight: stars}"))
    rows = (shop / "buys.csv").read_text().replace(",\n", ",5\n")  # A weight is never missing.
    (shop / "buys.csv").write_text(rows)
    load_tables(shop)  # It is the column of another target: it may be read.
    with pytest.raises(ConfigError, match="'stars' is the target and is read as an input"):
        load_tables(shop, target="stars")
    text = path.read_text().replace("column: stars,", "column: stars, file: ./buys.csv,")
    path.write_text(text)
    with pytest.raises(ConfigError, match="'stars' is the target and is read as an input"):
        load_tables(shop, target="stars")


def test_classes_that_look_joined_are_told(shop: Path) -> None:
    text = (shop / "user.csv").read_text().replace("u1,b,", "u1,a|b,")
    (shop / "user.csv").write_text(text)
    notes = load_tables(shop).info["notes"]
    assert [note for note in notes if "1 of 3 classes contain '|', such as 'a|b'" in note]
    declared = (shop / "tables.yaml").read_text()
    (shop / "tables.yaml").write_text(
        declared.replace("column: tier, split: part", "column: tier, split: part, separator: '|'")
    )
    dataset = load_tables(shop, target="given")
    assert not [note for note in dataset.info["notes"] if "'given'" in note]
    assert dataset.labels is not None
    assert dataset.labels.multi_label


def test_all_mistakes_of_all_tables_are_told(shop: Path) -> None:
    (shop / "item.csv").write_text("id\ni0\ni0\n")
    (shop / "views.csv").write_text("src,dst\nu0,i0\nnobody,i0\n")
    path = shop / "tables.yaml"
    path.write_text(path.read_text().replace("sold.csv", "missing.csv"))
    with pytest.raises(ProblemsError) as caught:
        load_tables(shop)
    text = "\n".join(caught.value.messages)
    assert "'i0' occurs twice" in text
    assert "nobody" in text
    assert "missing.csv" in text
    assert "that are not 'item' nodes" in text  # buys is checked against i0


@pytest.mark.parametrize("timed", [True, False])
def test_a_declared_reverse_loses_the_same_later_edges(tmp_path: Path, timed: bool) -> None:
    rows = [(day, day, day) for day in range(10)] + [(0, 0, 8), (1, 1, 7), (2, 2, 9), (2, 2, 2)]
    buys = [f"u{user},i{item},{day}" for user, item, day in rows]
    sold = [f"i{item},u{user},{day}" for user, item, day in reversed(rows)]
    (tmp_path / "buys.csv").write_text("\n".join(["src,dst,day", *buys]))
    (tmp_path / "sold.csv").write_text("\n".join(["src,dst,day", *sold]))
    day = ", time: day" if timed else ""
    (tmp_path / "tables.yaml").write_text(
        "nodes: {user: null, item: null}\n"
        "edges:\n"
        "  - {type: [user, buys, item], file: buys.csv, time: day}\n"
        f"  - {{type: [item, sold_to, user], file: sold.csv{day}}}\n"
        "reverses: [[[user, buys, item], [item, sold_to, user]]]\n"
        "links: {edge: [user, buys, item], split: time}\n"
    )
    kept = load_tables(tmp_path).graph.relations[SOLD]
    expected = [0, 1, 1, 2, 2, 3, 4, 5, 6, 7]
    assert sorted(kept.edges()[1].tolist()) == expected
    if timed:
        assert kept.edge_time is not None
        assert sorted(kept.edge_time.tolist()) == [0, 1, 2, 2, 3, 4, 5, 6, 7, 7]


def test_an_undirected_relation_with_times_of_its_own_stays_symmetric(tmp_path: Path) -> None:
    rows = [f"{k},{k + 10},{k}\n{k + 10},{k},{k}" for k in range(10)]
    (tmp_path / "knows.csv").write_text("\n".join(["src,dst,day", *rows, "0,10,8", "10,0,3"]))
    knows = "[user, knows, user]"
    (tmp_path / "tables.yaml").write_text(
        f"nodes: {{user: 20}}\nedges: [{{type: {knows}, file: knows.csv, time: day}}]\n"
        f"reverses: [[{knows}, {knows}]]\nlinks: {{edge: {knows}, split: time}}\n"
    )
    src, dst = load_tables(tmp_path).graph.relation("knows").edges()
    pairs = [*zip(src.tolist(), dst.tolist(), strict=True)]
    assert sorted(pairs) == sorted((b, a) for a, b in pairs)
    assert pairs.count((0, 10)) == 2


def test_mirrors_stay_in_a_declared_reverse_within_one_type(tmp_path: Path) -> None:
    pairs = [(a, b) for a in range(12) for b in range(12) if a != b and (a + b) % 3]
    (tmp_path / "cites.csv").write_text("\n".join(["src,dst", *(f"{a},{b}" for a, b in pairs)]))
    (tmp_path / "cited.csv").write_text("\n".join(["src,dst", *(f"{b},{a}" for a, b in pairs)]))
    cites, cited = "[paper, cites, paper]", "[paper, cited_by, paper]"
    (tmp_path / "tables.yaml").write_text(
        f"nodes: {{paper: 12}}\nedges: [{{type: {cites}, file: cites.csv}}, "
        f"{{type: {cited}, file: cited.csv}}]\nreverses: [[{cites}, {cited}]]\n"
        f"links: {{edge: {cites}, split: random}}\n"
    )
    dataset = load_tables(tmp_path)
    links = dataset.links["links"]
    assert links.valid is not None
    held = links.valid.shape[1] + links.test.shape[1]
    assert dataset.graph.relation("cited_by").num_edges == len(pairs) - held
    assert audit(make_task(dataset, options={"negatives": "uniform"})).checks
