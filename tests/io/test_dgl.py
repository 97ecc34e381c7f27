"""Without DGL installed: its graph is played by a stand-in with the same few methods."""

from __future__ import annotations

import doctest
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from hetgraph.data import HeteroGraph
from hetgraph.errors import ConfigError, DataError, SchemaError
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
    expected = rich_graph.replace(
        ids={},
        text={},
        features={**rich_graph.features, "paper": middle.nodes["paper"].data["feat"]},
    )
    assert converted.content_hash == expected.content_hash


@pytest.mark.usefixtures("dgl")
def test_what_has_no_place_is_told(
    rich_graph: HeteroGraph, caplog: pytest.LogCaptureFixture
) -> None:
    middle = to_dgl(rich_graph)
    assert "ids of author, ids of paper, text of paper" in caplog.text
    caplog.clear()
    middle.nodes["author"].data |= {"age": torch.arange(5), "_ID": torch.arange(5)}
    middle.edges["author", "writes", "paper"].data["order"] = torch.arange(20)
    from_dgl(middle)
    (record,) = caplog.records
    told = record.getMessage()
    assert told.startswith("not converted: author.age, (author -writes> paper).order; name")


@pytest.mark.usefixtures("dgl")
def test_data_are_chosen_by_type(rich_graph: HeteroGraph) -> None:
    middle = to_dgl(rich_graph)
    middle.nodes["author"].data["age"] = torch.arange(5)
    middle.edges["author", "writes", "paper"].data["order"] = torch.arange(20)
    graph = from_dgl(
        middle,
        features={"author": ["feat", "age"], "venue": "feat"},
        edge_weight={"writes": "order"},
        edge_features={"writes": ["weight", "order"]},
    )
    assert set(graph.features) == {"author", "venue"}
    assert graph.features["author"][:, 4].tolist() == [0, 1, 2, 3, 4]
    assert graph.schema.node_types["venue"].kind == "categorical"
    writes = graph.relation("writes")
    assert torch.equal(writes.edge_features[:, 1], writes.weight)
    assert graph.relation("cites").edge_features is None
    with pytest.raises(DataError, match=r"names the attribute 'aeg' of author.*'age'"):
        from_dgl(middle, features={"author": "aeg"})
    with pytest.raises(SchemaError, match=r"edge_time names the unknown type 'buys'"):
        from_dgl(middle, edge_time={"buys": "t"})


def test_what_is_no_dgl_graph_is_refused(toy_graph: HeteroGraph) -> None:
    with pytest.raises(SchemaError, match=r"expected a dgl\.DGLGraph, got a list"):
        from_dgl([])
    with pytest.raises(ConfigError, match="pip install 'dgl'"):
        to_dgl(toy_graph)


@pytest.mark.usefixtures("dgl")
def test_the_examples_run() -> None:
    assert doctest.testmod(module).attempted == 7
    assert not doctest.testmod(module).failed
