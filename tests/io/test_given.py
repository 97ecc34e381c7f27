"""Targets and splits in every form that a user may have them in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from hetgraph.catalog import Dataset, EdgeLabels, Labels, Links, Split, Values
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError, SchemaError, UserError
from hetgraph.io import as_dataset
from hetgraph.io.given_target import read_target
from hetgraph.registry import models
from hetgraph.runs.plan import make_plan

SIZE = 10
CLASSES = [i % 2 for i in range(SIZE)]
WORDS = ["new" if i % 2 else "old" for i in range(SIZE)]
IDS = [f"u{i}" for i in range(SIZE)]
BUYS = EdgeType("user", "buys", "item")


@pytest.fixture
def graph() -> HeteroGraph:
    src, dst = torch.arange(40) % SIZE, torch.arange(40) // 2 % 8
    buys = Relation.from_edges(src, dst, SIZE, 8, edge_time=torch.arange(40))
    return HeteroGraph(
        num_nodes={"user": SIZE, "item": 8}, relations={BUYS: buys}, ids={"user": IDS}
    )


@pytest.mark.parametrize(
    "given",
    [
        CLASSES,
        tuple(CLASSES),
        np.array(CLASSES),
        torch.tensor(CLASSES),
        torch.tensor(CLASSES)[:, None],
        pd.Series(CLASSES),
        pd.Series(CLASSES, index=IDS),
        pd.DataFrame({"class": CLASSES}),
        pl.Series(CLASSES),
        pa.array(CLASSES),
        pa.chunked_array([CLASSES[:4], CLASSES[4:]]),
        dict(zip(IDS, CLASSES, strict=True)),
    ],
    ids=lambda given: type(given).__name__,
)
def test_whole_numbers_are_classes(given: Any, graph: HeteroGraph) -> None:
    labels = read_target(graph, ("user", given))
    assert isinstance(labels, Labels)
    assert labels.index.tolist() == list(range(SIZE))
    assert labels.target.tolist() == CLASSES
    assert (labels.num_classes, labels.class_names) == (2, ())


@pytest.mark.parametrize(
    "given",
    [
        WORDS,
        np.array(WORDS),
        pd.Series(WORDS),
        pd.Series(WORDS).astype("category"),
        pl.Series(WORDS),
    ],
    ids=["list", "numpy", "pandas", "category", "polars"],
)
def test_words_are_classes_in_their_order(given: Any, graph: HeteroGraph) -> None:
    labels = read_target(graph, ("user", given))
    assert isinstance(labels, Labels)
    assert labels.class_names == ("new", "old")
    assert labels.target.tolist() == [1 - label for label in CLASSES]


def test_an_index_of_pandas_holds_ids(graph: HeteroGraph) -> None:
    labels = read_target(graph, ("user", pd.Series(["x", "y", "x"], index=["u7", "u1", "u2"])))
    assert isinstance(labels, Labels)
    assert (labels.index.tolist(), labels.target.tolist()) == ([7, 1, 2], [0, 1, 0])
    for column in (pd.Series(CLASSES)[::-1], pd.Series(CLASSES).sample(frac=1, random_state=0)):
        with pytest.raises(ConfigError, match=r"index of whole numbers .* \.to_numpy\(\)"):
            read_target(graph, ("user", column))
    with pytest.raises(DataError, match="'u1' is twice in the index"):
        read_target(graph, ("user", pd.Series([0, 1], index=["u1", "u1"])))


@pytest.mark.parametrize(
    "given", [[None, -1, *CLASSES[2:]], pd.Series([None, -1, *CLASSES[2:]], dtype="Int64")]
)
def test_missing_and_negative_classes_are_no_labels(given: Any, graph: HeteroGraph) -> None:
    labels = read_target(graph, ("user", given))
    assert labels.index.tolist() == list(range(2, SIZE))


def test_fractional_numbers_are_values(graph: HeteroGraph) -> None:
    numbers = [0.5, None, float("nan"), *range(3, SIZE)]
    values = read_target(graph, ("user", numbers))
    assert isinstance(values, Values)
    assert values.index.tolist() == [0, *range(3, SIZE)]
    of_torch = read_target(graph, ("user", torch.tensor([x or 0.0 for x in numbers])))
    assert of_torch.index.tolist() == [0, 1, *range(3, SIZE)]


def test_the_family_decides_about_numbers(graph: HeteroGraph) -> None:
    assert isinstance(read_target(graph, ("user", CLASSES), "node-regression"), Values)
    whole = pd.Series([None, *CLASSES[1:]], dtype=float)
    assert isinstance(read_target(graph, ("user", whole), "node-classification"), Labels)
    assert isinstance(read_target(graph, ("user", whole), "node-regression"), Values)
    with pytest.raises(ConfigError, match='task="node-classification" or task="node-regression"'):
        read_target(graph, ("user", whole))
    with pytest.raises(DataError, match="numbers that are not whole; expected classes"):
        read_target(graph, ("user", [0.5] * SIZE), "node-classification")
    with pytest.raises(DataError, match="are string; expected a number per node"):
        read_target(graph, ("user", WORDS), "node-regression")


def test_a_matrix_has_several_classes_per_node(graph: HeteroGraph) -> None:
    marks = np.eye(SIZE, 3)
    for given in (marks, torch.from_numpy(marks), marks.astype(bool)):
        labels = read_target(graph, ("user", given))
        assert isinstance(labels, Labels)
        assert labels.multi_label
        assert torch.equal(labels.target, torch.eye(SIZE, 3).bool())
    for frame in (pd.DataFrame(marks, columns=list("abc")), pl.DataFrame(marks, list("abc"))):
        labels = read_target(graph, ("user", frame))
        assert isinstance(labels, Labels)
        assert labels.class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (CLASSES[:3], "3 labels of 'user', expected 10: one per node, or a dict by id"),
        (3, "expected a word or a number per node"),
        (None, "expected a word or a number per node"),
        ([1, "a"] * 5, "expected a word or a number per node"),
        (np.zeros((SIZE, 2, 2)), "expected a word or a number per node"),
        ([["a"]] * SIZE, "Several classes per node are given as a matrix"),
        (np.full((SIZE, 3), 2), r"are \[10, 3\]; expected \[10, num_classes\] of 0 and 1"),
        ([None] * SIZE, "none of 10 'user' nodes is labelled"),
        ([float("nan")] * SIZE, "none of 10 'user' nodes is labelled"),
        ({"x1": 0, "x2": 1, "u1": 0}, "2 of 3 ids are not those of 'user' nodes: 'x1', 'x2'"),
        ({}, "none of 0 'user' nodes is labelled"),
    ],
)
def test_wrong_labels_get_one_line(given: Any, message: str, graph: HeteroGraph) -> None:
    with pytest.raises(DataError, match=message) as raised:
        read_target(graph, ("user", given))
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (("usr", CLASSES), SchemaError, "unknown node type 'usr'. Did you mean 'user'"),
        ({"user": CLASSES}, ConfigError, r"expected \(node_type, labels\), an edge type"),
        (("user", "buy", "item"), SchemaError, "Did you mean 'user -buys> item'"),
        ("churn", ConfigError, "has no target 'churn'"),
    ],
)
def test_wrong_targets(target: Any, error: type, message: str, graph: HeteroGraph) -> None:
    with pytest.raises(error, match=message):
        as_dataset(graph, target)


def test_what_is_no_graph() -> None:
    with pytest.raises(ConfigError, match="the data are a int; expected a HeteroGraph"):
        as_dataset(3)


# --------------------------------------------------------------------------------- splits


def split_of(graph: HeteroGraph, split: Any) -> Split:
    (made,) = as_dataset(graph, ("user", CLASSES), split).splits.values()
    return made


@pytest.mark.parametrize(
    "split",
    [
        {"train": IDS[:6], "valid": IDS[6:8], "test": IDS[8:]},
        {
            "train": np.arange(SIZE) < 6,
            "valid": torch.tensor([i in (6, 7) for i in range(SIZE)]),
            "test": pd.Series([i > 7 for i in range(SIZE)], dtype="boolean"),
        },
        {
            "train": torch.arange(6),
            "valid": pd.Series(IDS[6:8]),
            "test": [False] * 8 + [True] * 2,
        },
        Split(torch.arange(6), torch.tensor([6, 7]), torch.tensor([8, 9])),
    ],
    ids=["ids", "masks", "mixed", "Split"],
)
def test_splits_that_are_given(split: Any, graph: HeteroGraph) -> None:
    made = split_of(graph, split)
    assert made.train.tolist() == list(range(6))
    assert made.valid is not None
    assert (made.valid.tolist(), made.test.tolist()) == ([6, 7], [8, 9])


def test_validation_may_be_missing(graph: HeteroGraph) -> None:
    assert split_of(graph, {"train": IDS[:6], "test": IDS[8:]}).valid is None


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        (None, [6, 2, 2]),
        ("random", [6, 2, 2]),
        ("stratified", [6, 2, 2]),
        ({"split": "random", "valid": 0.1, "test": 0.3}, [6, 1, 3]),
        ({"valid": 0.1, "test": 0.3}, [6, 1, 3]),
    ],
)
def test_splits_that_are_drawn(split: Any, sizes: list[int], graph: HeteroGraph) -> None:
    made = split_of(graph, split)
    assert made.valid is not None
    assert [len(made.train), len(made.valid), len(made.test)] == sizes


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("randm", "the split is 'randm'; expected ids by train, valid and test"),
        (0.8, r"the split is 0\.8; expected"),
        ({}, "expected ids by train"),
        ({"train": IDS[:5]}, "the split names train; expected train, test"),
        ({"train": ["u1"], "val": ["u2"], "test": ["u3"]}, "the split names train, val, test"),
        ({"train": ["x1"], "test": ["x2", "x3"]}, "train: 'x1' is not .* test: 2 of 2 ids"),
        ({"train": ["u1"], "test": []}, "test: is empty"),
        (
            {"train": np.ones(4, bool), "test": np.ones(3, bool)},
            r"train: a mask is of shape \[4\], expected \[10\].* test: .*\[3\]",
        ),
        ({"train": [["u1"]], "test": ["u2"]}, "expected a list of ids or a mask"),
        ({"split": "random", "valid": 0.9, "test": 0.3}, "leave nothing for training"),
        ("time", 'split="time" needs the time of each label'),
    ],
)
def test_wrong_splits(split: Any, message: str, graph: HeteroGraph) -> None:
    with pytest.raises(UserError, match=message):
        split_of(graph, split)


def test_a_split_needs_a_target(graph: HeteroGraph) -> None:
    with pytest.raises(ConfigError, match="a split is given, but no target"):
        as_dataset(graph, split="random")


def test_labels_of_edges_are_split_by_time_and_position(graph: HeteroGraph) -> None:
    edges = torch.stack([torch.arange(SIZE), torch.arange(SIZE) % 8])
    labels = EdgeLabels(BUYS, 2, edges, torch.tensor(CLASSES), time=torch.arange(SIZE).flip(0))
    made = next(iter(as_dataset(graph, labels, "time").splits.values()))
    assert made.test.tolist() == [0, 1]
    made = as_dataset(graph, labels, {"train": range(6), "test": [7, 8]}).splits["given"]
    assert made.test.tolist() == [7, 8]
    with pytest.raises(DataError, match="test: edges have no ids; expected their positions"):
        as_dataset(graph, labels, {"train": range(6), "test": ["u1"]})


# ---------------------------------------------------------------------------------- links


@pytest.mark.parametrize("split", [None, "random", "time", {"valid": 0.2, "test": 0.2}])
def test_links_are_held_out(split: Any, graph: HeteroGraph) -> None:
    dataset = as_dataset(graph.with_reverses(), tuple(BUYS), split)
    links = dataset.targets["links"]
    assert isinstance(links, Links)
    before = graph.relations[BUYS].num_edges
    held = links.of(BUYS, "valid").shape[1] + links.of(BUYS, "test").shape[1]
    assert held == (16 if isinstance(split, dict) else 8)
    now = dataset.graph.relations
    assert now[BUYS].num_edges == before - held
    assert all(relation.num_edges == before - held for relation in now.values())  # and reverses
    assert "held out of the graph" in dataset.info["notes"][-1]
    if split == "time":
        assert links.of(BUYS, "test").shape[1] == 4
        assert int(now[BUYS].edge_time.max()) == 31  # the latest eight are held out


def test_links_of_another_family(graph: HeteroGraph) -> None:
    assert as_dataset(graph, BUYS, family="recommendation").task == "recommendation"


def test_links_without_times(graph: HeteroGraph) -> None:
    src, dst = graph.relations[BUYS].edges()
    bare = graph.replace(relations={BUYS: Relation.from_edges(src, dst, SIZE, 8)})
    with pytest.raises(ConfigError, match=r"\(user -buys> item\) has no edge_time"):
        as_dataset(bare, BUYS, "time")
    with pytest.raises(ConfigError, match="expected one of random, stratified, time"):
        as_dataset(bare, BUYS, {"train": [1], "test": [2]})


# ------------------------------------------------------------------------------- datasets


def test_a_target_of_a_dataset_becomes_the_first(graph: HeteroGraph) -> None:
    index = torch.arange(SIZE)
    targets = {
        "tier": Labels("user", 2, index, torch.tensor(CLASSES)),
        "sales": Values("user", index, torch.rand(SIZE, dtype=torch.float64)),
    }
    dataset = Dataset("toy", graph, targets)
    assert as_dataset(dataset) is dataset
    assert [*as_dataset(dataset, "sales").targets] == ["sales", "tier"]
    with pytest.raises(ConfigError, match=r"has no target 'tir'\. Did you mean 'tier'"):
        as_dataset(dataset, "tir")


def test_the_masks_of_pyg_are_read() -> None:
    data = pytest.importorskip("torch_geometric.data").HeteroData()
    data["user"].x = torch.rand(SIZE, 3)
    data["user"].y = torch.tensor(CLASSES)
    data["user"].train_mask = torch.arange(SIZE) < 6
    data["user"].val_mask = (torch.arange(SIZE) > 5) & (torch.arange(SIZE) < 8)
    data["user"].test_mask = torch.arange(SIZE) > 7
    data["user", "knows", "user"].edge_index = torch.arange(20).reshape(2, 10) % SIZE
    dataset = as_dataset(data)
    assert dataset.labels.target.tolist() == CLASSES
    (split,) = dataset.splits.values()
    assert split.test.tolist() == [8, 9]
    other = as_dataset(data, ("user", WORDS), "random")
    assert other.labels.class_names == ("new", "old")


def test_floating_targets_ask_for_regression() -> None:
    graph = HeteroGraph(num_nodes={"paper": 6}, relations={})
    dataset = as_dataset(graph, ("paper", [0.5, 1.5, 2.5, 3.5, 4.5, float("nan")]))
    assert dataset.family == "node-regression"
    assert (
        as_dataset(
            graph, ("paper", [0.5, 1.5, 2.5, 3.5, 4.5, 1.0]), family="node-importance"
        ).family
        == "node-importance"
    )


def people(size: int = 30) -> HeteroGraph:
    names = [f"u{number}" for number in range(size)]
    return HeteroGraph(num_nodes={"user": size}, relations={}, ids={"user": names})


def test_a_frame_or_a_mask_with_ids_as_its_index_is_aligned() -> None:
    graph, names = people(), [f"u{number}" for number in range(30)]
    frame = pd.DataFrame({"label": ["a", "b", "c"] * 10}, index=names)
    shuffled = frame.sample(frac=1, random_state=0)
    known = as_dataset(graph, ("user", shuffled)).labels
    assert known is not None
    assert known.target[known.index.argsort()].tolist() == [0, 1, 2] * 10
    mask = pd.Series([True] * 20 + [False] * 10, index=names).sample(frac=1, random_state=1)
    split = as_dataset(graph, ("user", frame), {"train": mask, "test": ~mask}).splits["given"]
    assert split.train.sort().values.tolist() == list(range(20))
    wrong = pd.Series([True] * 30, index=range(30, 60))
    with pytest.raises(ConfigError, match="whole numbers without a name"):
        as_dataset(graph, ("user", frame), {"train": wrong, "test": mask})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 30, "all labelled nodes of 'user' have the class 'a'"),
        ([-1, 1] * 15, "have the class 1; expected two classes"),
        ([-2, 2, 1] * 10, "hold -2; -1 means not labelled"),
        (list(range(30)), '30 different ones: say task="node-regression"'),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        as_dataset(people(), ("user", labels))


def test_links_given_in_python_have_uniform_negatives_by_default() -> None:
    edges = torch.arange(20)
    buys = Relation.from_edges(edges, edges.flip(0), 20, 20)
    graph = HeteroGraph(
        num_nodes={"user": 20, "item": 20}, relations={("user", "buys", "item"): buys}
    )
    dataset = as_dataset(graph, ("user", "buys", "item"))
    plan = make_plan(models.get("mlp"), dataset.name, given=dataset)
    assert plan.task.negatives == "uniform"
