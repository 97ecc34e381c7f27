from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph.errors import FileFormatError
from hetgraph.tensorfile import load_tensors, save_tensors


def test_tensors_of_every_kind_round_trip(tmp_path: Path) -> None:
    base = torch.randn(6, 4)
    given = {
        "plain": base,
        "strided": base.t(),
        "overlapping": base[1:5],
        "same": base,
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(3.5),
        "bool": torch.tensor([True, False]),
        "half": base.to(torch.bfloat16),
        "long": torch.arange(5),
        "grad": torch.ones(2, requires_grad=True),
    }
    path = tmp_path / "t.safetensors"
    save_tensors(given, path, {"epoch": "3"})
    actual = load_tensors(path)
    assert actual.keys() == given.keys()
    for key, value in given.items():
        assert actual[key].dtype == value.dtype
        assert torch.equal(actual[key], value), key


def test_a_loaded_file_can_be_saved_over_itself(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    save_tensors({"a": torch.arange(1000.0), "b": torch.ones(7)}, path)
    loaded = load_tensors(path)
    save_tensors({"a": loaded["a"], "b": loaded["b"] * 2}, path)
    assert torch.equal(loaded["a"], torch.arange(1000.0))
    assert torch.equal(load_tensors(path)["b"], torch.full((7,), 2.0))


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    save_tensors({"a": torch.zeros(1)}, tmp_path / "t.safetensors")
    assert (tmp_path / "t.safetensors").stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_a_truncated_file_is_one_clear_line(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "t.safetensors"
    save_tensors({"a": torch.arange(1000.0)}, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FileFormatError, match="truncated or not a safetensors file") as caught:
        load_tensors(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"t\.safetensors is missing"):
        load_tensors(tmp_path / "t.safetensors")
