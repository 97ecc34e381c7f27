"""What a data set holds and refuses to hold, and its digest."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
import torch

from hetgraph.catalog import Dataset, EdgeLabels, Labels, Links, Split, Values
from hetgraph.catalog.loading import load_dataset
from hetgraph.data import EdgeType, HeteroGraph, Hypergraph
from hetgraph.errors import DataError

WRITES = EdgeType("author", "writes", "paper")
PAIRS = torch.tensor([[0, 2], [5, 1]])
GRAPH = HeteroGraph(num_nodes={"paper": 6, "author": 3}, relations={})
LABELS = Labels("paper", 2, torch.tensor([0, 2, 5]), torch.tensor([1, 0, 1]), False, ("a", "b"))
VALUES = Values("paper", torch.tensor([4, 1]), torch.tensor([0.5, 2.0]).double(), "views")
EDGES = EdgeLabels(WRITES, 2, PAIRS, torch.tensor([0, 1]))
SPLITS = {
    "s": Split(torch.tensor([0]), None, torch.tensor([5])),
    "half": Split(torch.tensor([0]), torch.tensor([2]), torch.tensor([5])),
}
LINKS = {
    "near": Links((WRITES,), PAIRS, PAIRS[:, :1], PAIRS.flip(1), PAIRS[:, 1:]),
    "far": Links((WRITES,), None, PAIRS),
}


def test_one_target_is_named_by_its_kind() -> None:
    assert dict(Dataset("x", GRAPH, LABELS).targets) == {"labels": LABELS}
    assert dict(Dataset("x", GRAPH, targets={"mine": VALUES}).targets) == {"mine": VALUES}
    assert dict(replace(Dataset("x", GRAPH, LABELS), targets=EDGES).targets) == {
        "edge_labels": EDGES
    }
    assert not Dataset("x", GRAPH).targets
    assert not replace(Dataset("x", GRAPH, LABELS), targets=None).targets
    assert [*replace(Dataset("x", GRAPH, LABELS), name="y").targets] == ["labels"]


def test_targets_are_found_by_kind() -> None:
    dataset = Dataset("x", GRAPH, {"v": VALUES, **LINKS, "l": LABELS, "e": EDGES})
    assert (dataset.labels, dataset.values, dataset.edge_target) == (LABELS, VALUES, EDGES)
    assert dataset.links == LINKS
    bare = Dataset("x", GRAPH)
    assert (bare.labels, bare.values, bare.edge_target, bare.links) == (None, None, None, {})


def test_the_first_target_says_what_the_set_is_for() -> None:
    assert Dataset("x", GRAPH, {"v": VALUES, "l": LABELS}).family == "node-importance"
    assert Dataset("x", GRAPH, LINKS, task="recommendation").family == "recommendation"
    assert Dataset("x", GRAPH).family == ""


def test_targets_are_neither_replaced_nor_anything_else() -> None:
    dataset = Dataset("x", GRAPH, LABELS)
    with pytest.raises(FrozenInstanceError):
        dataset.targets = VALUES  # type: ignore[misc]
    with pytest.raises(DataError, match="target 'a' is a Tensor; expected a Target"):
        Dataset("x", GRAPH, {"a": PAIRS})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("dataset", "sha256"),
    [
        (
            Dataset("x", GRAPH, {"labels": LABELS, "values": VALUES}, SPLITS),
            "e5e9c9170adc327e690afabcf0cbc6712896ab6fcb883dfdbc66f41c738ef6c0",
        ),
        (
            Dataset("x", GRAPH, LINKS),
            "65792237cea27f28c51d0065130a19312baf745685f9d088f1e690d230653b5e",
        ),
        (
            Dataset("x", GRAPH, VALUES),
            "845f02d78c2b2db0522a97acd60293c1fcb5bdab52123878f6d95b386b47f0cb",
        ),
    ],
)
def test_digests_stay_what_records_hold(dataset: Dataset, sha256: str) -> None:
    assert dataset.sha256 == sha256


@pytest.mark.parametrize(
    "name", ["hgb/ACM", "heco/dblp", "nie/FB15k", "hgb/LastFM", "diffgraph/retail_rocket"]
)
def test_digests_of_real_sets_stay_what_records_hold(data_root: Path, name: str) -> None:
    results = Path(__file__).parents[2] / "leaderboards" / "results"
    lines = (line for file in results.glob("*.jsonl") for line in file.open(encoding="utf-8"))
    records = [json.loads(line) for line in lines if f'"{name}' in line]
    # A record of "heco/dblp-20" is of the split "20" of "heco/dblp".
    held = {record["data_sha256"] for record in records if record["dataset"].split("-")[0] == name}
    assert load_dataset(name, data_root, cache=False).sha256 in held


def test_all_counts_in_the_digest() -> None:
    base = Dataset("x", GRAPH, LABELS, SPLITS)
    moved = {**SPLITS, "s": Split(torch.tensor([2]), None, torch.tensor([5]))}
    one = Hypergraph.from_sets([[0, 1], [2]], [0, 0], num_nodes=GRAPH.num_nodes)
    two = Hypergraph.from_sets([[0, 2], [1]], [0, 0], num_nodes=GRAPH.num_nodes)
    others = (
        replace(base, graph=HeteroGraph(num_nodes={"paper": 7, "author": 3}, relations={})),
        replace(base, splits=moved),
        replace(base, targets=None),
        replace(base, targets={"labels": LABELS, "values": VALUES}),
        replace(base, targets={"labels": LABELS, "more": LABELS}),
        replace(base, targets=EdgeLabels(WRITES, 2, PAIRS.repeat(1, 3), torch.arange(6) % 2)),
        replace(base, hypergraphs={"h": one}),
        replace(base, hypergraphs={"h": two}),
    )
    assert len({base.sha256, *(other.sha256 for other in others)}) == 9
    assert replace(base, name="y").sha256 == base.sha256


def test_a_hypergraph_over_other_nodes_is_told(toy_graph: HeteroGraph) -> None:
    counts = dict(toy_graph.num_nodes)
    swapped = {"paper": counts["paper"], "author": counts["author"], "venue": counts["venue"]}
    for other in ({"node": 6}, swapped):
        hypergraph = Hypergraph.from_sets([[0]], [0], num_nodes=other)
        with pytest.raises(DataError, match="hypergraph 'h' is over"):
            Dataset("toy", toy_graph, hypergraphs={"h": hypergraph})


@pytest.mark.parametrize(
    ("targets", "splits", "messages"),
    [
        (replace(LABELS, index=torch.tensor([0, 6, 5])), {}, ["'labels' names the 'paper' node 6"]),
        (replace(VALUES, index=torch.tensor([-1, 1])), {}, ["'paper' node -1, but there are 6"]),
        (replace(VALUES, node_type="papers"), {}, ["node type 'papers'.*Did you mean 'paper'"]),
        (replace(EDGES, edges=PAIRS.flip(0)), {}, ["'author' node 5, but there are 3"]),
        (EDGES, SPLITS, ["split 's' names the edge 5, but there are 2", "split 'half'"]),
        (
            LABELS,
            {
                "s": Split(torch.tensor([0]), None, torch.tensor([6])),
                "t": Split(torch.tensor([0]), torch.tensor([-2]), torch.tensor([1])),
            },
            ["split 's' names the node 6, but there are 6", "split 't' names the node -2"],
        ),
        (
            {"near": Links((WRITES,), PAIRS + 2, PAIRS, PAIRS, PAIRS.flip(0)), "l": LABELS},
            {},
            ["'near' names the 'author' node 4", "'paper' node 7", "'author' node 5"],
        ),
    ],
)
def test_all_that_the_graph_lacks_is_told_at_once(targets, splits, messages) -> None:
    with pytest.raises(DataError) as caught:
        Dataset("x", GRAPH, targets, splits)
    for message in messages:
        assert re.search(message, str(caught.value)), caught.value


def test_links_of_several_relations_are_checked_by_their_own_types() -> None:
    keys = (WRITES, EdgeType("paper", "by", "author"))
    links = Links(keys, None, torch.tensor([[2, 5], [5, 2]]), test_type=torch.tensor([0, 1]))
    assert Dataset("x", GRAPH, links).links["links"] is links
    with pytest.raises(DataError, match="'author' node 5"):
        Dataset("x", GRAPH, replace(links, test_type=torch.tensor([1, 0])))
