"""A finished run opened again."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from hetgraph.catalog.loading import load_dataset
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.explain import explain
from hetgraph.io import save_tables
from hetgraph.models.mlp import MLP
from hetgraph.runs import run
from hetgraph.runs.reopen import reopen

QUICK = {
    "model": {"hidden_dim": 8},
    "train": {"max_epochs": 3, "lr": 0.01, "tensorboard": False, "device": "cpu"},
    "task": {"valid_fraction": 0.3},
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(out, dataset="synthetic/academic", *, data=None, seed=3):
    settings = {**QUICK, **({"data": data} if data else {})}
    return run("mlp", dataset, seed=seed, settings=settings, out=out, progress=False)


def test_model_task_and_inputs_are_those_of_the_run(tmp_path):
    record = train(tmp_path / "run", data={"num_nodes": 300})
    opened = reopen(tmp_path / "run")
    assert isinstance(opened.model.encoder, MLP)
    assert not opened.model.training
    assert opened.record == record
    assert opened.model.config.hidden_dim == 8
    assert opened.task.options.valid_fraction == 0.3
    assert opened.inputs is opened.inputs
    saved = load_file(tmp_path / "run" / "predictions.safetensors")
    with torch.no_grad():
        for split in ("train", "valid", "test"):
            assert torch.equal(opened.task.index(split), saved[f"{split}.index"])
            predictions = opened.model.predict(opened.inputs, split)
            torch.testing.assert_close(predictions.values, saved[split])
            scores = opened.task.score(predictions, split)
            assert scores["micro_f1"] == pytest.approx(record.metrics[split]["micro_f1"])


def test_a_refitted_model_reads_the_labels_that_it_was_refitted_on(tmp_path):
    settings = {
        "data": {"num_nodes": 300},
        "model": {"hidden_dim": 8, "num_filters": 2, "labels": True},
        "train": {**QUICK["train"], "refit": True},
    }
    out = tmp_path / "run"
    record = run("rphgnn", settings=settings, out=out, progress=False)
    opened = reopen(out)
    with torch.no_grad():
        predictions = opened.model.predict(opened.inputs, "test")
    saved = load_file(out / "predictions.safetensors")
    torch.testing.assert_close(predictions.values, saved["test"])
    assert opened.task.score(predictions, "test") == pytest.approx(record.metrics["test"])
    assert {path.suffix for path in explain(out, formats=["svg"]).files} == {".svg", ".csv"}


def test_a_folder_without_result_is_no_finished_run(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ConfigError, match=r"holds no result.json; expected the folder of a"):
            reopen(folder)


def test_another_data_set_under_the_same_name_is_refused(tmp_path):
    tables = tmp_path / "tables"
    dataset = load_dataset("synthetic/academic", num_nodes=300)
    save_tables(dataset, tables)
    train(tmp_path / "run", f"tables:{tables}")
    assert reopen(tmp_path / "run").dataset.graph.num_nodes == dataset.graph.num_nodes
    save_tables(load_dataset("synthetic/academic", num_nodes=300, seed=1), tables)
    with pytest.raises(ConfigError, match="checksum differs; train again"):
        reopen(tmp_path / "run")


def test_a_damaged_record_is_named(tmp_path):
    train(tmp_path / "run", data={"num_nodes": 300})
    path = tmp_path / "run" / "result.json"
    content = json.loads(path.read_text())
    del content["seed"]
    for text in (json.dumps(content), "[]", "{"):
        path.write_text(text)
        with pytest.raises(FileFormatError, match=r"result\.json"):
            reopen(tmp_path / "run")
