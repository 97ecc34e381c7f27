from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Links, Split
from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.errors import ConfigError, DataError, SchemaError, UserError
from hetgraph.io import from_pyg, from_pyg_dataset, to_pyg

geometric = pytest.importorskip("torch_geometric.data")
HeteroData = geometric.HeteroData


def small() -> Any:
    data = HeteroData()
    data["paper"].x = torch.arange(6.0).view(3, 2)
    data["author"].num_nodes = 4
    data["author", "writes", "paper"].edge_index = torch.tensor([[3, 0, 3], [2, 1, 2]])
    return data


def test_a_graph_goes_to_pyg_and_back(rich_graph: HeteroGraph) -> None:
    data = to_pyg(rich_graph)
    with pytest.warns(UserWarning, match="'ghost'} are isolated"):
        assert data.validate(raise_on_error=True)
    assert data.metadata()[1] == [tuple(key) for key in rich_graph.edge_types]
    assert data.num_nodes == sum(rich_graph.num_nodes.values())
    converted = from_pyg(data, name="rich")
    assert converted.schema == rich_graph.schema
    assert converted.content_hash == rich_graph.content_hash


def test_pyg_goes_to_a_graph_and_back() -> None:
    data = small()
    data["author", "writes", "paper"].edge_attr = torch.rand(3, 5)
    data["author", "writes", "paper"].edge_weight = torch.rand(3)
    back = to_pyg(from_pyg(data))
    assert torch.equal(back["paper"].x, data["paper"].x)
    assert back["author"].num_nodes == 4
    assert back.edge_types == data.edge_types
    mine, theirs = (one["author", "writes", "paper"] for one in (back, data))
    order = [1, 0, 2]  # Stored by destination, then source; parallel edges keep their order.
    assert torch.equal(mine.edge_index, theirs.edge_index[:, order])
    assert torch.equal(mine.edge_attr, theirs.edge_attr[order])
    assert torch.equal(mine.edge_weight, theirs.edge_weight[order])


def test_messages_flow_as_in_pyg() -> None:
    """A sum over neighbours is the same in both libraries, so no direction is swapped."""
    from torch_geometric.nn import SimpleConv

    data = small()
    data["author"].x = torch.randn(4, 3)
    expected = SimpleConv("sum")(
        (data["author"].x, data["paper"].x), data["author", "writes", "paper"].edge_index
    )
    relation = from_pyg(data).relation("writes")
    assert torch.allclose(relation.to_dense() @ data["author"].x, expected)


@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_sparse_features(layout: str) -> None:
    dense = torch.tensor([[0.0, 2.0], [0.0, 0.0], [1.0, 0.0]])
    data = small()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data["paper"].x = dense.to_sparse(layout=getattr(torch, f"sparse_{layout}"))
    graph = from_pyg(data)
    assert graph.schema.node_types["paper"].kind == "sparse"
    assert torch.equal(graph.features["paper"].to_dense(), dense)


def test_transposed_adjacency() -> None:
    from torch_geometric.transforms import ToSparseTensor

    expected = from_pyg(small()).relation("writes").to_dense()
    data = ToSparseTensor(layout=torch.sparse_csr)(small())
    assert "edge_index" not in data["author", "writes", "paper"]
    # That transform merges parallel edges into one.
    relation = from_pyg(data).relation("writes")
    assert torch.equal(relation.to_dense(), expected.clamp(max=1))
    assert relation.num_edges == 2


@pytest.mark.parametrize(
    ("x", "kind", "dim"),
    [
        (torch.tensor([2, 0, 1]), "categorical", 3),
        (torch.tensor([0.5, 1.0, 2.0]), "dense", 1),
        (torch.ones(3, 4, dtype=torch.long), "dense", 4),
        (torch.ones(3, 4, dtype=torch.bool), "dense", 4),
    ],
)
def test_other_features(x: torch.Tensor, kind: str, dim: int) -> None:
    data = small()
    data["paper"].x = x
    spec = from_pyg(data).schema.node_types["paper"]
    assert (spec.kind, spec.dim) == (kind, dim)


