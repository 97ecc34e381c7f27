"""A checkpoint with the authors' names becomes a tokenizer of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph.errors import FileFormatError
from hetgraph.models.higpt.released import load_released
from hetgraph.models.higpt.tokenizer import Tokenizer, TokenizerShape

SHAPE = TokenizerShape(8, 8, 8, 2, generator="full")
THEIRS = {
    "kqv": "kqv_lin.lin_gen",
    "out": "out_lin.lin_gen",
    "key": "k_rel.lin_gen",
    "value": "v_rel.lin_gen",
    "gate": "skipTrans",
    "prior": "p_relTrans",
    "norm": "norm",
}


def checkpoint(path: Path, tokenizer: Tokenizer) -> Path:
    """Writes the parameters as the authors' training does, beside those of a text tower."""
    state = {"model.text_projection": torch.zeros(2), "model.logit_scale": torch.zeros(())}
    for name, value in tokenizer.state_dict().items():
        part, _, rest = name.removeprefix("layers.0.").partition(".")
        state[f"model.graph_encoder.{THEIRS[part]}.{rest}"] = value
    torch.save({"state_dict": state, "epoch": 5}, path)
    return path


def test_every_parameter_finds_its_place(tmp_path: Path) -> None:
    torch.manual_seed(1)
    source, target = Tokenizer(SHAPE), Tokenizer(SHAPE)
    load_released(checkpoint(tmp_path / "one.ckpt", source), target)
    for name, value in source.state_dict().items():
        assert torch.equal(value, target.state_dict()[name])


def test_other_shapes_and_other_files_are_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "one.ckpt", Tokenizer(SHAPE))
    with pytest.raises(FileFormatError, match="make it with the shape of the checkpoint"):
        load_released(path, Tokenizer(TokenizerShape(8, 8, 8, 4, generator="full")))
    with pytest.raises(FileFormatError, match="nothing"):
        load_released(path, Tokenizer(TokenizerShape(8, 8, 8, 2)))
    (tmp_path / "bad.ckpt").write_bytes(b"abc")
    with pytest.raises(FileFormatError, match="no checkpoint of a tokenizer"):
        load_released(tmp_path / "bad.ckpt", Tokenizer(SHAPE))
