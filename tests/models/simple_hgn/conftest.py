"""A small joint graph of three relations with parallel edges, self-loops and isolated nodes."""

from __future__ import annotations

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import HeteroGraph
from hetgraph.nn import JointGraph, LayerPlan, layer_plans
from hetgraph.tasks import Task, make_task


@pytest.fixture
def graph(random_graph) -> HeteroGraph:
    return random_graph(num_nodes=12, num_edges=50)


@pytest.fixture
def plan(graph) -> LayerPlan:
    return layer_plans(graph.schema, "author", 3)[0]


@pytest.fixture
def joint(graph, plan) -> JointGraph:
    return JointGraph.join(plan, graph.num_nodes, graph.relations)


@pytest.fixture
def task(random_graph) -> Task:
    graph = random_graph(num_nodes=40, num_edges=150)
    labels = Labels("author", 3, torch.arange(36), torch.arange(36) % 3)
    split = Split(torch.arange(20), torch.arange(20, 26), torch.arange(26, 36))
    return make_task(Dataset("toy/simple", graph, labels, {"fixed": split}))
