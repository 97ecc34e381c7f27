from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial

import pytest
import torch
from rich.console import Console

from hetgraph.benchmarks import models as bench
from hetgraph.benchmarks._contender import Measurement, take_turns
from hetgraph.benchmarks._model_cases import (
    QUICK,
    REAL,
    SETTINGS,
    TINY,
    Case,
    Graph,
    make_ours,
    make_peer,
)
from hetgraph.benchmarks.models import Row, measure
from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError
from hetgraph.methods import Method
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

pytest.importorskip("torch_geometric")
MIB = 2**20


def settings(model: str) -> dict[str, object]:
    return {**SETTINGS[model], "dropout": 0.0}


# ------------------------------------------------------------------------------ the processes


def test_time_and_memory_of_known_trainings() -> None:
    rest = partial(partial, time.sleep, 0.02)
    fill = partial(partial, torch.full, (2**24,), 1.0)
    found, failed = take_turns({"rest": (rest, rest), "fill": (fill, rest)}, seconds=0.1)
    assert failed == {}
    assert 0.02 <= found["rest"].seconds < 1.0  # a busy machine wakes late
    assert found["rest"].extra_bytes < 16 * MIB
    assert 60 * MIB < found["fill"].extra_bytes < 90 * MIB
    assert found["fill"].peak_bytes > found["rest"].peak_bytes + 32 * MIB


def test_what_fails_is_left_out_and_told() -> None:
    rest = partial(partial, time.sleep, 0.0)
    makes = {
        "rests": (rest, rest),
        "too large": (partial(partial, torch.full, (2**40,), 1.0), rest),
        "cannot start": (partial(int, "x"), rest),
        "dies": (partial(partial, __import__("os")._exit, 3), rest),
    }
    found, failed = take_turns(makes, seconds=0.01)
    assert set(found) == {"rests"}
    assert failed["too large"] == "out of memory"
    assert failed["cannot start"].startswith("ValueError: invalid literal")
    assert "ended" in failed["dies"]


# ------------------------------------------------------------------------------ both sides


def test_a_case_is_measured_on_both_sides() -> None:
    case = Case("mlp", TINY, {"hidden_dim": 16})
    (row,) = measure(case, ["Linear"], seconds=0.02)
    assert row.ours is not None
    assert row.peer is not None
    assert row.way == "Linear"
    assert row.fastest
    assert row.speed_up == pytest.approx(row.peer.seconds / row.ours.seconds)
    assert row.ours.peak_bytes > row.ours.extra_bytes >= 0


@pytest.mark.parametrize("model", SETTINGS)
def test_an_epoch_moves_the_weights_of_both_sides(model: str) -> None:
    if model not in models.names():
        pytest.skip(f"there is no {model} yet")
    from hetgraph.benchmarks._pyg_models import PEERS

    case = Case(model, TINY, SETTINGS[model])
    assert moves_weights(make_ours(case))
    for way in PEERS[model]:
        assert moves_weights(make_peer(case, way))


def moves_weights(epoch: Callable[[], None]) -> bool:
    """Whether an epoch changes the parameters of the model that the function closes over."""
    (model,) = (
        cell.cell_contents
        for cell in epoch.__closure__ or ()
        if isinstance(cell.cell_contents, torch.nn.Module)
    )
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    epoch()
    moved = [name for name, one in model.named_parameters() if not torch.equal(one, before[name])]
    # PyG's layers also hold weights of relations and types that do not reach the target.
    return len(moved) == len(before) or (not isinstance(model, Method) and len(moved) > 3)


