from __future__ import annotations

import torch
from torch import nn

from hetgraph.train.early_stopping import EarlyStopping, copy_weights


def _stops_at(values, patience, every=1):
    stopping = EarlyStopping()
    for number, value in enumerate(values, start=1):
        stopping = stopping.update(value, number * every)
        if stopping.is_exhausted(patience):
            return number * every, stopping.best_epoch
    return None, stopping.best_epoch


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


def test_an_update_returns_a_new_value():
    before = EarlyStopping().update(1.0, 1)
    after = before.update(0.5, 3)
    assert before == EarlyStopping(best=1.0, best_epoch=1, last_epoch=1, waited=0)
    assert after == EarlyStopping(best=1.0, best_epoch=1, last_epoch=3, waited=2)
    assert after.update(2.0, 4) == EarlyStopping(best=2.0, best_epoch=4, last_epoch=4, waited=0)


def test_copies_of_weights_hold_parameters_and_buffers():
    model = nn.BatchNorm1d(2)
    copy = copy_weights(model)
    with torch.no_grad():
        model.weight.fill_(7)
        model.running_mean.fill_(7)
    assert copy["weight"].tolist() == [1, 1]
    assert copy["running_mean"].tolist() == [0, 0]
    assert copy_weights(model, into=copy) is copy
    assert copy["weight"].tolist() == [7, 7]
    assert copy["running_mean"].tolist() == [7, 7]
