from __future__ import annotations

import copy
import json
import os
import signal
from dataclasses import replace

import pytest
import torch
import yaml
from safetensors.torch import load_file

from hetgraph.catalog import Dataset, Links, Values
from hetgraph.catalog.loading import load_dataset
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError
from hetgraph.methods import Method
from hetgraph.registry import models
from hetgraph.runs import run, settings_from
from hetgraph.runs.functions import Functions, qualified_name
from hetgraph.runs.reopen import reopen
from hetgraph.tasks import NodeClassification, NodeImportance, make_task
from hetgraph.train import StopTraining, TrainConfig, Trainer

pytestmark = pytest.mark.usefixtures("registered_tiny")

QUICK = {
    "data": {"num_nodes": 300},
    "train": {"max_epochs": 4, "lr": 0.01, "batch_size": 8, "tensorboard": False, "device": "cpu"},
}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))


def own_loss(logits, target):
    return 2 * torch.nn.functional.cross_entropy(logits, target)


def std_of_logits(predictions, target):
    return float(predictions.std())


def stop_at_two(epoch):
    if epoch.epoch == 2:
        raise StopTraining


def stop_at_three(epoch):
    if epoch.epoch == 3:
        raise StopTraining


FUNCTIONS = {
    "loss": own_loss,
    "metrics": {"std": std_of_logits},
    "callbacks": [stop_at_two],
}
NAMES = {
    "loss": f"{__name__}:own_loss",
    "metrics": {"std": f"{__name__}:std_of_logits"},
    "callbacks": [f"{__name__}:stop_at_two"],
}


def _run(out, settings=QUICK, **options):
    return run("tiny", out=out, settings=settings, progress=False, **options)


def _with_train(**changes):
    return {**QUICK, "train": {**QUICK["train"], **changes}}


def test_functions_reach_task_and_trainer_and_the_record_names_them(tmp_path):
    record = _run(tmp_path / "a", _with_train(monitor="std"), **FUNCTIONS)
    assert record.epochs == 2
    saved = load_file(tmp_path / "a" / "predictions.safetensors")
    labels = load_dataset("synthetic/academic", num_nodes=300).labels
    for split, metrics in record.metrics.items():
        assert metrics["std"] == pytest.approx(float(saved[split].std()))
        target = labels.target[torch.searchsorted(labels.index, saved[f"{split}.index"])]
        assert metrics["loss"] == pytest.approx(float(own_loss(saved[split], target)))
    result = json.loads((tmp_path / "a" / "result.json").read_text())
    assert result["functions"] == NAMES
    assert "functions" not in _run(tmp_path / "b").extra


def test_a_run_with_functions_is_repeated_and_resumed_with_the_same_only(tmp_path):
    first = _run(tmp_path / "a", **FUNCTIONS)
    assert yaml.safe_load((tmp_path / "a" / "config.yaml").read_text())["functions"] == NAMES
    settings = settings_from("tiny", tmp_path / "a" / "config.yaml")
    assert _run(tmp_path / "b", settings, **FUNCTIONS).metrics == first.metrics
    with pytest.raises(ConfigError, match="but this run has none; give the same ones to"):
        _run(tmp_path / "c", settings)
    assert not (tmp_path / "c").exists()
    assert _run(tmp_path / "a", resume=True, **FUNCTIONS) == first
    other = {**FUNCTIONS, "callbacks": [stop_at_three]}
    with pytest.raises(ConfigError, match=r"cannot resume: functions.callbacks was"):
        _run(tmp_path / "a", resume=True, **other)
    with pytest.raises(ConfigError, match=r"cannot resume: functions\.\w+ was"):
        _run(tmp_path / "a", resume=True)


def test_a_checkpoint_of_other_functions_is_refused(tmp_path):
    def interrupt(epoch):
        raise RuntimeError("crash")

    settings = _with_train(checkpoint_batches=1)
    with pytest.raises(RuntimeError, match="crash"):
        _run(tmp_path / "a", settings, callbacks=[interrupt])
    config = tmp_path / "a" / "config.yaml"
    config.write_text(config.read_text().replace("interrupt", "other"))
    interrupt.__qualname__ = interrupt.__qualname__.replace("interrupt", "other")
    with pytest.raises(ConfigError, match="cannot resume: functions was"):
        _run(tmp_path / "a", settings, callbacks=[interrupt], resume=True)


def test_what_is_no_function_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(
        ConfigError, match=r"loss is 'mse', metrics\['f'\] is 3; expected functions"
    ):
        _run(tmp_path / "a", loss="mse", metrics={"f": 3})
    assert not (tmp_path / "a").exists()