def test_reverses_are_found_by_their_edges_alone() -> None:
    data = small()
    index = data["author", "writes", "paper"].edge_index
    data["paper", "rev_writes", "author"].edge_index = index.flip(0)
    data["paper", "near", "author"].edge_index = index.flip(0)[:, :2]
    data["paper", "like", "paper"].edge_index = torch.tensor([[0, 1, 2], [1, 0, 2]])
    schema = from_pyg(data).schema
    writes, back = EdgeType("author", "writes", "paper"), EdgeType("paper", "rev_writes", "author")
    assert schema.reverse_of(writes) == back
    assert schema.reverse_of(("paper", "near", "author")) is None
    assert schema.reverse_of(("paper", "like", "paper")) == ("paper", "like", "paper")
    assert from_pyg(data, find_reverses=False).schema.reverses == ()
    data["author", "writes", "paper"].edge_weight = torch.tensor([1.0, 2.0, 3.0])
    graph = from_pyg(data)
    assert graph.schema.reverse_of(writes) == back
    assert graph.relations[back].weight is None


def test_the_name_decides_between_equal_reverses() -> None:
    data = small()
    index = data["author", "writes", "paper"].edge_index.flip(0)
    data["paper", "other", "author"].edge_index = index
    data["paper", "rev_writes", "author"].edge_index = index
    assert from_pyg(data).schema.reverse_of("writes") == ("paper", "rev_writes", "author")


def labelled(multi_label: bool = False) -> Any:
    data = small()
    data["paper"].y = torch.tensor([1, -1, 0])
    if multi_label:
        data["paper"].y = torch.tensor([[1.0, 1.0], [float("nan")] * 2, [0.0, 0.0]])
    data["paper"].train_mask = torch.tensor([True, False, False])
    data["paper"].test_mask = torch.tensor([False, False, True])
    return data


@pytest.mark.parametrize("multi_label", [False, True])
def test_labels_and_masks_in_both_directions(multi_label: bool) -> None:
    dataset = from_pyg_dataset(labelled(multi_label))
    again = from_pyg_dataset(to_pyg(dataset))
    for built in (dataset, again):
        assert built.labels is not None
        assert (built.labels.node_type, built.labels.num_classes) == ("paper", 2)
        assert built.labels.index.tolist() == [0, 2]
        assert built.labels.target.tolist() == (
            [[True, True], [False, False]] if multi_label else [1, 0]
        )
        split = built.splits["default"]
        assert (split.train.tolist(), split.valid, split.test.tolist()) == ([0], None, [2])


def test_masks_of_several_splits() -> None:
    data = labelled()
    data["paper"].train_mask = torch.tensor([[1, 0], [0, 0], [0, 1]]).bool()
    data["paper"].val_mask = torch.tensor([False, True, False])
    splits = from_pyg_dataset(data).splits
    assert [split.train.tolist() for split in splits.values()] == [[0], [2]]
    assert [split.valid.tolist() for split in splits.values()] == [[1], [1]]


def test_a_single_mask_is_told(caplog: pytest.LogCaptureFixture) -> None:
    data = HeteroData()
    data["paper"].x = torch.rand(20, 2)
    data["paper"].y = torch.arange(20) % 2
    data["paper"].train_mask = torch.arange(20) < 8
    from_pyg_dataset(data)
    (record,) = caplog.records
    assert record.getMessage().startswith("train_mask not read: a split needs train_mask and te")


def test_a_data_set_without_masks_is_split() -> None:
    data = small()
    data["author"].y = torch.tensor([0, 1, 0, 1])
    data["author"].num_nodes = 4
    with pytest.raises(DataError, match="too few to split"):
        from_pyg_dataset(data)
    data["paper"].y = torch.tensor([0, 1, 1])
    with pytest.raises(SchemaError, match="several node types have y"):
        from_pyg_dataset(data)
    assert from_pyg_dataset(small()).labels is None


def test_a_multi_label_data_set_goes_there_and_back(rich_graph: HeteroGraph) -> None:
    labels = Labels("paper", 2, torch.tensor([1, 4]), torch.eye(2).bool(), multi_label=True)
    split = Split(torch.tensor([1]), torch.tensor([2]), torch.tensor([4]))
    converted = from_pyg_dataset(to_pyg(Dataset("d", rich_graph, labels, {"default": split})))
    assert converted.graph.content_hash == rich_graph.content_hash
    assert converted.splits["default"].valid.tolist() == [2]


def everything() -> Any:
    """A ``HeteroData`` with attributes of every kind."""
    data = small()
    data["paper"].year = torch.tensor([1999, 2001, 2003])
    data["paper"].title = ["a", "b", "c"]
    data["paper"].time = torch.tensor([3, 1, 2])
    data["paper"].y = torch.tensor([0, 1, -1])
    data["paper"].train_mask = torch.tensor([True, False, False])
    data["paper"].test_mask = torch.tensor([False, True, False])
    data["author"].height = torch.tensor([1.5, 2.5, 3.5, 4.5], dtype=torch.float64)
    data["author"].doi = [2**63 + 1, 5, 6, 7]
    writes = data["author", "writes", "paper"]
    writes.edge_attr = torch.tensor([-1.0, 2.0, 3.0])
    writes.since = torch.tensor([7, 8, 9])
    data.source = "a museum"
    return data


