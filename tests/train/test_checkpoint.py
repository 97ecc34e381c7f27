from __future__ import annotations

import math

import pytest
import torch

from hetgraph.errors import FileFormatError
from hetgraph.train.checkpoint import load_checkpoint, pack, save_checkpoint, unpack


def _equal(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and all(map(_equal, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


STATE = {
    "numbers": [1, 2.5, True, None, "text", math.inf, 0.1 + 0.2],
    "betas": (0.9, 0.999),
    "state": {0: {"step": torch.tensor(3.0), "avg": torch.randn(2, 3)}, 1: {}},
    "bits": torch.arange(5, dtype=torch.uint8),
    "half": torch.randn(4).bfloat16(),
    "empty": torch.zeros(0, 3),
    "a/b": torch.ones(1),
    "a": {"b": torch.zeros(1)},
}


def test_every_kind_of_state_comes_back_as_it_was(tmp_path):
    path = tmp_path / "checkpoint"
    save_checkpoint(path, STATE)
    assert _equal(load_checkpoint(path), STATE)
    assert [child.name for child in tmp_path.iterdir()] == ["checkpoint"]


def test_tensors_that_share_memory_and_odd_strides(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    state = {"tied": [base, base], "turned": base.t(), "part": base[1:, ::2]}
    save_checkpoint(tmp_path / "c", state)
    assert _equal(load_checkpoint(tmp_path / "c"), state)


def test_an_optimiser_continues_from_a_checkpoint(tmp_path):
    weights = [torch.nn.Parameter(torch.randn(3)) for _ in range(2)]
    optimizer = torch.optim.Adam(weights)
    for weight in weights:
        weight.grad = torch.ones(3)
    optimizer.step()
    save_checkpoint(tmp_path / "c", optimizer.state_dict())
    saved = load_checkpoint(tmp_path / "c")
    assert _equal(saved, optimizer.state_dict())
    torch.optim.Adam(weights).load_state_dict(saved)


def test_what_needs_pickle_is_refused():
    with pytest.raises(TypeError, match="/model/hook is a function"):
        pack({"model": {"hook": len.__class__ and (lambda: 0)}})
    with pytest.raises(TypeError, match="key of type tuple"):
        pack({(1, 2): 3})
    with pytest.raises(ValueError, match="unknown kind 'set'"):
        unpack({"set": []}, {})


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path):
    save_checkpoint(tmp_path / "c", {"epoch": 1})
    with pytest.raises(TypeError):
        save_checkpoint(tmp_path / "c", {"epoch": object()})
    assert load_checkpoint(tmp_path / "c") == {"epoch": 1}


def test_other_safetensors_files_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.ones(1)}, tmp_path / "c")
    with pytest.raises(FileFormatError, match="its format is None"):
        load_checkpoint(tmp_path / "c")
