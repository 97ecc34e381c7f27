from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, ReduceLROnPlateau

from hetgraph.errors import ConfigError
from hetgraph.methods import Stage
from hetgraph.train import TrainConfig, Trainer
from hetgraph.train.plateau import Plateau
from hetgraph.train.schedule import learning_rate, rate_at
from hetgraph.train.state import Position


def _sgd(rate=0.1):
    return SGD(nn.Linear(1, 1).parameters(), lr=rate)


def _of_torch(scheduler, optimizer, steps):
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < steps:
            scheduler.step()
    return rates


def _ours(config, epochs, batches=1):
    positions = (
        Position(epoch=epoch, batch=batch, batches=batches if epoch else 0)
        for epoch in range(epochs)
        for batch in range(batches)
    )
    return [rate_at(position, config, epochs, first=batches) for position in positions]


@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.5, 4])
def test_one_cycle_is_that_of_torch(batches, warmup):
    optimizer = _sgd()
    rise = warmup / 20 if warmup >= 1 else warmup or 0.3
    scheduler = OneCycleLR(
        optimizer, 0.1, total_steps=20 * batches, pct_start=rise, cycle_momentum=False
    )
    expected = _of_torch(scheduler, optimizer, 20 * batches)
    config = TrainConfig(lr=0.1, scheduler="one-cycle", warmup=warmup)
    assert _ours(config, 20, batches) == pytest.approx(expected, rel=1e-6)


def test_cosine_is_that_of_torch():
    optimizer = _sgd()
    expected = _of_torch(CosineAnnealingLR(optimizer, T_max=15), optimizer, 15)
    assert _ours(TrainConfig(lr=0.1, scheduler="cosine"), 15) == pytest.approx(expected)


def test_a_warm_up_is_that_of_torch_and_the_cosine_takes_the_rest():
    optimizer = _sgd()
    scheduler = LinearLR(optimizer, start_factor=0.25, total_iters=3)
    expected = _of_torch(scheduler, optimizer, 10)
    assert _ours(TrainConfig(lr=0.1, warmup=4), 10) == pytest.approx(expected)
    assert _ours(TrainConfig(lr=0.1, warmup=0.4), 10) == pytest.approx(expected)
    rest = _ours(TrainConfig(lr=0.1, scheduler="cosine", warmup=4), 10)
    assert rest[:4] == pytest.approx(expected[:4])
    assert rest[4:] == pytest.approx(_ours(TrainConfig(lr=0.1, scheduler="cosine"), 6))


def test_a_warm_up_rises_within_an_epoch():
    rates = _ours(TrainConfig(lr=1.0, warmup=2), 3, batches=2)
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])
    accumulated = TrainConfig(lr=1.0, warmup=2, accumulate=2)
    assert rate_at(Position(), accumulated, 3, first=2) == 0.5


def test_a_plateau_is_that_of_torch():
    values = [0.1, 0.3, 0.2, 0.3, 0.1, 0.2, 0.25, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1]
    optimizer = _sgd()
    scheduler = ReduceLROnPlateau(
        optimizer, mode="max", factor=0.5, patience=2, threshold=0, threshold_mode="abs"
    )
    config = TrainConfig(lr=0.1, scheduler="plateau", plateau_patience=2)
    plateau = Plateau()
    for epoch, value in enumerate(values, start=1):
        scheduler.step(value)
        plateau = plateau.update(value, epoch, config.tolerated)
        rate = learning_rate(config, 100, epoch=epoch, cuts=plateau.cuts)
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"])
    assert plateau.cuts == (5, 11)


def test_without_a_scheduler_the_rate_has_the_bits_of_lr_decay():
    config = TrainConfig(lr=0.3, lr_decay=0.97)
    rates = [learning_rate(config, 9, epoch=epoch, within=0.5) for epoch in range(50)]
    assert rates == [0.3 * 0.97**epoch for epoch in range(50)]
    halved = TrainConfig(lr=0.3, lr_decay=0.97, scheduler="cosine")
    assert learning_rate(halved, 8, epoch=4) == pytest.approx(0.3 * 0.97**4 / 2)


