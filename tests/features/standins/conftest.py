"""A small graph without features, as it is and with new nodes."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import HeteroGraph, Relation

WRITES = ("author", "writes", "paper")
AT = ("paper", "at", "venue")


def library(*, authors: int = 12, papers: int = 15, venues: int = 3, seed: int = 0) -> HeteroGraph:
    """Authors write papers at venues; only venues have features, the last author has no paper."""
    draw = torch.Generator().manual_seed(seed)
    wrote = (torch.rand(authors - 1, papers, generator=draw) < 0.3).nonzero().T
    at = torch.randint(venues, (papers,), generator=draw)
    relations = {
        WRITES: Relation.from_edges(wrote[0], wrote[1], authors, papers),
        AT: Relation.from_edges(torch.arange(papers), at, papers, venues),
    }
    return HeteroGraph(
        num_nodes={"author": authors, "paper": papers, "venue": venues},
        relations=relations,
        features={"venue": torch.eye(venues) + 1},
    )


def extended(graph: HeteroGraph, new_author: list[int]) -> HeteroGraph:
    """Returns the graph with two more authors, of whom the first wrote some papers."""
    writes = graph.relations[WRITES]
    src, dst = writes.edges()
    authors, papers = writes.num_src + 2, writes.num_dst
    extra = torch.tensor(new_author, dtype=torch.int64)
    longer = Relation.from_edges(
        torch.cat([src, torch.full_like(extra, authors - 2)]),
        torch.cat([dst, extra]),
        authors,
        papers,
    )
    return graph.replace(
        num_nodes={**graph.num_nodes, "author": authors},
        relations={**graph.relations, WRITES: longer},
    )


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", f"{tmp_path}/cache")
