from collections.abc import Callable

import pytest
import torch

from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError, SchemaError

WRITES = EdgeType("author", "writes", "paper")
WRITTEN = EdgeType("paper", "written_by", "author")
AT = EdgeType("paper", "published_at", "venue")


def test_schema_is_derived(toy_graph: HeteroGraph) -> None:
    kinds = {name: (spec.kind, spec.dim) for name, spec in toy_graph.schema.node_types.items()}
    assert kinds == {"author": ("dense", 2), "paper": ("dense", 1), "venue": ("none", 0)}
    assert toy_graph.schema.reverse_of(WRITES) == WRITTEN
    assert toy_graph.num_edges == 11
    sparse = toy_graph.with_features("author", CSR.from_dense(torch.eye(2)))
    assert sparse.schema.node_types["author"].kind == "sparse"
    coded = toy_graph.with_features("author", torch.tensor([0, 4]))
    assert (coded.schema.node_types["author"].kind, coded.schema.node_types["author"].dim) == (
        "categorical",
        5,
    )
    told = toy_graph.replace(text={"venue": ["VLDB"]})
    assert told.schema.node_types["venue"].kind == "text"


def test_is_immutable(toy_graph: HeteroGraph) -> None:
    with pytest.raises(AttributeError, match="immutable"):
        toy_graph.name = "other"
    with pytest.raises(TypeError):
        toy_graph.relations[WRITES] = None  # type: ignore[index]


def test_any_string_is_a_type_name() -> None:
    relation = Relation.from_edges(torch.tensor([0]), torch.tensor([0]), 1, 1)
    graph = HeteroGraph(
        num_nodes={"a.b c": 1, "__x__": 1}, relations={("a.b c", "r.s__t", "__x__"): relation}
    )
    assert graph.relation("r.s__t").num_edges == 1


def test_without_edges_also_removes_the_reverse(toy_graph: HeteroGraph) -> None:
    left = toy_graph.without_edges(WRITES, torch.tensor([0]), torch.tensor([1]))
    assert left.relations[WRITES].num_edges == 3
    assert left.relations[WRITTEN].num_edges == 3
    assert 0 not in left.relations[WRITTEN].edges()[1][left.relations[WRITTEN].edges()[0] == 1]
    assert toy_graph.relations[WRITES].num_edges == 4


def test_without_relation_takes_the_reverse_along(toy_graph: HeteroGraph) -> None:
    assert toy_graph.without_relation("writes").edge_types == (AT,)


def test_with_relation_declares_a_reverse(toy_graph: HeteroGraph) -> None:
    key = EdgeType("venue", "publishes", "paper")
    graph = toy_graph.with_relation(key, toy_graph.relations[AT].transpose, reverse_of=AT)
    assert graph.schema.reverse_of(key) == AT
    assert toy_graph.with_reverses().schema.reverse_of(AT) == EdgeType(
        "venue", "rev_published_at", "paper"
    )


def test_subgraph_is_induced_in_the_given_order(toy_graph: HeteroGraph) -> None:
    induced = toy_graph.subgraph({"paper": torch.tensor([2, 0])})
    assert induced.num_nodes == {"author": 2, "paper": 2, "venue": 1}
    assert induced.features["paper"].flatten().tolist() == [3.0, 1.0]
    src, dst = induced.relations[WRITES].edges()
    assert sorted(zip(src.tolist(), dst.tolist(), strict=True)) == [(0, 1), (1, 0)]
    with pytest.raises(DataError, match="repeated"):
        toy_graph.subgraph({"paper": torch.tensor([0, 0])})
    with pytest.raises(SchemaError, match="Did you mean 'paper'"):
        toy_graph.subgraph({"papers": torch.tensor([0])})


def test_subgraph_equals_the_dense_blocks(random_graph: Callable[..., HeteroGraph]) -> None:
    graph = random_graph()
    keep = {"author": torch.tensor([4, 1, 9]), "paper": torch.tensor([0, 20, 7, 3])}
    induced = graph.subgraph(keep)
    for key, relation in graph.relations.items():
        dense = relation.to_dense()
        rows = keep.get(key.dst, torch.arange(relation.num_dst))
        cols = keep.get(key.src, torch.arange(relation.num_src))
        torch.testing.assert_close(induced.relations[key].to_dense(), dense[rows][:, cols])


def test_reversed_turns_every_edge(toy_graph: HeteroGraph) -> None:
    turned = toy_graph.reversed()
    flipped = turned.relations[EdgeType("paper", "writes", "author")]
    torch.testing.assert_close(flipped.to_dense(), toy_graph.relations[WRITES].to_dense().t())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"features": {"paper": torch.ones(2, 1)}}, DataError, "have 2 rows, expected 3"),
        ({"features": {"papr": torch.ones(3, 1)}}, SchemaError, "Did you mean 'paper'"),
        (
            {"features": {"paper": torch.tensor([[1.0], [float("nan")], [1.0]])}},
            DataError,
            "NaN or infinite values, first in row 1",
        ),
        ({"features": {"paper": torch.ones(3, 1).int()}}, DataError, r"Convert with \.float"),
        (
            {"num_nodes": {"author": 2, "paper": 4, "venue": 1}, "features": {}},
            DataError,
            "4 'paper' nodes",
        ),
        ({"num_nodes": {}, "relations": {}, "features": {}, "reverses": ()}, DataError, "empty"),
        ({"reverses": [(WRITES, AT)]}, SchemaError, "do not swap"),
    ],
)
def test_bad_graphs_are_reported(
    toy_graph: HeteroGraph, change: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        toy_graph.replace(**change)


def test_false_reverses_are_reported(toy_graph: HeteroGraph) -> None:
    other = Relation.from_edges(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 0, 0, 1]), 3, 2)
    with pytest.raises(DataError, match="declared as reverses but hold different edges"):
        toy_graph.replace(relations={**toy_graph.relations, WRITTEN: other})
