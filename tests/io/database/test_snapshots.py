"""No node of a snapshot depends on anything later."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import BudgetError
from hetgraph.io import from_database
from hetgraph.io.database.snapshots import take_snapshots

QUERY = {
    "kind": "labels",
    "query": "SELECT user_id, at, label FROM seed",
    "node_type": "user",
    "split": "random",
}


class Random:
    """A random database of users, posts, likes and follows, with times and gaps in them."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        users, posts = int(self.chance.integers(3, 9)), int(self.chance.integers(2, 12))
        self.rows: dict[str, list[tuple[Any, ...]]] = {
            "user": [(10 * i, self.time(0.1), self.size()) for i in range(users)],
            "post": [
                (i, self.pick(users, 10, 0.2), self.time(0.1), self.size()) for i in range(posts)
            ],
            "likes": [
                (self.pick(users, 10), self.pick(posts), self.time(0.1), self.size())
                for _ in range(40)
            ],
            "follows": [
                (self.pick(users, 10), self.pick(users, 10), self.time()) for _ in range(9)
            ],
            "city": [(i, self.size()) for i in range(3)],
            "lives": [(self.pick(users, 10), self.pick(3)) for _ in range(6)],
        }
        # A user is asked about once in a window of two.
        places = {(self.pick(users, 10), int(self.chance.integers(2, 6))) for _ in range(25)}
        self.rows["seed"] = [
            (user, 2 * at + int(self.chance.integers(2)), int(self.chance.integers(2)))
            for user, at in sorted(places)
        ]
        self.rows["seed"] += [(0, at, at // 2 % 2) for at in range(30, 42, 2)]

    def time(self, missing: float = 0.0) -> int | None:
        return None if self.chance.random() < missing else int(self.chance.integers(0, 15))

    def pick(self, count: int, step: int = 1, missing: float = 0.0) -> int | None:
        return None if self.chance.random() < missing else step * int(self.chance.integers(count))

    def size(self) -> int:
        return int(self.chance.integers(100))

    def write(self, path: Path) -> Path:
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        connection.executescript("""
            CREATE TABLE user (id INTEGER PRIMARY KEY, time INTEGER, size INTEGER);
            CREATE TABLE post (id INTEGER PRIMARY KEY, user_id REFERENCES user, time INTEGER,
                size INTEGER);
            CREATE TABLE likes (user_id REFERENCES user, post_id REFERENCES post, time INTEGER,
                weight REAL);
            CREATE TABLE follows (a REFERENCES user, b REFERENCES user, time INTEGER);
            CREATE TABLE city (id INTEGER PRIMARY KEY, size INTEGER);
            CREATE TABLE lives (user_id REFERENCES user, city_id REFERENCES city);
            CREATE TABLE seed (user_id INTEGER, at INTEGER, label INTEGER);
        """)
        for table, rows in self.rows.items():
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.commit()
        connection.close()
        return path

    def without_later(self, cut: int) -> dict[str, list[tuple[Any, ...]]]:
        """The rows that exist at a time, by a plain loop."""

        def there(time: int | None) -> bool:
            return time is not None and time <= cut

        users = {row[0] for row in self.rows["user"] if there(row[1])}
        posts = {row[0] for row in self.rows["post"] if there(row[2])}
        return {
            "user": [row for row in self.rows["user"] if row[0] in users],
            "post": [row for row in self.rows["post"] if row[0] in posts],
            "wrote": [row for row in self.rows["post"] if row[0] in posts and row[1] in users],
            "likes": [
                row
                for row in self.rows["likes"]
                if row[0] in users and row[1] in posts and there(row[2])
            ],
            "follows": [
                row
                for row in self.rows["follows"]
                if row[0] in users and row[1] in users and there(row[2])
            ],
            "lives": [row for row in self.rows["lives"] if row[0] in users],
        }


CODES = {"size": {"encode": "codes", "size": 2000}}
"""Whole numbers as they are: nothing of them is fitted."""

DECLARATION = {
    "nodes": {
        "user": {"file": "user", "id": "id", "time": "time", "features": CODES},
        "post": {"file": "post", "id": "id", "time": "time", "features": CODES},
        "city": {"file": "city", "id": "id", "features": CODES},
    },
    "edges": [
        {"type": ["post", "wrote", "user"], "file": "post", "src": "id", "dst": "user_id",
         "missing": "skip"},
        {"type": ["user", "likes", "post"], "file": "likes", "src": "user_id", "dst": "post_id",
         "time": "time", "weight": "weight"},
        {"type": ["user", "follows", "user"], "file": "follows", "src": "a", "dst": "b",
         "time": "time"},
        {"type": ["user", "lives", "city"], "file": "lives", "src": "user_id", "dst": "city_id"},
    ],
}  # fmt: skip


def named_edges(graph: HeteroGraph, name: str) -> list[tuple[str, str]]:
    key = graph.schema.edge_type(name)
    src, dst = graph.relation(key).edges()
    ids = {end: graph.ids[end].to_pylist() for end in (key.src, key.dst)}
    return sorted(
        (ids[key.src][a], ids[key.dst][b]) for a, b in zip(src.tolist(), dst.tolist(), strict=True)
    )


@pytest.mark.parametrize("seed", range(25))
def test_a_snapshot_holds_what_a_plain_loop_finds(seed: int, tmp_path: Path) -> None:
    world = Random(seed)
    window = {"window": 2} if seed % 3 == 0 else {}
    dataset = from_database(
        world.write(tmp_path / "w.db"), declaration=DECLARATION, target={**QUERY, **window}
    )
    graph = dataset.graph
    cuts = [int(text) for text in dataset.info["snapshots"]]
    expected: dict[str, list[Any]] = {"user": [], "post": []}
    edges: dict[str, list[Any]] = {"wrote": [], "likes": [], "follows": [], "lives": []}
    for cut in cuts:
        rows = world.without_later(cut)
        for name in expected:
            expected[name] += [(f"{row[0]} @ {cut}", row[-1]) for row in rows[name]]
        for name in edges:
            edges[name] += [(f"{row[0]} @ {cut}", f"{row[1]} @ {cut}") for row in rows[name]]
    for name, nodes in expected.items():
        assert graph.ids[name].to_pylist() == [text for text, _ in nodes]
        assert graph.features[name].flatten().tolist() == [size for _, size in nodes]
    for name, pairs in edges.items():
        assert named_edges(graph, name) == sorted(pairs)
        reverse = [(b, a) for a, b in named_edges(graph, f"rev_{name}")]
        assert sorted(reverse) == sorted(pairs)
    labels = dataset.labels
    assert labels is not None
    ids = graph.ids["user"].to_pylist()
    read = {ids[n]: int(c) for n, c in zip(labels.index, labels.target, strict=True)}
    step = window.get("window", 1)
    there = {cut: {row[0] for row in world.without_later(cut)["user"]} for cut in cuts}
    wanted = {
        f"{user} @ {at // step * step}": label
        for user, at, label in world.rows["seed"]
        if user in there[at // step * step]
    }
    assert read == wanted


def receptive_field(graph: HeteroGraph, node: int) -> set[str]:
    """Ids of all nodes that could reach a user, in either direction, over any number of steps."""
    seen = {("user", node)}
    todo = [("user", node)]
    while todo:
        kind, at = todo.pop()
        for key, relation in graph.relations.items():
            src, dst = relation.edges()
            ends = ((key.src, src, key.dst, dst), (key.dst, dst, key.src, src))
            for near, here, far, there in ends:
                if near == kind:
                    new = {(far, int(other)) for other in there[here == at]} - seen
                    seen |= new
                    todo += new
    return {graph.ids[kind].to_pylist()[at] for kind, at in seen}


@pytest.mark.parametrize("seed", range(8))
def test_snapshots_are_not_connected(seed: int, tmp_path: Path) -> None:
    dataset = from_database(
        Random(seed).write(tmp_path / "w.db"), declaration=DECLARATION, target=QUERY
    )
    assert dataset.labels is not None
    for node in dataset.labels.index.tolist()[:5]:
        own = dataset.graph.ids["user"].to_pylist()[node].partition(" @ ")[2]
        field = receptive_field(dataset.graph, node)
        assert {text.partition(" @ ")[2] for text in field} == {own}


@pytest.mark.parametrize("seed", range(8))
def test_later_rows_change_nothing(seed: int, tmp_path: Path) -> None:
    world = Random(seed)
    before = from_database(
        world.write(tmp_path / "w.db"), declaration=DECLARATION, target=QUERY
    ).graph
    cut = 6
    for table, at in (("user", 1), ("post", 2), ("likes", 2)):
        world.rows[table] = [
            row if row[at] is not None and row[at] <= cut else (*row[:-1], 1000 + row[-1])
            for row in world.rows[table]
        ]
    late = [row for row in world.rows["follows"] if row[2] > cut]
    world.rows["follows"] = [row for row in world.rows["follows"] if row[2] <= cut]
    world.rows["follows"] += [(row[1], row[0], 99) for row in late]
    after = from_database(
        world.write(tmp_path / "w.db"), declaration=DECLARATION, target=QUERY
    ).graph

    def upto(graph: HeteroGraph) -> str:
        kept = {
            kind: torch.tensor([int(text.partition(" @ ")[2]) <= cut for text in ids.to_pylist()])
            for kind, ids in graph.ids.items()
        }
        return graph.subgraph(kept).content_hash

    assert after.content_hash != before.content_hash
    assert upto(after) == upto(before)


def scaled(folder: Path, seed: int, until: int) -> HeteroGraph:
    """The union of a world whose rows later than a time are all different."""
    world = Random(seed)
    for table, at in (("user", 1), ("post", 2), ("likes", 2)):
        world.rows[table] = [
            row if row[at] is None or row[at] <= until else (*row[:-1], 1000 + row[-1])
            for row in world.rows[table]
        ]
    world.rows["user"] += [(2000, 0, 7), *((1000 + i, 9, 50) for i in range(3))]
    world.rows["seed"] += [(2000, at, at % 2) for at in (3, 6, 7, 8, 9)]
    declaration: dict[str, Any] = {
        "nodes": {
            name: {**entry, "features": ["size"]}
            for name, entry in DECLARATION["nodes"].items()  # type: ignore[attr-defined]
        },
        "edges": [
            entry | ({"features": ["weight"]} if "weight" in entry else {})
            for entry in DECLARATION["edges"]
        ],
    }  # fmt: skip
    target = {**QUERY, "split": "time", "valid": 7, "test": 9}
    dataset = from_database(world.write(folder), declaration=declaration, target=target)
    assert dataset.graph.encoders
    return dataset.graph


@pytest.mark.parametrize("seed", range(6))
def test_features_are_fitted_on_what_training_may_see(seed: int, tmp_path: Path) -> None:
    unchanged = scaled(tmp_path / "w.db", seed, 99)
    changed = scaled(tmp_path / "w.db", seed, 6)
    assert changed.content_hash != unchanged.content_hash
    assert dict(changed.encoders) == dict(unchanged.encoders)

    def upto(graph: HeteroGraph) -> str:
        kept = {
            kind: torch.tensor([int(text.partition(" @ ")[2]) <= 6 for text in ids.to_pylist()])
            for kind, ids in graph.ids.items()
        }
        return graph.subgraph(kept).content_hash

    assert upto(changed) == upto(unchanged)


def test_types_without_features_get_degrees_in_the_snapshot() -> None:
    edges = Relation.from_edges(
        torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2, 2, edge_time=torch.tensor([1, 2, 3])
    )
    graph = HeteroGraph(num_nodes={"a": 2, "b": 2}, relations={("a", "to", "b"): edges})
    union = take_snapshots(graph, [0, 2, 3], {"b": torch.tensor([0, 2])}, ["0", "2", "3"]).graph
    assert union.num_nodes == {"a": 6, "b": 5}
    log = torch.log1p(torch.tensor([0.0, 0, 2, 0, 2, 1]))
    assert torch.allclose(union.features["a"], torch.stack([torch.ones(6), log], dim=1))
    log = torch.log1p(torch.tensor([0.0, 1, 1, 1, 2]))
    assert torch.allclose(union.features["b"], torch.stack([torch.ones(5), log], dim=1))
    both = graph.with_reverses()
    union = take_snapshots(both, [3], {}, ["3"]).graph
    assert union.features["a"].shape == (2, 2)  # with its declared reverse, a relation counts once


def test_values_of_edges_stay_with_their_edges() -> None:
    chance = torch.Generator().manual_seed(3)
    src, dst = (torch.randint(5, (30,), generator=chance) for _ in range(2))
    time = torch.randint(9, (30,), generator=chance)
    relation = Relation.from_edges(
        src, dst, 5, 5, weight=src.float(), edge_time=time,
        edge_features=torch.stack([src, dst, time], dim=1).float(),
    )  # fmt: skip
    graph = HeteroGraph(num_nodes={"a": 5}, relations={("a", "to", "a"): relation})
    taken = take_snapshots(graph, [3, 6], {"a": torch.tensor([0, 5, 0, 2, 4])}, ["3", "6"])
    union = taken.graph.relation("to")
    new_src, new_dst = union.edges()
    original = torch.cat(taken.nodes["a"])
    assert union.edge_features is not None
    assert torch.equal(union.edge_features[:, 0].long(), original[new_src])
    assert torch.equal(union.edge_features[:, 1].long(), original[new_dst])
    assert torch.equal(union.edge_features[:, 2].long(), union.edge_time)
    assert torch.equal(union.weight, original[new_src].float())  # type: ignore[arg-type]
    nodes, number = torch.tensor([1, 1, 4, 0]), torch.tensor([0, 1, 0, 1])
    assert taken.position("a", nodes, number).tolist() == [-1, 4, -1, 3]


def test_too_many_edges_are_refused_with_numbers() -> None:
    relation = Relation.from_edges(torch.zeros(10).long(), torch.zeros(10).long(), 1, 1)
    key = EdgeType("a", "to", "a")
    graph = HeteroGraph(num_nodes={"a": 1}, relations={key: relation})
    with pytest.raises(BudgetError, match=r"to.*3 snapshots.*more than 25 edges"):
        take_snapshots(graph, [1, 2, 3], {}, ["1", "2", "3"], most_edges=25)