def test_a_metric_that_fails_loses_no_training(tmp_path, caplog):
    calls = []

    def fails(predictions, target):
        calls.append(len(target))
        raise ZeroDivisionError("no such class")

    def gives_two(predictions, target):
        return predictions[:2, 0]

    metrics = {"fails": fails, "two": gives_two, "std": std_of_logits}
    with caplog.at_level("WARNING", "hetgraph.tasks"):
        record = _run(tmp_path / "a", metrics=metrics)
    assert record.epochs == 4
    assert len(calls) == 7  # after each epoch, and each split in the end
    told = [entry.getMessage() for entry in caplog.records]
    assert len(told) == 2
    assert told[0].startswith("your metric 'fails' failed (ZeroDivisionError: no such class)")
    saved = json.loads((tmp_path / "a" / "result.json").read_text())["metrics"]["test"]
    assert saved["fails"] is None
    assert saved["two"] is None
    assert saved["std"] > 0
    with pytest.raises(ConfigError, match=r"your metric 'fails', which failed \(ZeroDivision"):
        _run(tmp_path / "b", _with_train(monitor="fails"), metrics=metrics)


@pytest.mark.parametrize("refit", [False, True])
def test_a_score_that_fails_in_the_end_loses_no_training(tmp_path, monkeypatch, caplog, refit):
    score = NodeClassification.score

    def failing(self, predictions, split):
        if split == "test":
            raise DataError("the gain -12.0 is negative")
        return score(self, predictions, split)

    monkeypatch.setattr(NodeClassification, "score", failing)
    with caplog.at_level("WARNING", "hetgraph.train"):
        record = _run(tmp_path / "a", _with_train(refit=refit))
    (entry,) = caplog.records
    assert entry.getMessage().startswith("the test split could not be scored (DataError: the gain")
    assert record.metrics["test"] == {}
    assert record.metrics["valid"]["loss"] > 0
    assert record.extra["not_scored"] == {"test": "DataError: the gain -12.0 is negative"}
    opened = reopen(tmp_path / "a")
    saved = load_file(tmp_path / "a" / "predictions.safetensors")
    again = opened.model.predict(opened.inputs, "test").values
    assert torch.equal(again, saved["test"])


def test_a_score_that_fails_without_any_training_is_an_error(monkeypatch):
    def failing(self, predictions, split):
        raise DataError("the gain -12.0 is negative")

    monkeypatch.setattr(NodeImportance, "score", failing)
    index = torch.arange(20)
    graph = HeteroGraph(num_nodes={"item": 20}, relations={})
    task = make_task(Dataset("toy", graph, Values("item", index, index.double(), "age")))
    constant = models.get("constant")
    trainer = Trainer(TrainConfig(monitor="loss", device="cpu"), progress=False)
    with pytest.raises(DataError, match="the gain"):
        trainer.fit(constant.for_task(task, constant.Config()), task)


def test_the_model_is_kept_if_something_fails_after_the_training(tmp_path, monkeypatch):
    def failing(self, predictions, split):
        raise RuntimeError("broken")

    monkeypatch.setattr(NodeClassification, "per_relation", failing)
    with pytest.raises(RuntimeError, match="broken"):
        _run(tmp_path / "a")
    assert Method.load(tmp_path / "a" / "model").name == "tiny"


def test_notes_of_the_audit_are_told_and_recorded(tmp_path, monkeypatch, capsys):
    audit = NodeClassification.audit
    monkeypatch.setattr(
        NodeClassification, "audit", lambda self: replace(audit(self), notes=("take care",))
    )
    record = run("tiny", out=tmp_path / "a", settings=QUICK)
    assert "note: take care" in capsys.readouterr().err.splitlines()
    assert record.extra["notes"] == ("take care",)


UNIFORM = {"negatives": "uniform"}


@pytest.fixture
def shop():
    """Ten users buy some of eight items, and like some, too; two links of each kind are tested."""
    buys, likes = EdgeType("user", "buys", "item"), EdgeType("user", "likes", "item")
    users = torch.arange(10)
    items = torch.stack([users, users + 1, users + 3]) % 8
    bought = torch.stack([users.repeat(3), items.flatten()])
    liked = torch.stack([users.repeat(2), items[:2].flatten()])
    graph = HeteroGraph(
        num_nodes={"user": 10, "item": 8},
        relations={
            buys: Relation.from_edges(*bought, 10, 8),
            likes: Relation.from_edges(*liked, 10, 8),
        },
        features={"user": torch.randn(10, 4), "item": torch.randn(8, 4)},
    )
    held = torch.tensor([[0, 1, 2, 3], [5, 6, 7, 0]])
    kinds = torch.tensor([0, 0, 1, 1])
    several = Links((buys, likes), None, held, test_type=kinds)
    return Dataset("toy/shop", graph, {"one": Links((buys,), None, held), "several": several})


