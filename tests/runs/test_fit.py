"""The front door: every kind of data, functions from Python, folders, and nothing left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

import hetgraph
from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues, Labels, Split
from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.errors import ConfigError, UserError
from hetgraph.train import StopTraining

USERS = 24
BUYS = EdgeType("user", "buys", "item")
PLANS = {f"u{i}": ("free", "paid", "gone")[i % 3] for i in range(USERS)}
QUICK: dict[str, Any] = {"train": {"max_epochs": 2, "device": "cpu"}}
UNIFORM = {**QUICK, "task": {"negatives": "uniform"}}


def fit(data: Any, target: Any = None, **others: Any) -> hetgraph.Fitted:
    model = others.pop("model", "rgcn")
    settings = others.pop("settings", QUICK)
    return hetgraph.fit(model, data, target=target, settings=settings, progress=False, **others)


def test_a_graph_with_ids_and_one_without(market: HeteroGraph) -> None:
    named = fit(market, ("user", PLANS))
    assert named.predict(["u3"]).column("id").to_pylist() == ["u3"]
    assert named.outputs.class_names == ("free", "gone", "paid")
    assert set(named.metrics) == {"train", "valid", "test"}
    bare = fit(market.replace(ids={}), ("user", [*PLANS.values()]))
    assert bare.predict([3]).column("id").to_pylist() == [3]
    assert torch.equal(named.embed(["u3"]), bare.embed([3]))


def test_a_dataset_and_a_name(market: HeteroGraph) -> None:
    labels = Labels("user", 2, torch.arange(USERS), torch.arange(USERS) % 2)
    split = Split(torch.arange(14), torch.arange(14, 18), torch.arange(18, USERS))
    given = fit(Dataset("toy/market", market, labels, splits={"own": split}))
    assert given.record.dataset == "toy/market"
    assert given.run.task.index("test").tolist() == list(range(18, USERS))
    by_name = fit("synthetic/academic", settings={**QUICK, "data": {"num_nodes": 300}})
    assert by_name.kind == "node-classification"


def test_pyg(market: HeteroGraph) -> None:
    pytest.importorskip("torch_geometric")
    data = hetgraph.io.to_pyg(market)
    data["user"].y = torch.arange(USERS) % 2
    for number, name in enumerate(("train_mask", "val_mask", "test_mask")):
        data["user"][name] = torch.arange(USERS) // 8 == number
    fitted = fit(data)
    assert fitted.run.task.index("test").tolist() == list(range(16, USERS))
    assert fitted.predict(graph=data).equals(fitted.predict())


@pytest.mark.parametrize(
    ("target", "task", "kind"),
    [
        (("user", [i / 7 for i in range(USERS)]), "node-regression", "node-regression"),
        (("user", list(range(USERS))), "node-regression", "node-regression"),
        (("user", torch.eye(USERS, 3).roll(5, 0)), "", "node-classification"),
        (("user", "buys", "item"), "", "link-prediction"),
        (("user", "buys", "item"), "recommendation", "recommendation"),
    ],
    ids=["values", "whole values", "several classes", "links", "recommendation"],
)
def test_families(target: Any, task: str, kind: str, market: HeteroGraph) -> None:
    settings = UNIFORM if kind == "link-prediction" else QUICK
    fitted = fit(market, target, task=task, settings=settings)
    assert fitted.kind == kind
    assert fitted.predict().num_rows > 0


def test_labels_and_values_of_edges(market: HeteroGraph) -> None:
    edges = torch.stack(market.relations[BUYS].edges())
    classes = EdgeLabels(BUYS, 2, edges, torch.arange(edges.shape[1]) % 2)
    fitted = fit(market, classes)
    assert fitted.kind == "edge-classification"
    assert fitted.predict().num_rows == edges.shape[1]
    pair = fitted.predict(pairs=(["u1"], [101]))
    assert pair.column_names[:4] == ["src", "dst", "prediction", "probability"]
    numbers = EdgeValues(BUYS, edges, torch.arange(edges.shape[1], dtype=torch.float64))
    assert "value" in fit(market, numbers).predict().column_names
    with pytest.raises(ConfigError, match=r"nodes are given, but .* about edges; give pairs"):
        fitted.predict(["u1"])


def test_target_and_split_of_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    settings = {**QUICK, "data": {"num_nodes": 300}}
    fitted = fit("synthetic/academic", "node-classification", split="random", settings=settings)
    assert fitted.record.config["task"]["split"] == "random"
    for target, split in ((("author", [1]), None), (None, {"train": [1], "test": [2]})):
        with pytest.raises(ConfigError, match=r"of its own: name one of them, or load it"):
            fit("synthetic/academic", target, split=split)
    with pytest.raises(UserError, match="has no target 'nothere' to choose, and no family"):
        fit("synthetic/academic", "nothere")


def test_own_loss_metrics_and_callbacks(market: HeteroGraph) -> None:
    seen: list[int] = []

    def stop(epoch: Any) -> None:
        seen.append(epoch.epoch)
        raise StopTraining

    def halved(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(outputs, target) / 2

    def always(predictions: torch.Tensor, target: torch.Tensor) -> float:
        return 0.25

    fitted = fit(
        market, ("user", PLANS), loss=halved, metrics={"quarter": always}, callbacks=[stop]
    )
    assert seen == [1]
    assert fitted.record.epochs == 1
    assert fitted.metrics["test"]["quarter"] == 0.25
    assert "halved" in str(fitted.record.extra["functions"])


def test_without_a_folder_nothing_is_left(
    market: HeteroGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "tmp"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    fitted = fit(market, ("user", PLANS))
    assert fitted.folder is None
    assert fitted.record.out is None
    assert fitted.predict().num_rows == USERS
    with pytest.raises(UserError):
        fit(market, ("user", PLANS), settings={"train": {"lr": "fast"}})

    def broken(epoch: object) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fit(market, ("user", PLANS), callbacks=[broken])
    assert not [*own.iterdir()]
    assert not (tmp_path / "runs").exists()


def test_a_folder_is_a_run(market: HeteroGraph, tmp_path: Path) -> None:
    fitted = fit(market, ("user", PLANS), out=tmp_path / "run")
    assert fitted.folder == tmp_path / "run"
    names = {file.name for file in (tmp_path / "run").iterdir()}
    assert {"config.yaml", "model", "data", "result.json", "predictions.safetensors"} <= names
    with pytest.raises(UserError, match="run"):
        fit(market, ("user", PLANS), out=tmp_path / "run")

    def broken(epoch: object) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fit(market, ("user", PLANS), out=tmp_path / "other", callbacks=[broken])
    assert not (tmp_path / "other" / "result.json").exists()


def test_a_finished_run_is_resumed_as_it_is(market: HeteroGraph, tmp_path: Path) -> None:
    fitted = fit(market, ("user", PLANS), out=tmp_path / "run")
    again = fit(market, ("user", PLANS), out=tmp_path / "run", resume=True)
    assert again.record == fitted.record
    assert again.predict().equals(fitted.predict())
    with pytest.raises(ConfigError, match="resume=True needs out="):
        fit(market, ("user", PLANS), resume=True)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": ["u1", "u2", "u3"], "valid": ["u4"], "test": ["u2"]}, "in both train and test"),
        ({"train": ["zz"], "test": ["yy"]}, "train: 'zz' .* test: 'yy'"),
    ],
)
def test_wrong_splits_are_told_before_training(
    split: Any, message: str, market: HeteroGraph
) -> None:
    with pytest.raises(UserError, match=message):
        fit(market, ("user", PLANS), split=split)


def test_options_of_named_data_are_refused(market: HeteroGraph) -> None:
    with pytest.raises(ConfigError, match="given in Python have no option 'num_nodes'"):
        fit(market, ("user", PLANS), settings={**QUICK, "data": {"num_nodes": 3}})
    with pytest.raises(UserError, match="Did you mean 'rgcn'"):
        fit(market, ("user", PLANS), model="rgcnn")
