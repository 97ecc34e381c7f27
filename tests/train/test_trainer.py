from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from hetgraph.errors import ConfigError
from hetgraph.methods import Loss, Stage
from hetgraph.seeds import Seeds
from hetgraph.train import DivergenceError, TrainConfig, Trainer

QUICK = TrainConfig(batch_size=16, max_epochs=6, lr=0.02, tensorboard=False, device="cpu")


def _with(**changes):
    return TrainConfig(**{**QUICK.__dict__, **changes})


def _fit(tiny, config=QUICK, *, out=None, seed=0, **model):
    task = tiny.make_task()
    made = tiny.TinyModel.make(task, **model)
    trainer = Trainer(config, seeds=Seeds.from_seed(seed), out=out, progress=False)
    return made, trainer.fit(made, task)


def _same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_learns_what_the_features_tell(tiny):
    model, result = _fit(tiny, _with(max_epochs=60, patience=None, monitor="f1_mean"))
    assert result.metrics["test"]["micro_f1"] > 0.75
    assert result.metrics["train"]["loss"] < 0.5 < math.log(3)
    assert result.epochs == 60
    assert set(result.seconds) == {"prepare", "fit", "evaluate"}
    assert result.predictions["test"].values.shape == (40, 3)
    assert result.peak_memory_bytes > 10_000_000
    assert not model.body[0].weight.isnan().any()


def test_same_seed_twice_gives_the_same_bits_and_another_seed_does_not(tiny):
    one, first = _fit(tiny)
    torch.manual_seed(99)  # What the caller drew before must not matter.
    two, second = _fit(tiny)
    other, _ = _fit(tiny, seed=1)
    assert _same(one, two)
    assert first.metrics == second.metrics
    assert not _same(one, other)


def test_leaves_the_callers_generators_alone(tiny):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    task = tiny.make_task()
    model = tiny.TinyModel.make(task, seed=5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tiny.TinyModel(task.graph.schema, task.spec, model.config)
    Trainer(QUICK, progress=False).fit(model, task)
    assert torch.equal(torch.rand(3), expected)


def test_the_best_weights_of_the_log_are_the_result(tiny, tmp_path):
    config = _with(max_epochs=40, lr=0.2, patience=5)
    _, result = _fit(tiny, config, out=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    best = min(rows, key=lambda row: row["valid"]["loss"])
    assert result.best_epoch == best["epoch"]
    assert result.metrics["valid"]["loss"] == best["valid"]["loss"]
    assert len(rows) == result.epochs == best["epoch"] + 6  # Stops at the first epoch past 5.
    assert rows[-1]["valid"]["loss"] > best["valid"]["loss"]


def test_the_test_split_is_scored_once_at_the_end(tiny, monkeypatch):
    task = tiny.make_task()
    seen = []
    score = type(task).score
    monkeypatch.setattr(
        type(task), "score", lambda self, x, split: seen.append(split) or score(self, x, split)
    )
    Trainer(QUICK, progress=False).fit(tiny.TinyModel.make(task), task)
    assert seen == ["valid"] * 6 + ["train", "valid", "test"]


def test_a_view_without_test_can_be_tuned_on(tiny):
    task = tiny.make_task().without_test()
    trainer = Trainer(QUICK, progress=False)
    result = trainer.fit(tiny.TinyModel.make(task), task, splits=("valid",))
    assert set(result.metrics) == {"valid"}
    with pytest.raises(PermissionError):
        trainer.fit(tiny.TinyModel.make(task), task)


def test_evaluates_every_few_epochs_and_after_the_last(tiny, tmp_path):
    _fit(tiny, _with(eval_every=4), out=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if "valid" in row] == [4, 6]


def test_accumulated_batches_equal_one_large_batch(tiny):
    # 40 rows: batches of 10 in fours, the last of 7 rows, equal one of 37; order is the same.
    whole, _ = _fit(tiny, _with(batch_size=40), dropout=0.0)
    parts, _ = _fit(tiny, _with(batch_size=11, accumulate=4), dropout=0.0)
    plain, _ = _fit(tiny, _with(batch_size=11), dropout=0.0)
    for parameter, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(whole.head.weight, plain.head.weight, atol=1e-4)


def test_clips_the_gradient(tiny):
    start = tiny.TinyModel.make(tiny.make_task())
    config = _with(optimizer="sgd", momentum=0.0, lr=1.0, max_epochs=1, batch_size=40)
    clipped, _ = _fit(tiny, TrainConfig(**{**config.__dict__, "clip_norm": 0.01}))
    free, _ = _fit(tiny, config)

    def moved(model):
        pairs = zip(model.parameters(), start.parameters(), strict=True)
        return math.sqrt(sum(float((a - b).detach().square().sum()) for a, b in pairs))

    assert moved(clipped) == pytest.approx(0.01, rel=1e-3)
    assert moved(free) > 0.05


def test_weights_follow_textbook_adam_on_full_batches(tiny):
    task = tiny.make_task()
    config = _with(batch_size=40, max_epochs=5, lr_decay=0.5, patience=None)
    model, _ = _fit(tiny, config, dropout=0.0)
    twin = tiny.TinyModel.make(task, dropout=0.0)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    rows = task.index("train")
    x, y = task.graph.features["item"][rows], task.labels[rows]
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(twin(x), y).backward()
        optimizer.step()
        schedule.step()
    for parameter, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, rtol=1e-4, atol=1e-6)


def test_stages_run_in_order_with_their_own_epochs(tiny, tmp_path):
    model, result = _fit(tiny, out=tmp_path, pretrain=2)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["stage"] for row in rows] == ["warm"] * 2 + ["fit"] * 6
    assert all("valid" not in row for row in rows[:2])
    assert result.epochs == 8
    straight, _ = _fit(tiny)
    assert not _same(model, straight)