def test_families_that_rank_take_no_functions(shop):
    loss, metrics = Functions(loss=own_loss), Functions(metrics={"std": std_of_logits})
    filtered = {"split": "several", "protocol": "filtered"}
    refused = [
        (make_task(shop, family="recommendation"), (loss, metrics)),
        (make_task(shop, family="link-prediction", options=filtered), (metrics,)),
        (
            make_task(shop, family="link-prediction", options={**UNIFORM, "loss": "softmax"}),
            (loss,),
        ),
    ]
    for task, functions in refused:
        assert Functions(callbacks=(stop_at_two,)).apply(task) is task
        for given in functions:
            with pytest.raises(ConfigError, match=f"'{task.spec.kind}' takes no .* of your own"):
                given.apply(task)


def test_links_are_learned_by_the_users_loss_and_scored_by_the_users_metric(shop):
    def zero(logits, target):
        return (logits * 0).sum()

    task = make_task(shop, family="link-prediction", options=UNIFORM)
    view = Functions(loss=zero, metrics={"std": std_of_logits}).apply(task)
    assert set(view.monitors) - set(task.monitors) == {"std"}
    model = models.get("mlp").for_task(view, models.get("mlp").Config(hidden_dim=4))
    before = copy.deepcopy(model.state_dict())
    config = TrainConfig(max_epochs=2, device="cpu", monitor="std", tensorboard=False)
    result = Trainer(config, progress=False).fit(model, view)
    assert result.metrics["test"]["loss"] == 0
    assert result.metrics["test"]["std"] > 0
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_record_holds_the_metrics_of_each_relation(shop, tmp_path, monkeypatch):
    monkeypatch.setattr("hetgraph.runs.execute.load_dataset", lambda *words, **options: shop)
    options = {"kind": "link-prediction", "protocol": "filtered", "split": "several"}
    settings = {
        "model": {"hidden_dim": 4},
        "task": options,
        "train": {**QUICK["train"], "monitor": "mrr"},
    }
    how = {"settings": settings, "progress": False}
    for refit in (False, True):
        settings["train"]["refit"] = refit
        record = run("mlp", "synthetic/academic", out=tmp_path / f"{refit}", **how)
        kept = json.loads((tmp_path / f"{refit}" / "result.json").read_text())["per_relation"]
        assert set(kept) == {"user -buys> item", "user -likes> item"}
        # Two test links of each relation, so the mean of both is that of all four.
        means = [sum(values["mrr"] for values in kept.values()) / 2]
        assert means == pytest.approx([record.metrics["test"]["mrr"]])
    settings["task"] = {"kind": "recommendation"}
    settings["train"] = QUICK["train"] | {"monitor": "loss"}
    assert "per_relation" not in run("mlp", "synthetic/academic", out=tmp_path / "c", **how).extra


def test_names_of_functions_and_of_other_callables():
    assert qualified_name(own_loss) == f"{__name__}:own_loss"
    assert qualified_name(torch.nn.MSELoss()) == "torch.nn.modules.loss:MSELoss"


def test_a_refit_is_told_in_the_record_and_its_protocol(tmp_path):
    plain = _run(tmp_path / "a")
    record = _run(tmp_path / "b", _with_train(refit=True))
    result = json.loads((tmp_path / "b" / "result.json").read_text())
    best = plain.extra["best_epoch"]
    assert result["refit"] == {"epochs": {"fit": best}, "valid": plain.metrics["valid"]}
    assert result["protocol"] == {**plain.extra["protocol"], "refit": True}
    assert "refit" not in plain.extra
    assert "refit" not in plain.config["train"]
    assert record.metrics["valid"] == plain.metrics["valid"]
    assert record.metrics["test"] != plain.metrics["test"]
    assert record.epochs == plain.epochs + best


@pytest.mark.parametrize("refit", [False, True])
def test_term_leaves_a_run_that_can_be_resumed_with_other_checkpoint_settings(tmp_path, refit):
    sent = []

    def term(epoch):
        if epoch.refit == refit and not sent:
            sent.append(epoch)
            os.kill(os.getpid(), signal.SIGTERM)

    # Every session has a callback of the same name, so the functions agree.
    quiet = lambda epoch: None  # noqa: E731
    quiet.__qualname__ = term.__qualname__
    straight = _run(tmp_path / "a", _with_train(refit=refit), callbacks=[quiet])
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "b", _with_train(refit=refit), callbacks=[term])
    assert (tmp_path / "b" / "checkpoint.safetensors").is_file()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    settings = _with_train(refit=refit, checkpoint_batches=1)
    resumed = _run(tmp_path / "b", settings, callbacks=[quiet], resume=True)
    assert resumed.metrics == straight.metrics
    assert resumed.epochs == straight.epochs
    with pytest.raises(ConfigError, match=r"train.best_on_test was False and is now True"):
        _run(tmp_path / "b", _with_train(best_on_test=True), callbacks=[quiet], resume=True)


def test_class_weights_beside_a_loss_of_ones_own_are_refused():
    settings = {**QUICK, "train": {**QUICK["train"], "class_weight": "balanced"}}
    message = r"loss= takes the place of the task's loss, so task.class_weights would have no"
    with pytest.raises(ConfigError, match=message):
        run("rgcn", settings=settings, loss=own_loss, progress=False)
