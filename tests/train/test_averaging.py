from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hetgraph.train import TrainConfig, Trainer
from hetgraph.train.averaging import WeightAverage


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.frozen = nn.Linear(4, 4, bias=False).requires_grad_(False)
        self.register_buffer("limit", torch.tensor([math.inf, 1.0]))

    def forward(self, x):
        return self.frozen(self.norm(self.body(x)))


def _step(model, optimizer):
    optimizer.zero_grad()
    model(torch.randn(8, 3)).square().sum().backward()
    optimizer.step()


def test_averages_are_those_of_torch_once_warm():
    torch.manual_seed(0)
    model = Normed()
    optimizer = torch.optim.SGD(model.body.parameters(), lr=0.1)
    average = WeightAverage(model, 0.1)  # below (1 + n) / (10 + n) for every n
    reference = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.1), use_buffers=True)
    reference.update_parameters(model)  # The first call copies.
    for _ in range(5):
        _step(model, optimizer)
        average.update(model)
        reference.update_parameters(model)
    expected = reference.module.state_dict()
    for name, value in average.values.items():
        if name not in ("limit", "norm.num_batches_tracked"):  # torch: NaN, and 4
            torch.testing.assert_close(value, expected[name].to(value.dtype))
    assert "frozen.weight" not in average.values
    assert average.values["limit"].tolist() == [math.inf, 1.0]
    assert average.values["norm.num_batches_tracked"].item() == 5


def test_early_on_less_is_remembered():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = WeightAverage(model, 0.999)
    nn.init.ones_(model.weight)
    expected = 0.0
    for step in range(1, 4):
        average.update(model)
        decay = (1 + step) / (10 + step)
        expected = decay * expected + (1 - decay)
        assert average.values["weight"].item() == pytest.approx(expected)


def test_the_weights_are_put_back_after_the_block_and_after_an_error():
    torch.manual_seed(0)
    model = Normed()
    average = WeightAverage(model, 0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for value in average.values.values():
        value.zero_()

    def evaluate():
        with average.applied(model):
            assert model.body.weight.abs().sum() == 0
            model.norm.running_mean += 1  # Some models set their statistics before they predict.
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        evaluate()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_validated_and_kept_weights_are_the_averages(tiny):
    task, weights, scores = tiny.make_task(), [], []
    config = TrainConfig(batch_size=16, max_epochs=6, lr=0.05, ema=0.9, patience=None, device="cpu")
    model = tiny.TinyModel.make(task, dropout=0.0)

    def note(epoch):
        weights.append({k: v.clone() for k, v in epoch.model.state_dict().items()})
        scores.append(epoch.valid["loss"])

    result = Trainer(config, progress=False, callbacks=[note]).fit(model, task)
    assert result.metrics["valid"]["loss"] == pytest.approx(min(scores))
    assert scores[-1] < scores[0]
    kept = model.state_dict()
    assert all(not torch.equal(kept["head.weight"], seen["head.weight"]) for seen in weights)
    plain = TrainConfig(batch_size=16, max_epochs=6, lr=0.05, patience=None, device="cpu")
    trained, seen = tiny.TinyModel.make(task, dropout=0.0), []
    Trainer(
        plain,
        progress=False,
        callbacks=[lambda epoch: seen.append(epoch.model.head.weight.detach().clone())],
    ).fit(trained, task)
    # The average leaves the training itself alone.
    assert all(torch.equal(a["head.weight"], b) for a, b in zip(weights, seen, strict=True))


def test_a_stage_without_validation_ends_with_the_averages(tiny):
    task = tiny.make_task()
    ends = []

    class Noting(tiny.TinyModel):
        def batches(self, inputs, split, *, stage, **options):
            ends.append((stage.name, self.head.weight.detach().clone()))
            return super().batches(inputs, split, stage=stage, **options)

    model = Noting.make(task, pretrain=2, dropout=0.0)
    last = []
    config = TrainConfig(batch_size=16, max_epochs=1, lr=0.05, ema=0.9, device="cpu")

    def note(epoch):
        if epoch.stage == "warm":
            last.append(epoch.model.head.weight.detach().clone())

    Trainer(config, progress=False, callbacks=[note]).fit(model, task)
    starts = dict(ends)
    assert not torch.equal(starts["fit"], last[-1])