@pytest.mark.parametrize(("value", "word"), [(math.nan, "NaN"), (math.inf, "infinite")])
def test_a_loss_that_is_not_finite_names_term_stage_and_epoch(tiny, value, word):
    class Diverging(tiny.TinyModel):
        steps = 0

        def training_step(self, batch, *, stage: Stage) -> Loss:
            self.steps += 1
            loss = super().training_step(batch, stage=stage)
            extra = loss.terms["entropy"] * 0 + (value if self.steps > 4 else 0.0)
            return Loss({**loss.terms, "echo": extra}, loss.count)

    task = tiny.make_task()
    with pytest.raises(DivergenceError, match=rf"'echo' is {word} in stage 'fit', epoch 2; lower"):
        Trainer(QUICK, progress=False).fit(Diverging.make(task), task)


def test_batches_without_samples_change_nothing(tiny):
    class Sparse(tiny.TinyModel):
        def batches(self, inputs, split, **kwargs):
            for x, y in super().batches(inputs, split, **kwargs):
                yield x[:0], y[:0]
                yield x, y

    task = tiny.make_task()
    sparse = Sparse.make(task, dropout=0.0)
    result = Trainer(QUICK, progress=False).fit(sparse, task)
    plain, _ = _fit(tiny, dropout=0.0)
    assert _same(sparse, plain)
    assert math.isfinite(result.metrics["valid"]["loss"])


def test_parameters_that_no_stage_uses_keep_their_values(tiny):
    model, _ = _fit(tiny, _with(weight_decay=0.5, optimizer="adamw"))
    assert torch.equal(model.unused, torch.ones(3))


def test_bf16_is_near_fp32(tiny):
    exact, _ = _fit(tiny, dropout=0.0)
    rounded, result = _fit(tiny, _with(precision="bf16-mixed"), dropout=0.0)
    assert rounded.head.weight.dtype == torch.float32
    torch.testing.assert_close(exact.head.weight, rounded.head.weight, rtol=0.1, atol=0.05)
    assert not torch.equal(exact.head.weight, rounded.head.weight)
    assert result.predictions["test"].values.dtype == torch.float32


def test_misspelt_monitor_is_refused_before_training(tiny):
    with pytest.raises(
        ConfigError, match=r"unknown train.monitor 'f1_men'. Did you mean 'f1_mean'"
    ):
        _fit(tiny, _with(monitor="f1_men"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_missing_device_is_one_clear_line(tiny):
    with pytest.raises(ConfigError, match="finds no CUDA device; set it to 'auto' or 'cpu'"):
        _fit(tiny, _with(device="cuda"))
    with pytest.raises(ConfigError, match="needs a CUDA device; use 'bf16-mixed'"):
        _fit(tiny, _with(precision="16-mixed"))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_trains_on_cuda(tiny, precision):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    config = _with(device="cuda", precision=precision, max_epochs=40, clip_norm=1.0)
    model, result = _fit(tiny, config)
    assert model.device.type == "cuda"
    assert result.metrics["train"]["loss"] < 0.8
    assert result.cuda_peak_memory_bytes > 0


def test_the_best_of_the_test_split_is_an_extra(tiny):
    """It neither changes the weights nor the honest scores, and no epoch is better."""
    honest_model, honest = _fit(tiny)
    model, result = _fit(tiny, _with(best_on_test=True))
    assert _same(model, honest_model)
    scores = result.metrics["test"]
    assert {k: v for k, v in scores.items() if not k.endswith("_best_epoch")} == honest.metrics[
        "test"
    ]
    assert scores["micro_f1_best_epoch"] >= scores["micro_f1"]
    assert "loss_best_epoch" not in scores
    assert not any("best_epoch" in name for name in result.metrics["valid"])
