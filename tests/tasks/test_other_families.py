"""What is said where the targets of a data set do not allow a family."""

from __future__ import annotations

import pytest
import torch

from hetgraph.catalog import Dataset, EdgeValues, Links, Values
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError, LeakageError
from hetgraph.tasks import families, make_task

READS = EdgeType("user", "reads", "item")


@pytest.fixture
def graph() -> HeteroGraph:
    src, dst = torch.arange(24) % 6, torch.arange(24) % 4
    return HeteroGraph(
        num_nodes={"user": 6, "item": 5}, relations={READS: Relation.from_edges(src, dst, 6, 5)}
    )


@pytest.mark.parametrize("family", [name for name in families() if name != "edge-regression"])
def test_other_tasks_are_refused_with_those_that_fit(graph: HeteroGraph, family: str) -> None:
    edges = torch.stack(graph.relations[READS].edges())
    dataset = Dataset("toy/shop", graph, EdgeValues(READS, edges, edges[0].double()))
    with pytest.raises(DataError, match=r"Its targets are for edge-regression: set task\.kind\.$"):
        make_task(dataset, family=family)


def test_other_mistakes_are_told_as_they_are(graph: HeteroGraph) -> None:
    values = Values("user", torch.arange(3), torch.tensor([1.0, -1.0, 2.0]).double(), "age")
    with pytest.raises(DataError) as told:
        make_task(Dataset("toy/shop", graph, values), family="node-importance")
    assert "Its targets" not in str(told.value)


def test_held_out_links_in_the_graph_are_refused_with_a_cure_for_tables(graph: HeteroGraph) -> None:
    dataset = Dataset("toy/shop", graph, Links((READS,), None, torch.tensor([[0], [0]])))
    task = make_task(dataset, options={"negatives": "uniform"})
    with pytest.raises(
        LeakageError, match=r"1 held-out links are edges .* in a table of their own"
    ):
        task.audit()
