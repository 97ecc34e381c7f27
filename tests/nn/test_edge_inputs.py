"""What edges carry, as attention reads it: weights, features, ages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError
from hetgraph.nn import EdgeInputs, EdgeReader, check_time_unit, edges_read
from hetgraph.nn.edge_inputs import AGE_DIM, age_columns

WRITES = EdgeType("author", "writes", "paper")
WRITTEN_BY = EdgeType("paper", "written_by", "author")
CITES = EdgeType("paper", "cites", "paper")
HAS = EdgeType("paper", "has", "term")

MakeGraph = Callable[..., HeteroGraph]


@dataclass(frozen=True)
class Settings:
    edge_weights: bool = True
    edge_features: bool = True
    edge_times: bool = True
    time_unit: float | None = None


def reader_of(graph: HeteroGraph, **settings: bool | float) -> EdgeReader:
    return EdgeReader(graph.schema, graph.edge_types, Settings(**settings))  # type: ignore[arg-type]


def read(graph: HeteroGraph, **settings: bool | float) -> dict[EdgeType, EdgeInputs]:
    return reader_of(graph, **settings).read(graph)


def changed(graph: HeteroGraph, key: EdgeType, **values: Tensor | None) -> HeteroGraph:
    relation = replace(graph.relations[key], **values, _cache={})  # type: ignore[arg-type]
    return graph.replace(relations={**graph.relations, key: relation}, reverses=())


def values_of(inputs: EdgeInputs) -> Tensor:
    assert inputs.values is not None
    return inputs.values


def test_values_are_features_then_ages(edge_graph: MakeGraph) -> None:
    graph = edge_graph()
    inputs = read(graph)
    times = torch.cat([r.edge_time for r in graph.relations.values() if r.edge_time is not None])
    latest, oldest = int(times.max()), int(times.min())
    for key in (WRITES, WRITTEN_BY, HAS):
        relation = graph.relations[key]
        ages = (latest - relation.edge_time).double()
        expected = age_columns(ages, float(latest - oldest))
        if relation.edge_features is not None:
            expected = torch.cat([relation.edge_features, expected], 1)
        torch.testing.assert_close(values_of(inputs[key]), expected)
    assert torch.equal(values_of(inputs[CITES]), graph.relations[CITES].edge_features)
    reader = reader_of(graph)
    assert reader.dims == {WRITES: 2 + AGE_DIM, WRITTEN_BY: 2 + AGE_DIM, CITES: 3, HAS: AGE_DIM}


def test_a_reverse_carries_the_values_of_the_same_edges(edge_graph: MakeGraph) -> None:
    graph = edge_graph()
    inputs = read(graph)

    def rows(key: EdgeType, *, swapped: bool) -> list[list[float]]:
        inputs_of = inputs[key]
        dst, src = inputs_of.relation.coo()
        ends = torch.stack([dst, src] if swapped else [src, dst], dim=1)
        assert inputs_of.log_weight is not None
        carried = [ends, inputs_of.log_weight[:, None], values_of(inputs_of)]
        return sorted(torch.cat(carried, 1).tolist())

    assert rows(WRITES, swapped=False) == rows(WRITTEN_BY, swapped=True)
    order = inputs[WRITES].relation.transpose_perm
    assert not torch.equal(order, torch.arange(order.numel()))


def test_weights_count_by_their_ratio_to_the_mean(edge_graph: MakeGraph) -> None:
    graph = edge_graph()
    weight = graph.relations[WRITES].weight
    expected = (weight.double() / weight.double().mean()).log().float()
    for factor in (1.0, 0.001, 1e6):
        scaled = changed(graph, WRITES, weight=weight * factor)
        torch.testing.assert_close(read(scaled)[WRITES].log_weight, expected, rtol=0, atol=1e-5)
    assert read(graph, edge_weights=False)[WRITES].log_weight is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [1.0, 0.1, 0.7, 3e7])
def test_equal_weights_are_none(edge_graph: MakeGraph, value: float, dtype: torch.dtype) -> None:
    graph = edge_graph(only=())
    weight = torch.full((graph.relations[WRITES].nnz,), value, dtype=dtype)
    assert read(changed(graph, WRITES, weight=weight)) == {}


def test_edges_of_weight_0_are_left_out_with_what_they_carry(edge_graph: MakeGraph) -> None:
    graph = edge_graph()
    relation = graph.relations[WRITES]
    gone = torch.arange(relation.nnz) % 3 == 0
    made = changed(graph, WRITES, weight=relation.weight.masked_fill(gone, 0.0))
    inputs = read(made)[WRITES]
    kept = relation.select(~gone)
    assert torch.equal(inputs.relation.indptr, kept.indptr)
    assert torch.equal(inputs.relation.indices, kept.indices)
    assert torch.equal(values_of(inputs)[:, :2], kept.edge_features)
    torch.testing.assert_close(inputs.log_weight, (kept.weight / kept.weight.mean()).log())
    assert read(made, edge_weights=False)[WRITES].relation.nnz == relation.nnz
    plain = read(changed(edge_graph(only=()), WRITES, weight=(~gone).float()))
    assert list(plain) == [WRITES]
    assert plain[WRITES].log_weight is None
    assert plain[WRITES].relation.nnz == kept.nnz


def test_entries_sum_by_destination(edge_graph: MakeGraph) -> None:
    inputs = read(edge_graph())[WRITES]
    dst = inputs.relation.row_ids
    expected = torch.zeros(inputs.relation.num_rows, values_of(inputs).shape[1])
    expected.index_add_(0, dst, values_of(inputs))
    torch.testing.assert_close(inputs.entries.to_dense() @ values_of(inputs), expected)


def test_age_columns_are_the_age_and_waves_of_it() -> None:
    columns = age_columns(torch.tensor([0.0, 5.0, 20.0], dtype=torch.float64), 20.0)
    assert columns.shape == (3, AGE_DIM)
    expected = [
        [a]
        + [math.sin(math.pi * 2**k * a) for k in range(4)]
        + [math.cos(math.pi * 2**k * a) for k in range(4)]
        for a in (0.0, 0.25, 1.0)
    ]
    torch.testing.assert_close(columns, torch.tensor(expected), rtol=0, atol=1e-5)


def test_times_are_subtracted_before_they_are_rounded(edge_graph: MakeGraph) -> None:
    graph = edge_graph(only=())
    count = graph.relations[WRITES].nnz
    now = 1_700_000_000_000_000_000  # nanoseconds, which float64 holds to 256 of them
    times = now + torch.arange(count)
    ages = values_of(read(changed(graph, WRITES, edge_time=times))[WRITES])[:, 0]
    torch.testing.assert_close(ages, torch.arange(count - 1, -1, -1) / (count - 1.0))
    seconds = (times - now).float() / 2 + 100  # floats are times, too
    ages = values_of(read(changed(graph, WRITES, edge_time=seconds), time_unit=2.0)[WRITES])[:, 0]
    torch.testing.assert_close(ages, torch.arange(count - 1, -1, -1) / 4.0)


def test_what_is_fitted_is_kept_with_the_parameters(edge_graph: MakeGraph) -> None:
    graph = edge_graph()
    reader = reader_of(graph)
    first = reader.read(graph)
    loaded = reader_of(graph)
    loaded.load_state_dict(reader.state_dict())
    relation = graph.relations[WRITES]
    times = (relation.edge_time - 10**9) // 2 + 10**9
    other = changed(graph, WRITES, weight=relation.weight * 10, edge_time=times)
    for fitted in (reader, loaded):
        again = fitted.read(other)
        torch.testing.assert_close(
            again[WRITES].log_weight, first[WRITES].log_weight + math.log(10)
        )
        ages = [values_of(made[WRITES])[:, 2] for made in (first, again)]
        half = (ages[0] - ages[0].min()) / 2
        torch.testing.assert_close(ages[1] - ages[1].min(), half, rtol=0, atol=1e-6)
    assert float(reader_of(graph).unit) == 0.0


def test_a_declared_unit_is_taken(edge_graph: MakeGraph) -> None:
    graph = edge_graph()
    reader = reader_of(graph, time_unit=86400.0)
    days = values_of(reader.read(graph)[HAS])[:, 0]
    times = graph.relations[HAS].edge_time
    torch.testing.assert_close(days - days.min(), (times.max() - times) / 86400.0)
    assert float(reader.unit) == 86400.0


def test_no_state_where_there_is_nothing_to_fit(edge_graph: MakeGraph) -> None:
    for graph, settings in (
        (edge_graph(only=()), {}),
        (edge_graph(only=("edge_features",)), {}),
        (edge_graph(), {"edge_weights": False, "edge_times": False}),
    ):
        assert not reader_of(graph, **settings).state_dict()
    off = {"edge_weights": False, "edge_features": False, "edge_times": False}
    assert read(edge_graph(), **off) == {}
    assert reader_of(edge_graph(), **off).dims == {}


def test_relations_without_edges_are_read(edge_graph: MakeGraph) -> None:
    graph = edge_graph()
    none = torch.zeros(0, dtype=torch.int64)
    empty = Relation.from_edges(
        none, none, 20, 27, weight=torch.zeros(0), edge_features=torch.zeros(0, 2), edge_time=none
    )
    relations = {key: r for key, r in graph.relations.items() if key == HAS}
    made = graph.replace(
        relations={WRITES: empty, WRITTEN_BY: empty.transpose, **relations}, reverses=()
    )
    inputs = read(made)
    assert values_of(inputs[WRITES]).shape == (0, 2 + AGE_DIM)
    alone = made.without_relation(HAS)
    assert float(reader_of(alone).unit) == 0.0
    assert values_of(read(alone)[WRITES]).shape == (0, 2 + AGE_DIM)


def test_edges_of_one_time_have_no_age(edge_graph: MakeGraph) -> None:
    graph = edge_graph(only=())
    times = torch.full((graph.relations[WRITES].nnz,), 7)
    made = values_of(read(changed(graph, WRITES, edge_time=times))[WRITES])
    assert bool(torch.isfinite(made).all())
    assert not bool(made[:, 0].any())


def test_features_of_dim_0_are_none(edge_graph: MakeGraph) -> None:
    graph = edge_graph(only=())
    made = changed(graph, WRITES, edge_features=torch.zeros(graph.relations[WRITES].nnz, 0))
    assert read(made) == {}


def test_all_faults_of_the_edges_are_told_at_once(edge_graph: MakeGraph) -> None:
    graph = edge_graph()
    relation = graph.relations[WRITES]
    weight = relation.weight.clone()
    weight[[4, 9]] = -1.5
    src, dst = (int(ids[4]) for ids in relation.edges())
    made = changed(graph, WRITES, weight=weight)
    made = changed(made, CITES, edge_features=torch.zeros(made.relations[CITES].nnz, 1))
    made = changed(made, HAS, edge_time=None)
    with pytest.raises(DataError) as caught:
        reader_of(graph).read(made)
    message = str(caught.value)
    assert (
        f"(author -writes> paper) has 2 negative weights, such as -1.5 from node {src}" in message
    )
    assert f"to node {dst}, which" in message
    assert "model.edge_weights=false" in message
    assert "(paper -cites> paper) has 1 edge features, expected 3" in message
    assert "(paper -has> term) has no edge times" in message
    off = {"edge_weights": False, "edge_features": False, "edge_times": False}
    assert reader_of(graph, **off).read(made) == {}


def test_other_faults_of_the_edges(edge_graph: MakeGraph) -> None:
    graph = edge_graph(only=())
    count = graph.relations[WRITES].nnz
    weighted = changed(graph, WRITES, weight=torch.arange(1.0, count + 1))
    with pytest.raises(DataError, match="made for a graph without"):
        reader_of(graph).read(weighted)
    timed = changed(graph, WRITES, edge_time=torch.full((count,), math.nan))
    with pytest.raises(DataError, match="unexpected edge times"):
        reader_of(graph).read(timed)
    with pytest.raises(DataError, match="NaN or infinite"):
        read(timed)
    # Of ones nobody need be told, and where there are none they are ones.
    assert reader_of(graph).read(changed(graph, WRITES, weight=torch.ones(count))) == {}
    reader = reader_of(weighted)
    reader.read(weighted)
    expected = torch.full((count,), -math.log((count + 1) / 2))
    torch.testing.assert_close(reader.read(graph)[WRITES].log_weight, expected)


def test_settings_are_words() -> None:
    assert edges_read(Settings()) == {"edge_weight", "edge_feature", "edge_time"}
    assert edges_read(Settings(edge_features=False)) == {"edge_weight", "edge_time"}
    assert edges_read(Settings(edge_weights=False, edge_times=False)) == {"edge_feature"}


@pytest.mark.parametrize("unit", [0.0, -1.0, math.inf, math.nan])
def test_units_are_positive_numbers(unit: float) -> None:
    with pytest.raises(ConfigError, match=r"model\.time_unit is"):
        check_time_unit(unit)
    check_time_unit(None)
    check_time_unit(3600.0)
