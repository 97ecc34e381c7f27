from __future__ import annotations

import torch
from torch import nn

from hetgraph.train.early_stopping import BestWeights, EarlyStopping


def _stops_at(values, patience, every=1):
    stopper = EarlyStopping(patience)
    for number, value in enumerate(values, start=1):
        stopper.update(value, number * every)
        if stopper.should_stop:
            return number * every, stopper.best_epoch
    return None, stopper.best_epoch


def test_patience_counts_epochs_since_the_best():
    assert _stops_at([1, 2, 1, 1, 1, 1], patience=2) == (5, 2)
    assert _stops_at([1, 2, 1, 1, 3, 1], patience=2) == (None, 5)


def test_equal_is_no_improvement():
    assert _stops_at([1, 1, 1, 1], patience=1) == (3, 1)


def test_patience_zero_stops_at_the_first_that_does_not_improve():
    assert _stops_at([1, 2, 3, 2], patience=0) == (4, 3)


def test_evaluations_every_ten_epochs_count_ten():
    assert _stops_at([1, 0, 0, 0, 0], patience=30, every=10) == (50, 10)


def test_no_patience_never_stops():
    assert _stops_at([1] + [0] * 50, patience=None) == (None, 1)


def test_state_goes_on():
    one = EarlyStopping(3)
    for epoch, value in enumerate([1.0, 3.0, 2.0, 2.0], start=1):
        one.update(value, epoch)
    two = EarlyStopping(3)
    two.load_state_dict(one.state_dict())
    for stopper in (one, two):
        assert not stopper.update(2.5, 5)
        assert not stopper.should_stop
        stopper.update(2.5, 6)
        assert stopper.should_stop
        assert (stopper.best, stopper.best_epoch) == (3.0, 2)


def test_best_weights_are_copies_of_parameters_and_buffers():
    model = nn.BatchNorm1d(2)
    best = BestWeights()
    best.restore(model)  # Nothing kept: nothing changes.
    best.keep(model)
    with torch.no_grad():
        model.weight.fill_(7)
        model.running_mean.fill_(7)
    best.restore(model)
    assert model.weight.tolist() == [1, 1]
    assert model.running_mean.tolist() == [0, 0]
    with torch.no_grad():
        model.weight.fill_(5)
    best.keep(model)
    with torch.no_grad():
        model.weight.fill_(6)
    best.restore(model)
    assert model.weight.tolist() == [5, 5]
