"""PageRank as a baseline: the scores of the kernel, and the settings."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.data.numbering import joint_edges
from hetgraph.errors import ConfigError
from hetgraph.models.pagerank import PageRank, PageRankConfig
from hetgraph.tasks import make_task


@pytest.mark.parametrize("undirected", [False, True])
def test_all_relations_make_one_graph(
    importance_dataset: Callable[..., Dataset], undirected: bool
) -> None:
    task = make_task(importance_dataset())
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(67))
    for _, src, dst in joint_edges(task.graph):
        graph.add_edges_from(zip(src.tolist(), dst.tolist(), strict=True))
        if undirected:
            graph.add_edges_from(zip(dst.tolist(), src.tolist(), strict=True))
    wanted = nx.pagerank(graph, tol=1e-12, max_iter=1000)
    model = PageRank.for_task(task, PageRankConfig(undirected=undirected))
    scores = model.scores(task, torch.full((60,), torch.nan))
    torch.testing.assert_close(scores, torch.tensor([wanted[k] * 67 for k in range(60)]).double())
    with pytest.raises(ConfigError, match=r"model\.damping is 1"):
        PageRankConfig(damping=1.0)


def test_a_partition_into_hyperedges_ranks_nobody(
    importance_dataset: Callable[..., Dataset],
) -> None:
    task = make_task(importance_dataset(edges=False))
    groups = task.hypergraphs["groups"]
    task.hypergraphs["groups"] = groups.take(torch.tensor([0, 2]))  # disjoint
    scores = PageRank.for_task(task, PageRankConfig()).scores(task, torch.zeros(60))
    inside = scores[[*range(20), 40, 58]]
    torch.testing.assert_close(inside, inside[:1].expand(22))