def test_ways_of_rgcn_compute_the_same() -> None:
    from hetgraph.benchmarks._pyg_models import RGCN, SparseRGCN
    from hetgraph.benchmarks._pyg_peer import Graph as Tensors

    case = Case("rgcn", TINY, settings("rgcn"))
    graph = Tensors.of(case.task(), {})
    one, other = RGCN(graph, case.config()).eval(), SparseRGCN(graph, case.config()).eval()
    other.project.load_state_dict(one.project.state_dict())
    with torch.no_grad():
        for plain, sums, roots in zip(one.convs, other.convs, other.roots, strict=True):
            for weight, key in zip(plain.weight, graph.edge_index, strict=True):
                sums.convs[key].lin_l.weight.copy_(weight.T)
            for root in roots.values():
                root.weight.copy_(plain.root.T)
                root.bias.copy_(plain.bias)
        torch.testing.assert_close(one.encode(), other.encode(), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif("latte" not in models.names(), reason="there is no latte yet")
def test_both_ways_of_latte_compute_what_hetgraph_does() -> None:
    from hetgraph.benchmarks._pyg_latte import ComposedLATTE, HopLATTE
    from hetgraph.benchmarks._pyg_peer import Graph as Tensors
    from hetgraph.seeds import Seeds

    case = Case("latte", TINY, settings("latte"))
    task, config = case.task(), case.config()
    method = models.get("latte").for_task(task, config).eval()
    ours = method.encoder
    graph = Tensors.of(task, {})
    with torch.no_grad():
        for order in ours.orders:
            for attention in order.attention:
                attention.gamma.uniform_(0.5, 2.0)
        inputs = method.prepare(task, seeds=Seeds())
        expected = method.encode(inputs, {task.spec.target: None})[task.spec.target]
        for way in (ComposedLATTE, HopLATTE):
            peer = way(graph, config).eval()
            copy_latte(ours, peer)
            torch.testing.assert_close(peer.encode(), expected, rtol=1e-4, atol=1e-5)


def copy_latte(ours: torch.nn.Module, peer: torch.nn.Module) -> None:
    """Copies weights, which ours holds transposed."""

    def copy(source: torch.nn.Module, target: torch.nn.Module) -> None:
        if isinstance(target, torch.nn.Embedding):
            target.weight.copy_(source.weight)
            return
        target.weight.copy_(source.weight.T)
        target.bias.copy_(source.bias)

    for key, target in peer.project.items():
        copy(ours.features[key] if key in ours.features else ours.embedding[key], target)
    for t, order in enumerate(ours.orders):
        target_type = peer.graph.target
        copy(order.left[target_type], peer.left[t])
        copy(order.choice[target_type], peer.choice[t])
        for key, target in peer.right[t].items():
            copy(order.right[key], target)
        for slot, attention in enumerate(order.attention):
            peer.attention[t][slot].copy_(attention.tail)
            peer.gamma[t][slot].copy_(attention.gamma)


# ------------------------------------------------------------------------------ the table


def rendered(*rows: Row) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    for shown in bench._tables(rows):
        console.print(shown)
    return console.export_text()


def test_each_graph_has_a_table_that_fits_into_80_columns() -> None:
    cost, slow = Measurement(0.1106, 94 * MIB, 0), Measurement(1.25, 1234 * MIB, 0)
    rows = [
        Row(Case(model, Graph(name), {}), "SAGEConv on CSR", cost, slow)
        for name in ("hgb/ACM", "hgb/DBLP")
        for model in ("rgcn", "latte")
    ]
    console = Console(record=True, width=80, file=io.StringIO())
    for shown in bench._tables(rows):
        console.print(shown)
    text = console.export_text()
    assert "on hgb/ACM," in text
    assert "on hgb/DBLP," in text
    assert "…" not in text
    for number in ("110.6", "1,250.0", "94", "1,234", "11.3x met", "SAGEConv on CSR"):
        assert text.count(number) == 4


def test_what_was_measured_is_shown_after_an_interruption(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def measure(case: Case, ways: object, *, seconds: float) -> list[Row]:
        if seen:
            raise KeyboardInterrupt
        seen.append(case.model)
        cost = Measurement(0.1, 10 * MIB, 0)
        return [Row(case, "RGCNConv", cost, cost)]

    monkeypatch.setattr(bench, "measure", measure)
    console = Console(record=True, width=100, file=io.StringIO())
    with pytest.raises(KeyboardInterrupt):
        bench.run(console, quick=True)
    text = console.export_text()
    (line,) = (line for line in text.splitlines() if line.startswith("1/4 "))
    assert f"{seen[0]} on {QUICK}: 100.0 ms per epoch" in line
    assert "measured until then" in text
    assert f"│ {seen[0]} " in text


def test_every_way_is_judged() -> None:
    case = Case("rgcn", Graph("synthetic/academic", {"num_edges": 100_000}), {})
    ours = Measurement(0.1, 10 * MIB, 100 * MIB)
    text = rendered(
        Row(case, "fast", ours, Measurement(0.3, 15 * MIB, 0)),
        Row(case, "slow", ours, Measurement(0.9, 5 * MIB, 0), fastest=False),
        Row(case, "large", ours, None, fastest=False, failure="out of memory"),
    )
    assert "synthetic/academic 100 k" in text
    fast, slow, large = (line for line in text.splitlines() if "rgcn" in line)
    assert "3.0x" in fast
    assert "1.5x" in fast
    assert fast.index("met") < fast.index("missed")
    assert "9.0x" in slow
    assert slow.index("met") < slow.index("missed")
    assert "large: out of memory" in large
    assert "met" not in large


def test_quick_run_measures_every_model() -> None:
    console = Console(record=True, width=200)
    bench.run(console, quick=True)
    text = console.export_text()
    for model in SETTINGS:
        assert f" {model} " in text or f"{model}: not measured" in text
    assert "out of memory" not in text
    assert "Error" not in text


def test_absent_data_sets_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(graph: Graph) -> None:
        raise DataError(f"no address of {graph} answers.")

    monkeypatch.setattr(Graph, "load", absent)
    monkeypatch.setattr(bench, "SYNTHETIC", ())
    console = Console(record=True, width=200)
    bench.run(console)
    text = console.export_text()
    for graph in REAL:
        assert f"{graph}: not measured, no address" in text


def test_without_pyg_there_is_nothing_to_compare_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"hetgraph\[pyg\]"):
        bench.run(Console(), quick=True)


def shop() -> Task:
    """20 users who buy and view some of 30 items."""
    relations = {}
    for name, share in (("buy", 0.2), ("view", 0.4)):
        src, dst = (torch.rand(20, 30) < share).nonzero(as_tuple=True)
        relations[EdgeType("user", name, "item")] = Relation.from_edges(src, dst, 20, 30)
    graph = HeteroGraph(num_nodes={"user": 20, "item": 30}, relations=relations)
    links = {"default": Links((EdgeType("user", "buy", "item"),), None, torch.zeros(2, 1).long())}
    return make_task(Dataset("toy/shop", graph, links, task="recommendation"))


def test_gathered_messages_compute_the_same() -> None:
    from hetgraph.benchmarks._gather_diffgraph import GatherDiffGraph
    from hetgraph.models.diffgraph import DiffGraph

    torch.manual_seed(0)
    task = shop()
    for feed in ("raw", "unit"):
        config = DiffGraph.Config(num_layers=2, feed=feed, denoiser_dropout=0.0)
        results = []
        for kind in (GatherDiffGraph, DiffGraph):
            torch.manual_seed(0)
            model = kind.for_task(task, config)
            inputs = model.prepare(task, seeds=Seeds())
            (batch,) = model.batches(inputs, "train", stage=model.stages()[0], batch_size=10**6)
            torch.manual_seed(1)  # steps and noise
            loss = model.training_step(batch, stage=model.stages()[0]).total
            loss.backward()
            vectors = model.predict(inputs, "test").cpu().vectors
            grad = model.encoder.views.table.grad
            results.append((loss.detach(), grad, vectors["user"], vectors["item"]))
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other)