def test_what_is_not_converted_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    data = everything()
    from_pyg(data)
    (record,) = caplog.records
    told = record.getMessage()
    assert told == (
        "not converted: source, paper.year, paper.title, paper.time, paper.y, paper.train_mask, "
        "paper.test_mask, author.height and 2 more; name what you need by type in features=, "
        "text=, edge_features=, edge_weight= or edge_time=, and read y and masks by "
        "from_pyg_dataset."
    )
    caplog.clear()
    from_pyg_dataset(data)
    assert "paper.y," not in caplog.text
    assert data["paper"].y.tolist() == [0, 1, -1]  # what was given is as it was
    caplog.clear()
    from_pyg(small())
    assert not caplog.records


def test_attributes_are_chosen_by_name() -> None:
    graph = from_pyg(
        everything(),
        features={"paper": ["x", "year"], "author": "height"},
        text={"paper": "title"},
        ids={"author": "doi"},
        edge_features={"writes": ["edge_attr", "since"]},
        edge_weight={("author", "writes", "paper"): "since"},
        edge_time={"author -writes> paper": "since"},
    )
    assert graph.features["paper"].tolist() == [[0, 1, 1999], [2, 3, 2001], [4, 5, 2003]]
    assert graph.features["author"].dtype == torch.float64
    assert graph.features["author"].tolist() == [[1.5], [2.5], [3.5], [4.5]]
    assert graph.text["paper"].to_pylist() == ["a", "b", "c"]
    assert graph.ids["author"].to_pylist() == [2**63 + 1, 5, 6, 7]
    writes = graph.relation("writes")
    assert writes.edge_features.tolist() == [[2, 8], [-1, 7], [3, 9]]
    assert writes.weight.tolist() == [8, 7, 9]
    assert writes.edge_time.tolist() == [8, 7, 9]
    none = from_pyg(everything(), features={"paper": []}, edge_features={"writes": []})
    assert not none.features
    assert none.relation("writes").edge_features is None


def test_one_number_an_edge_is_a_feature_and_no_weight() -> None:
    data = everything()
    relation = from_pyg(data).relation("writes")
    assert relation.weight is None
    assert relation.edge_features.tolist() == [[2.0], [-1.0], [3.0]]
    back = to_pyg(from_pyg(data))["author", "writes", "paper"]
    assert torch.equal(back.edge_attr[:, 0], data["author", "writes", "paper"].edge_attr[[1, 0, 2]])
    data["author", "writes", "paper"].weight = torch.tensor([4, 5, 6])
    both = from_pyg(data).relation("writes")
    assert both.weight.tolist() == [5, 4, 6]
    assert both.feature_dim == 1
    named = from_pyg(data, edge_weight={"writes": "edge_attr"}).relation("writes")
    assert named.weight.tolist() == [2, -1, 3]
    assert named.edge_features is None


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_float_y_is_values(shape: tuple[int, ...]) -> None:
    data = labelled()
    data["paper"].y = torch.tensor([-2.0, float("nan"), 4.0]).view(shape)
    dataset = from_pyg_dataset(data)
    again = from_pyg_dataset(to_pyg(dataset))
    for built in (dataset, again):
        assert built.labels is None
        assert built.values.index.tolist() == [0, 2]
        assert built.values.target.tolist() == [-2, 4]
        assert built.family == "node-regression"
        assert built.splits["default"].test.tolist() == [2]


def test_several_splits_go_there_and_back(caplog: pytest.LogCaptureFixture) -> None:
    data = labelled()
    data["paper"].train_mask = torch.tensor([[1, 0], [0, 0], [0, 1]]).bool()
    data["paper"].test_mask = torch.tensor([[0, 0], [1, 1], [1, 0]]).bool()
    dataset = from_pyg_dataset(data)
    back = to_pyg(dataset)["paper"]
    assert torch.equal(back.train_mask, data["paper"].train_mask)
    assert torch.equal(back.test_mask, data["paper"].test_mask)
    assert "val_mask" not in back
    assert not caplog.records
    writes = EdgeType("author", "writes", "paper")
    links = Links((writes,), None, torch.tensor([[1], [1]]))
    to_pyg(Dataset("d", dataset.graph, {"first": links, "second": dataset.labels}))
    assert "no place for it: first, second." in caplog.text