@pytest.mark.parametrize("scheduler", ["one-cycle", "cosine", "plateau", None])
@pytest.mark.parametrize("warmup", [0.0, 0.001, 0.999, 1.0, 50.0])
@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_every_rate_is_positive_and_at_most_lr(scheduler, warmup, epochs):
    config = TrainConfig(lr=0.1, scheduler=scheduler, warmup=warmup)
    for batches in (1, 4):
        rates = _ours(config, epochs, batches)
        assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)


def test_the_trainer_counts_the_steps_of_an_epoch(tiny):
    task, rates, steps = tiny.make_task(), [], []  # 40 training rows: three steps

    class Noting(tiny.TinyModel):
        def training_step(self, batch, *, stage):
            steps.append(len(batch[1]))
            return super().training_step(batch, stage=stage)

    config = TrainConfig(lr=0.3, warmup=1, batch_size=16, max_epochs=2, device="cpu")
    trainer = Trainer(config, progress=False, callbacks=[lambda epoch: rates.append(epoch.lr)])
    trainer.fit(Noting.make(task), task)
    assert rates == pytest.approx([0.1, 0.3])
    assert steps == [16, 16, 8] * 2


def test_the_cuts_of_a_stage_end_with_it(tiny):
    class Twice(tiny.TinyModel):
        def stages(self):
            return Stage("one", 4), Stage("two", 4)

    class Scripted(tiny.NodeClassification):
        values = iter([3.0, 2.0, 1.0, 0.0, *(1.0, 2.0, 3.0, 4.0)])

        def monitor_value(self, metrics, monitor):
            return next(self.values)

    task, rates = Scripted(tiny.make_dataset(), tiny.Seeds()), []
    config = TrainConfig(lr=1.0, scheduler="plateau", plateau_patience=0, device="cpu")
    trainer = Trainer(config, progress=False, callbacks=[lambda epoch: rates.append(epoch.lr)])
    trainer.fit(Twice.make(task), task)
    assert rates == [1.0, 1.0, 0.5, 0.25, *(1.0, 1.0, 1.0, 1.0)]


def test_more_batches_than_expected_end_the_epoch_early():
    config = TrainConfig(lr=1.0, warmup=2)
    assert rate_at(Position(batch=9), config, 9, first=4) == pytest.approx(0.625)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warmup": -1}, r"train.warmup is -1, expected 0 or more"),
        ({"ema": 1.0}, r"train.ema is 1.0, expected above 0 and below 1, or null"),
        ({"ema": 0.0}, r"train.ema is 0.0"),
        ({"plateau_factor": 0.1}, "train.plateau_factor needs train.scheduler=plateau"),
        ({"plateau_patience": 3}, "train.plateau_patience needs train.scheduler=plateau"),
        ({"scheduler": "plateau", "plateau_factor": 1.0}, "plateau_factor is 1.0"),
        ({"scheduler": "plateau", "plateau_patience": -1}, "plateau_patience is -1"),
        (
            {"scheduler": "plateau", "plateau_patience": 30},
            "is 30, but training stops after train.patience=30",
        ),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**settings)


def test_the_default_patience_of_a_plateau_is_a_third():
    assert TrainConfig(patience=30).tolerated == 10
    assert TrainConfig(patience=None).tolerated == 10
    assert TrainConfig(patience=2).tolerated == 0
    assert TrainConfig(scheduler="plateau", plateau_patience=4).tolerated == 4


def test_torch_agrees_on_the_dtype_of_a_rate():
    rate = learning_rate(TrainConfig(scheduler="one-cycle"), 3, epoch=1)
    assert isinstance(rate, float)
    assert torch.isfinite(torch.tensor(rate))
