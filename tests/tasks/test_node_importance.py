"""The node importance task: folds, labels that are hidden, scores, refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hetgraph import load_dataset
from hetgraph.catalog import Dataset, Split, Values
from hetgraph.data import CSR, HeteroGraph, Hypergraph
from hetgraph.errors import ConfigError, DataError, LeakageError
from hetgraph.seeds import Seeds
from hetgraph.tasks import NodeImportance, NodePredictions, TaskSpec, audit, make_task
from hetgraph.tasks.splits import fold_split

KNOWN, NODES = 50, 60


@pytest.fixture
def dataset() -> Dataset:
    """Sixty nodes, fifty values from 0 to 49 squared, in an order of their own."""
    index = torch.randperm(NODES)[:KNOWN]
    target = torch.arange(KNOWN, dtype=torch.float64) ** 2
    graph = HeteroGraph(
        num_nodes={"other": 3, "node": NODES},
        relations={},
        features={"node": torch.randn(NODES, 4)},
    )
    pair = Hypergraph.from_sets([[0, 5]], [0], num_nodes=graph.num_nodes)
    return Dataset(
        "toy/values",
        graph,
        targets=Values("node", index, target, "visits"),
        hypergraphs={"h": pair},
        task="node-importance",
    )


def importance(dataset: Dataset, seed: int = 0, **options: object) -> NodeImportance:
    task = make_task(dataset, seeds=Seeds.from_seed(seed), options=options)
    assert isinstance(task, NodeImportance)
    return task


@pytest.mark.parametrize("size", [10, 11, 50, 4803, 14111])
def test_folds_test_every_node_once(size: int) -> None:
    ids = torch.arange(size) * 3
    tested = []
    for fold in range(5):
        split = fold_split(ids, fold)
        assert split.valid is not None
        parts = torch.cat([split.train, split.valid, split.test])
        assert torch.equal(parts.sort().values, ids)
        assert all(bool((one.diff() > 0).all()) for one in (split.train, split.valid, split.test))
        for part, share in ((split.train, 0.7), (split.valid, 0.1), (split.test, 0.2)):
            assert abs(part.numel() - share * size) <= 2
        tested.append(split.test)
    assert torch.equal(torch.cat(tested).sort().values, ids)
    with pytest.raises(DataError, match="9 labelled nodes are too few"):
        fold_split(torch.arange(9), 0)


@pytest.mark.parametrize(
    ("name", "sizes", "first"),
    [
        ("FB15k", (9877, 1411, 2823), [4, 9, 10, 11, 12]),
        ("TMDB5K", (3362, 480, 961), [2, 4, 6, 8, 9]),
    ],
)
def test_fold_0_is_the_split_of_the_official_programs(
    name: str, sizes: tuple[int, ...], first: list[int], data_root: Path
) -> None:
    task = importance(load_dataset(f"nie/{name}", root=data_root))
    assert tuple(task.protocol["sizes"].values()) == sizes
    assert task.index("test")[:5].tolist() == first
    assert audit(task).checks
    labels = task.labels[torch.cat([task.index("train"), task.index("valid")])]
    mean, std = {"FB15k": (10.020, 1.480), "TMDB5K": (2.5, 1.16)}[name]
    assert float(labels.mean()) == pytest.approx(mean, abs=0.05)
    assert float(labels.std()) == pytest.approx(std, abs=0.05)


def test_a_split_of_the_data_set_comes_before_the_folds(dataset: Dataset) -> None:
    index = dataset.values.index  # type: ignore[union-attr]
    given = Split(index[:30].sort().values, None, index[30:].sort().values)
    splits = replace(dataset, splits={"mine": given})
    task = importance(splits, seed=3)
    assert torch.equal(task.index("test"), given.test)
    assert task.index("valid").numel() == 4
    assert torch.cat([task.index("train"), task.index("valid")]).sort().values.equal(given.train)
    assert task.protocol["split"] == "mine"
    assert audit(task).checks
    assert torch.equal(
        importance(splits, fold=3).index("test"), importance(dataset, 3).index("test")
    )
    empty = Split(given.train, given.test[:0], given.test)
    with pytest.raises(DataError, match="30 training, 0 validation and 20 test nodes"):
        importance(replace(dataset, splits={"mine": empty}))


def test_the_seed_chooses_the_fold_unless_the_option_does(dataset: Dataset) -> None:
    tests = [importance(dataset, seed).index("test") for seed in range(5)]
    assert torch.equal(torch.cat(tests).sort().values, dataset.values.index.sort().values)  # type: ignore[union-attr]
    for seed in (0, 3, 8):
        task = importance(dataset, seed)
        assert task.protocol["fold"] == seed % 5
        assert torch.equal(task.index("test"), tests[seed % 5])
        assert torch.equal(importance(dataset, seed, fold=2).index("test"), tests[2])
        assert torch.equal(importance(dataset, seed, fold="2").index("test"), tests[2])
    assert importance(dataset, 4, fold="seed").protocol["fold"] == 4


def test_labels_are_logarithms_and_those_of_test_nodes_are_hidden(dataset: Dataset) -> None:
    task = importance(dataset)
    values = dataset.values
    assert values is not None
    table = torch.full((NODES,), torch.nan)
    table[values.index] = values.target.log1p().float()
    for part in ("train", "valid"):
        assert torch.equal(task.labels[task.index(part)], table[task.index(part)])
    assert bool(task.labels[task.index("test")].isnan().all())
    assert int(task.labels.isfinite().sum()) == 40
    assert task.spec == TaskSpec(
        "node-importance", "node", 1, num_nodes={"other": 3, "node": NODES}
    )
    assert TaskSpec.from_dict(task.spec.to_dict()) == task.spec
    assert list(task.hypergraphs) == ["h"]
    raw = importance(dataset, transform="none")
    assert torch.equal(raw.labels.nan_to_num(0).log1p(), task.labels.nan_to_num(0))


def test_scores(dataset: Dataset) -> None:
    task = importance(dataset, depths=(1, 3, 10))
    values = dataset.values
    assert values is not None
    place = {node: k for k, node in enumerate(values.index.tolist())}
    rows = [place[node] for node in task.index("test").tolist()]
    target = values.target[rows].log1p()
    perfect = task.score(NodePredictions(target.unsqueeze(1)), "test")
    assert perfect["rmse"] == pytest.approx(0, abs=1e-6)
    for name in ("spearman", "ndcg@1", "ndcg@3", "precision@3", "precision@10"):
        assert perfect[name] == pytest.approx(1)
    shifted = task.score(NodePredictions((target + 0.5).unsqueeze(1)), "test")
    for name in ("rmse", "mae", "median_ae"):
        assert shifted[name] == pytest.approx(0.5, abs=1e-6)
    assert shifted["loss"] == pytest.approx(0.25, abs=1e-6)
    assert float(task.criterion()((target + 0.5).unsqueeze(1), target)) == pytest.approx(0.25)
    assert set(shifted) == set(task.monitors)
    reverse = task.score(NodePredictions(-target.unsqueeze(1)), "test")
    assert reverse["spearman"] == pytest.approx(-1)
    assert reverse["precision@3"] == 0
    blank = NodePredictions(torch.full((10, 1), torch.nan))
    assert all(map(math.isnan, task.score(blank, "test").values()))


def test_selection_prefers_small_errors_and_large_correlations(dataset: Dataset) -> None:
    task = importance(dataset)
    assert task.default_monitor == "spearman"
    metrics = {"loss": 2.0, "rmse": 1.5, "mae": 1.0, "median_ae": 0.5, "spearman": 0.4}
    found = {name: task.monitor_value(metrics, name) for name in metrics}
    assert found == {"loss": -2.0, "rmse": -1.5, "mae": -1.0, "median_ae": -0.5, "spearman": 0.4}
    with pytest.raises(ConfigError, match="'spearman'"):
        task.monitor_value(metrics, "spearmann")
    later = {"loss": 3.0, "rmse": 1.7, "mae": 0.9, "median_ae": 0.6, "spearman": 0.5}
    best = task.best_over_epochs([metrics, later])
    assert best == {"rmse": 1.5, "mae": 0.9, "median_ae": 0.5, "spearman": 0.5}


def test_leaks_are_found(dataset: Dataset) -> None:
    assert len(audit(importance(dataset)).checks) == 3
    task = importance(dataset)
    task.labels[task.index("test")[0]] = 1.0
    with pytest.raises(LeakageError, match="1 labels of test nodes are readable"):
        audit(task)
    values = dataset.values
    assert values is not None
    features = torch.rand(NODES, 3)
    features[values.index, 1] = -(values.target.float() + 1).sqrt()  # monotone is enough
    for leaky in (features, CSR.from_dense(features)):
        graph = dataset.graph.with_features("node", leaky)
        with pytest.raises(LeakageError, match="feature column 1 of 'node' ranks"):
            audit(importance(replace(dataset, graph=graph)))
    assert audit(importance(replace(dataset, graph=dataset.graph.with_features("node", None))))


def test_a_constant_column_is_no_leak() -> None:
    """Not even where the values grow with the numbers of the nodes."""
    graph = HeteroGraph(
        num_nodes={"node": NODES}, relations={}, features={"node": torch.ones(NODES, 2)}
    )
    values = Values("node", torch.arange(NODES), torch.arange(NODES).double())
    assert audit(importance(Dataset("toy/grow", graph, values, task="node-importance")))


def test_a_view_for_tuning_has_no_test_part(dataset: Dataset) -> None:
    view = importance(dataset).without_test()
    assert set(view.open_splits()) == {"train", "valid"}
    with pytest.raises(PermissionError):
        view.score(NodePredictions(torch.zeros(10, 1)), "test")


def test_bad_input_is_told(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="fold is 5"):
        importance(dataset, fold=5)
    with pytest.raises(ConfigError, match="fold"):
        importance(dataset, fold="first")
    with pytest.raises(ConfigError, match="depths"):
        importance(dataset, depths=())
    with pytest.raises(ConfigError, match="transform"):
        importance(dataset, transform="sqrt")
    with pytest.raises(DataError, match=r"expected \[10, 1\]"):
        importance(dataset).score(NodePredictions(torch.zeros(10)), "test")
    values = dataset.values
    assert values is not None
    negative = replace(values, target=values.target - 1)
    with pytest.raises(DataError, match=r"the value -1.0, which is negative"):
        importance(replace(dataset, targets=negative))
    assert (
        importance(replace(dataset, targets=negative), transform="none").labels.nan_to_num(0).min()
        <= 0
    )
    beyond = replace(values, index=values.index + 30)
    with pytest.raises(DataError, match="'values' names the 'node' node 89, but there are 60"):
        importance(replace(dataset, targets=beyond))
    with pytest.raises(DataError, match="has no node values"):
        importance(replace(dataset, targets=None))


def test_negative_values_have_no_ndcg(dataset: Dataset) -> None:
    values = dataset.values
    assert values is not None
    negative = replace(dataset, targets=replace(values, target=values.target - 30))
    task = importance(negative, transform="none", depths=(3,), fold=1)
    assert audit(task).notes[0].startswith("ndcg is left out")
    assert not audit(importance(dataset, transform="none", depths=(3,), fold=1)).notes
    metrics = task.score(NodePredictions(torch.randn(10, 1)), "test")
    assert set(metrics) == set(task.monitors)
    assert "precision@3" in metrics
    assert not any(name.startswith("ndcg") for name in metrics)
    # A negative value of a test node alone counts, too.
    test = importance(dataset, fold=1).index("test")
    one = torch.where(values.index == test[0], -1.0, values.target)
    alone = replace(dataset, targets=replace(values, target=one))
    assert "ndcg@3" not in importance(alone, transform="none", depths=(3,), fold=1).monitors
    assert "ndcg@3" in importance(dataset, transform="none", depths=(3,), fold=1).monitors


def test_the_refit_trains_on_validation_nodes_too(dataset: Dataset) -> None:
    task = importance(dataset)
    view = task.refit_view()
    both = torch.cat([task.index("train"), task.index("valid")]).sort().values
    assert torch.equal(view.index("train"), both)
    assert view.index("valid").numel() == 0
    assert torch.equal(view.index("test"), task.index("test"))
    assert audit(view).checks == audit(task).checks
    rows = NodePredictions(torch.randn(10, 1))
    assert view.score(rows, "test") == task.score(rows, "test")


def test_own_metrics_of_a_family_whose_monitors_depend_on_options(dataset: Dataset) -> None:
    task = importance(dataset).with_functions(metrics={"top": lambda predicted, _: predicted.max()})
    metrics = task.score(NodePredictions(torch.arange(10.0).unsqueeze(1)), "test")
    assert metrics["top"] == 9.0
    assert task.monitors == (*importance(dataset).monitors, "top")
