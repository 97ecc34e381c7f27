"""Without DGL installed: its graph is played by a stand-in with the same few methods."""

from __future__ import annotations

import doctest
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from hetgraph.data import HeteroGraph
from hetgraph.errors import ConfigError, SchemaError
from hetgraph.io import dgl as module
from hetgraph.io import from_dgl, to_dgl


class Views(dict[Any, Any]):
    """``graph.nodes[type].data`` and ``graph.edges[type].data``; edges can also be called."""

    def __missing__(self, key: Any) -> Any:
        self[key] = SimpleNamespace(data={})
        return self[key]

    def __call__(self, etype: Any, order: str) -> tuple[torch.Tensor, torch.Tensor]:
        assert order == "eid"
        ends: tuple[torch.Tensor, torch.Tensor] = self.ends[etype]
        return ends

    ends: dict[Any, Any]


def stand_in(edges: dict[Any, Any], num_nodes_dict: dict[str, int]) -> Any:
    views = Views()
    views.ends = edges
    return SimpleNamespace(
        ntypes=sorted(num_nodes_dict),
        canonical_etypes=sorted(edges),
        num_nodes=num_nodes_dict.__getitem__,
        nodes=Views(),
        edges=views,
    )


@pytest.fixture
def dgl(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("dgl")
    module.heterograph = stand_in  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dgl", module)


@pytest.mark.usefixtures("dgl")
def test_a_graph_goes_to_dgl_and_back(rich_graph: HeteroGraph) -> None:
    middle = to_dgl(rich_graph)
    assert middle.nodes["paper"].data["feat"].shape == (7, 10)
    converted = from_dgl(middle, name="rich")
    times = rich_graph.relation("cites").edge_time
    assert times is not None
    expected = rich_graph.replace(
        ids={},
        text={},
        features={**rich_graph.features, "paper": middle.nodes["paper"].data["feat"]},
    )
    lost = {
        key: relation
        if relation.edge_time is None
        else type(relation)(
            relation.indptr,
            relation.indices,
            relation.num_cols,
            edge_features=relation.edge_features,
        )
        for key, relation in expected.relations.items()
    }
    assert converted.content_hash == expected.replace(relations=lost).content_hash


def test_what_is_no_dgl_graph_is_refused(toy_graph: HeteroGraph) -> None:
    with pytest.raises(SchemaError, match=r"expected a dgl\.DGLGraph, got a list"):
        from_dgl([])
    with pytest.raises(ConfigError, match="pip install 'dgl'"):
        to_dgl(toy_graph)


@pytest.mark.usefixtures("dgl")
def test_the_examples_run() -> None:
    assert doctest.testmod(module).attempted == 7
    assert not doctest.testmod(module).failed
