from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from hetgraph.catalog.loading import load_dataset
from hetgraph.errors import ConfigError, FileFormatError, MetaPathError
from hetgraph.files import OutputError
from hetgraph.methods import Method
from hetgraph.metrics import fit_temperature
from hetgraph.runs import Record, run, settings_from
from hetgraph.tasks import NodeClassification, make_task

pytestmark = pytest.mark.usefixtures("registered_tiny")

CONTRACT = {
    *("model", "dataset", "config", "seed", "data_sha256", "environment", "metrics"),
    *("seconds", "peak_memory_bytes", "parameters", "epochs"),
}
QUICK = {
    "data": {"num_nodes": 300},
    "train": {"max_epochs": 3, "lr": 0.01, "batch_size": 8, "tensorboard": False},
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def _run(out=None, **changes) -> Record:
    settings = changes.pop("settings", QUICK)
    return run("tiny", out=out, settings=settings, progress=False, **changes)


def test_writes_the_contract_and_all_that_belongs_to_it(tmp_path):
    out = tmp_path / "new" / "folder"
    record = _run(out, seed=4)
    result = json.loads((out / "result.json").read_text())
    assert set(result) >= CONTRACT
    assert (result["model"], result["dataset"], result["seed"]) == ("tiny", "synthetic/academic", 4)
    assert set(result["metrics"]) == {"train", "valid", "test"}
    assert set(result["seconds"]) == {"load", "prepare", "fit", "evaluate"}
    assert 0 < result["metrics"]["test"]["micro_f1"] < 1
    assert result["config"]["seeds"] == dict.fromkeys(
        ("split", "init", "sampling", "projection"), 4
    )
    assert result["config"]["train"]["lr"] == 0.01
    assert result["config"]["data"] == {"num_nodes": 300}
    assert result["epochs"] == 3
    assert len(result["data_sha256"]) == 64
    assert {"python", "torch", "hetgraph", "cpu", "cores", "device"} <= set(result["environment"])
    assert result["peak_memory_bytes"] > 50_000_000
    assert Record.load(out / "result.json") == record
    assert record.out == out
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 3
    assert not (out / "checkpoint.safetensors").exists()
    assert not (out / "work").exists()


def test_the_record_tells_how_far_probabilities_can_be_believed(tmp_path):
    record = _run(tmp_path / "a")
    entry = json.loads((tmp_path / "a" / "result.json").read_text())["calibration"]
    assert entry == record.extra["calibration"]
    saved = load_file(tmp_path / "a" / "predictions.safetensors")
    task = make_task(load_dataset("synthetic/academic", num_nodes=300))
    valid = task.labels[saved["valid.index"]]
    assert entry["temperature"] == fit_temperature(saved["valid"], valid)
    assert entry["before"]["test"]["nll"] == pytest.approx(record.metrics["test"]["loss"])
    assert sum(entry["reliability"]["after"]["count"]) == len(saved["test.index"])


def test_a_split_that_was_not_scored_is_not_measured(tmp_path, monkeypatch):
    """The scores of a run that is trained may fail, and its calibration must not fail it."""
    score = NodeClassification.score

    def fail(self, predictions, split):
        if split == "test":
            raise RuntimeError("no scores today")
        return score(self, predictions, split)

    monkeypatch.setattr(NodeClassification, "score", fail)
    record = _run(tmp_path / "a")
    assert set(record.extra["not_scored"]) == {"test"}
    assert record.extra["calibration"]["split"] == "valid"
    assert set(record.extra["calibration"]["before"]) == {"valid"}


def test_the_saved_model_gives_the_saved_predictions(tmp_path):
    record = _run(tmp_path / "a")
    saved = load_file(tmp_path / "a" / "predictions.safetensors")
    model = Method.load(tmp_path / "a" / "model")
    assert record.parameters == model.num_parameters()
    features = load_dataset("synthetic/academic", num_nodes=300).graph.features["author"]
    for split in ("train", "valid", "test"):
        torch.testing.assert_close(model(features[saved[f"{split}.index"]]), saved[split])


def test_config_yaml_repeats_the_run(tmp_path):
    first = _run(tmp_path / "a", seed=2)
    settings = settings_from("tiny", tmp_path / "a" / "config.yaml")
    second = run("tiny", settings=settings, seed=2, out=tmp_path / "b", progress=False)
    assert second.config == first.config
    assert second.metrics == first.metrics
    assert second.data_sha256 == first.data_sha256
    other = run("tiny", settings=settings, seed=3, out=tmp_path / "c", progress=False)
    assert other.config["seeds"]["split"] == 3  # The file does not hold the seed fast.
    written = yaml.safe_load((tmp_path / "a" / "config.yaml").read_text())
    assert (written["method"], written["dataset"]) == ("tiny", "synthetic/academic")


def test_seeds_change_only_what_they_stand_for(tmp_path):
    one = _run(settings={**QUICK, "seeds": {"init": 1}})
    two = _run(settings={**QUICK, "seeds": {"init": 2}})
    assert one.extra["protocol"] == two.extra["protocol"]
    assert one.data_sha256 == two.data_sha256
    assert one.metrics != two.metrics


def test_without_out_every_run_gets_a_folder_of_its_own(tmp_path):
    assert _run().out == Path("runs/tiny-synthetic-academic-seed0-1")
    assert _run().out == Path("runs/tiny-synthetic-academic-seed0-2")


def test_a_folder_in_use_is_refused_with_advice(tmp_path):
    _run(tmp_path / "a")
    with pytest.raises(ConfigError, match="holds a finished run; choose another --out"):
        _run(tmp_path / "a")
    (tmp_path / "a" / "result.json").unlink()
    with pytest.raises(ConfigError, match="an unfinished run; continue it with --resume"):
        _run(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("precious")
    with pytest.raises(ConfigError, match="is not empty; choose another --out"):
        _run(tmp_path / "b")
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["thesis.tex"]


def test_unwritable_out_fails_before_training(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(tiny.TinyModel, "prepare", lambda *a, **k: pytest.fail("it prepared"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file; choose a folder"):
        _run(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot make the folder"):
        _run(tmp_path / "file" / "below")
    if os.path.isdir("/proc/self"):  # noqa: PTH112
        with pytest.raises(OutputError):
            _run(Path("/proc/self/run"))


def test_a_run_that_never_trained_leaves_nothing(tmp_path, tiny, monkeypatch):
    with pytest.raises(ConfigError, match="has no option 'nodes'"):
        _run(tmp_path / "a", settings={"data": {"nodes": 3}})
    with pytest.raises(ConfigError, match=r"unknown train.monitor"):
        _run(tmp_path / "a", settings={**QUICK, "train": {"monitor": "f2"}})
    with pytest.raises(ConfigError, match=r"unknown data set .* Did you mean"):
        _run(tmp_path / "a", dataset="synthetic/academy")

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(tiny.TinyModel, "prepare", stop)
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_misspelt_model_is_refused():
    with pytest.raises(ConfigError, match=r"unknown model 'tinny'. Did you mean 'tiny'\?"):
        run("tinny")


def _interrupt_at(tiny, monkeypatch, step):
    steps = iter(range(10_000))
    original = tiny.TinyModel.training_step

    def training_step(self, batch, *, stage):
        if next(steps) == step:
            raise KeyboardInterrupt
        return original(self, batch, stage=stage)

    monkeypatch.setattr(tiny.TinyModel, "training_step", training_step)


def test_an_interrupted_run_resumes_to_the_same_record(tmp_path, tiny, monkeypatch):
    settings = {**QUICK, "train": {**QUICK["train"], "checkpoint_batches": 1}}
    straight = _run(tmp_path / "a", settings=settings)
    with monkeypatch.context() as patch:
        _interrupt_at(tiny, patch, 4)
        with pytest.raises(KeyboardInterrupt):
            _run(tmp_path / "b", settings=settings)
    assert not (tmp_path / "b" / "result.json").exists()
    with pytest.raises(ConfigError, match=r"train.lr was 0.01 and is now 0.02"):
        _run(
            tmp_path / "b", settings={**QUICK, "train": {**QUICK["train"], "lr": 0.02}}, resume=True
        )
    with pytest.raises(ConfigError, match="seed was 0 and is now 1"):
        _run(tmp_path / "b", settings=settings, seed=1, resume=True)
    resumed = _run(tmp_path / "b", settings=settings, resume=True)
    assert resumed.metrics == straight.metrics
    one = load_file(tmp_path / "a" / "model" / "parameters.safetensors")
    two = load_file(tmp_path / "b" / "model" / "parameters.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)
    # A finished run is returned as it is.
    again = _run(tmp_path / "b", settings=settings, resume=True)
    assert again == resumed


def test_nothing_to_resume(tmp_path):
    with pytest.raises(ConfigError, match="holds no run to resume"):
        _run(tmp_path / "none", resume=True)
    with pytest.raises(ConfigError, match="--resume needs --out"):
        _run(resume=True)
    _run(tmp_path / "a")
    (tmp_path / "a" / "result.json").write_text("{")
    with pytest.raises(FileFormatError, match="holds no record"):
        _run(tmp_path / "a", resume=True)


def test_metapaths_reach_a_model_that_takes_them():
    defaults = _run().config["model"]["metapaths"]
    assert defaults == [
        "APA=author-paper-author",
        "APVPA=author-paper-venue-paper-author",
        "APTPA=author-paper-term-paper-author",
    ]
    chosen = _run(metapaths=["APA", "author-paper-term-paper-author"])
    assert chosen.config["model"]["metapaths"] == [
        "APA=author-paper-author",
        "author-paper-term-paper-author",
    ]
    with pytest.raises(MetaPathError, match="nowhere"):
        _run(metapaths=["author-paper-nowhere"])


def test_diverging_training_is_one_clear_line(tmp_path):
    settings = {**QUICK, "train": {**QUICK["train"], "lr": 1e30, "optimizer": "sgd"}}
    with pytest.raises(ValueError, match=r"'entropy' is (NaN|infinite) in stage 'fit', epoch \d"):
        _run(tmp_path / "a", settings=settings)
    assert not (tmp_path / "a" / "result.json").exists()


def test_encoders_of_columns_are_saved_with_the_model(tmp_path):
    folder = tmp_path / "shop" / "nodes"
    folder.mkdir(parents=True)
    rows = [f"{i},{i % 7},town{i % 70},{'ab'[i % 2]}" for i in range(200)]
    (folder / "user.csv").write_text("\n".join(["id,age,town,label", *rows]))
    (tmp_path / "shop" / "edges").mkdir()
    (tmp_path / "shop" / "edges" / "user__knows__user.csv").write_text("src,dst\n1,2\n3,4\n")
    (tmp_path / "shop" / "tables.yaml").write_text(
        "nodes:\n  user: {file: nodes/user.csv, features: [age, town]}\n"
        "edges:\n  - {type: [user, knows, user], file: edges/user__knows__user.csv}\n"
        "labels: {node_type: user, column: label}\n"
    )
    settings = {"train": QUICK["train"]}
    for out in ("first", "from_the_cache"):
        run("mlp", "tables:shop", out=tmp_path / out, settings=settings, progress=False)
        origin = Method.load(tmp_path / out / "model").origin
        assert origin is not None
        encoders = origin.encoders
        assert [column["column"] for column in encoders["user"]["columns"]] == ["age", "town"]
        assert encoders["user"]["layout"] == "sparse"


def test_loading_is_told_while_it_lasts(tmp_path, monkeypatch):
    told = []

    @contextlib.contextmanager
    def noting(what, *, wanted):
        told.append((what, wanted))
        yield
        told.append("over")

    monkeypatch.setattr("hetgraph.runs.execute.told", noting)
    run("tiny", settings=QUICK, out=tmp_path / "run", progress=False)
    assert told == [("loading synthetic/academic", False), "over"]