# --------------------------------------------------------------------------- bad input


def change(key: Any, **values: Any) -> Any:
    data = labelled()
    for name, value in values.items():
        if value is None:
            del data[key][name]
        else:
            data[key][name] = value
    return data


W = ("author", "writes", "paper")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (geometric.Data(), "data.to_heterogeneous()"),
        (change("author", num_nodes=None), "'author' has neither x nor num_nodes"),
        (
            change(("ghost", "r", "paper"), edge_index=torch.zeros(2, 1).long()),
            "type 'ghost', which is unknown",
        ),
        (change(W, edge_index=torch.zeros(2, 3)), "expected integers of shape [2, num_edges]"),
        (change(W, edge_index=torch.zeros(3, 2).long()), "shape [3, 2]; expected"),
        (change(W, edge_index=torch.tensor([[4], [0]])), "column 4 is outside 0..3"),
        (change(W, edge_index=None), "has neither edge_index nor adj_t"),
        (change(W, edge_weight=torch.ones(2)), "weight has shape [2], expected 3 rows"),
        (change("paper", x=torch.full((3, 2), float("nan"))), "features of 'paper' hold NaN"),
        (change("paper", x=["a", "b", "c"]), "x of 'paper' is a list"),
        (change("author", ids=[2**70, 1, 2, 3]), "'author': the ids have no common type"),
        (change("author", ids=["a", 1, 2, 3]), "'author': the ids have no common type"),
        (
            change("author", num_nodes=2**70),
            f"'author': {2**70} nodes; expected a whole number",
        ),
        (change("author", num_nodes=-1), "'author': -1 nodes"),
        (change("author", num_nodes=2.5), "2.5 nodes"),
        (change(W, edge_weight=["a", "b", "c"]), "attribute 'edge_weight' must be a number"),
        (change(W, edge_weight=torch.ones(3, 2)), "has 2 numbers an edge, expected one"),
        (change(W, edge_attr=torch.ones(2)), "shape [2]; expected numbers of shape [3]"),
        (change("paper", y=torch.tensor(1.0)), "y of 'paper' has shape [], expected 3"),
        (change("paper", y=torch.tensor([1, 2])), "y of 'paper' has 2 rows, expected 3"),
        (change("paper", y=torch.tensor([-1, -1, -1])), "has no label"),
        (change("paper", y=torch.tensor([[2, 0]] * 3)), "expected 0 or 1 for each class"),
    ],
)
def test_bad_data_is_one_clear_line(data: Any, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        from_pyg_dataset(data)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_are_not_there_are_refused() -> None:
    data = everything()
    for error, words, options in (
        (DataError, "names the attribute 'yaer' of paper.*'year'", {"features": {"paper": "yaer"}}),
        (SchemaError, "features names the unknown type 'papre'", {"features": {"papre": "x"}}),
        (SchemaError, "features is by node type", {"features": {W: "x"}}),
        (DataError, "text of paper names 2 attributes", {"text": {"paper": ["title", "x"]}}),
        (DataError, "'title' must be a number", {"features": {"paper": "title"}}),
    ):
        with pytest.raises(error, match=words):
            from_pyg(data, **options)
    data["paper", "writes", "author"].edge_index = torch.zeros(2, 1).long()
    with pytest.raises(SchemaError, match="edge_weight names 'writes', which is ambiguous"):
        from_pyg(data, edge_weight={"writes": "since"})


def test_counts_come_from_any_attribute_with_one_length() -> None:
    data = small()
    del data["author"].num_nodes
    data["author"].height = torch.rand(4)
    assert from_pyg(data).num_nodes == {"paper": 3, "author": 4}
    data["author"].odd = torch.rand(5)
    with pytest.raises(DataError, match="neither x nor num_nodes"):
        from_pyg(data)


def test_missing_counts_can_be_given() -> None:
    data = small()
    del data["author"].num_nodes
    data["x", "r", "paper"].edge_index = torch.tensor([[1], [0]])
    graph = from_pyg(data, num_nodes={"author": 9, "x": 2})
    assert graph.num_nodes == {"paper": 3, "author": 9, "x": 2}


def test_a_missing_package_says_how_to_install(
    toy_graph: HeteroGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch_geometric.data", None)
    with pytest.raises(ConfigError, match=r"pip install 'hetgraph\[pyg\]'"):
        to_pyg(toy_graph)


def test_conversion_needs_no_files(tmp_path: Path) -> None:
    assert from_pyg(HeteroData.from_dict(to_pyg(from_pyg(small())).to_dict())).num_edges == 3
