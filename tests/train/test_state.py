from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from hetgraph.errors import FileFormatError
from hetgraph.train.checkpoint import save_checkpoint
from hetgraph.train.early_stopping import EarlyStopping
from hetgraph.train.plateau import Plateau
from hetgraph.train.state import FitState, Position, Selection
from hetgraph.train.sums import LossSums


def _state(**changes):
    values = {
        "made_from": {"train.lr": 0.1, "seeds": [1, 2]},
        "position": Position("refit", stage=1, epoch=2, batch=3, epochs=9, kept=(4,), stopped=True),
        "selection": Selection(
            EarlyStopping(0.5, 3, 4, 1),
            3,
            ({"f1": 0.5},),
            (4, 2),
            {"valid": {"loss": 0.25}},
            Plateau(0.5, 3, (2,)),
            ((), (2, 5)),
        ),
        "model": {"w": torch.randn(2, 3)},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
        "precision": {},
        "best": {"w": torch.randn(2, 3)},
        "initial": None,
        "sums": LossSums({"loss": torch.tensor(1.5, dtype=torch.float64)}, 7),
        "generators": {"python": torch.tensor([[3.0, math.nan]])},
        "seconds": {"fit": 1.5},
    }
    return FitState(**{**values, **changes})


def test_a_state_is_saved_and_compared_as_one(tmp_path):
    state = _state()
    state.save(tmp_path / "c")
    loaded = FitState.load(tmp_path / "c")
    assert loaded == state
    assert (loaded.position, loaded.selection) == (state.position, state.selection)
    assert loaded.seconds == {"fit": 1.5}
    with pytest.raises(FrozenInstanceError):
        loaded.position.epoch = 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(loaded)


def test_every_field_but_the_seconds_is_compared():
    base = _state()
    same = replace(base, seconds={"fit": 99.0}, model={"w": base.model["w"].clone()})
    assert same == base
    ulp = base.model["w"].clone()
    ulp[0, 0] = torch.nextafter(ulp[0, 0], torch.tensor(9.0))
    different = {
        "made_from": {"train.lr": 0.2, "seeds": [1, 2]},
        "position": replace(base.position, batch=4),
        "selection": replace(base.selection, stopping=EarlyStopping(0.5, 3, 4, 2)),
        "model": {"w": ulp},
        "optimizer": {**base.optimizer, "param_groups": [{"lr": 0.2}]},
        "precision": {"scale": 2.0},
        "best": None,
        "initial": {"w": ulp},
        "sums": LossSums(base.sums.terms, 8),
        "generators": {"python": torch.tensor([[4.0, math.nan]])},
        "average": {"w": ulp},
        "averaged_steps": 1,
    }
    for name, value in different.items():
        assert replace(base, **{name: value}) != base, name
    assert replace(base, model={"w": base.model["w"].double()}) != base
    assert base != "a state"


def test_the_position_moves_from_batch_to_stage():
    start = Position()
    assert start.after_batches(2).after_batches(1) == Position(batch=3)
    assert start.after_batches(2).after_epoch() == Position(epoch=1, epochs=1, batches=2)
    ended = replace(start.after_epoch(), stopped=True).after_stage(kept=1)
    assert ended == Position(stage=1, epochs=1, kept=(1,))
    assert ended.at_refit() == Position("refit", epochs=1)


def test_a_file_with_another_layout_is_refused(tmp_path):
    save_checkpoint(tmp_path / "c", {"position": {"epoch": 1}})
    with pytest.raises(FileFormatError, match="is damaged"):
        FitState.load(tmp_path / "c")
