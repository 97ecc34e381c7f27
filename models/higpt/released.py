"""Reads the tokenizer checkpoint of the official implementation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from hetgraph.errors import FileFormatError
from hetgraph.models.higpt.tokenizer import Tokenizer

__all__ = ["load_released", "our_names"]

_PREFIX = "model.graph_encoder."
_PLACES: Mapping[str, str] = {
    "kqv_lin.lin_gen.": "layers.0.kqv.",
    "out_lin.lin_gen.": "layers.0.out.",
    "k_rel.lin_gen.": "layers.0.key.",
    "v_rel.lin_gen.": "layers.0.value.",
    "skipTrans.": "layers.0.gate.",
    "p_relTrans.": "layers.0.prior.",
    "norm.": "layers.0.norm.",
}
"""Prefixes of parameter names there, and here."""


def load_released(path: Path, tokenizer: Tokenizer) -> None:
    """Fills a tokenizer of one layer and the full generator from a Lightning checkpoint.

    The file is read safely: nothing in it can run code. Everything but the tokenizer, such as the
    transformer for captions, is ignored.

    Args:
        path: The ``.ckpt`` file.
        tokenizer: Of the published shape: dim 768, 12 heads, ``generator="full"``.

    Raises:
        FileFormatError: If it cannot be read, or its parameters are not those of the tokenizer.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["state_dict"]
        ours = our_names(state)
    except Exception as error:  # a damaged archive can raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise FileFormatError(f"{path} holds no checkpoint of a tokenizer ({reason}).") from error
    own = tokenizer.state_dict()
    for name in sorted(own.keys() | ours.keys()):
        there = list(ours[name].shape) if name in ours else "nothing"
        here = list(own[name].shape) if name in own else "nothing"
        if there != here:
            raise FileFormatError(
                f"{path} has {there} for {name}, this tokenizer {here}; make it with the shape of "
                "the checkpoint: num_layers=1, generator='full' and its dim and heads."
            )
    tokenizer.load_state_dict(ours)


def our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the parameters of the official tokenizer by their names here."""
    ours = {}
    for name, value in state.items():
        inner = name.removeprefix(_PREFIX)
        prefix = next((known for known in _PLACES if inner.startswith(known)), None)
        if name.startswith(_PREFIX) and prefix is not None:
            ours[_PLACES[prefix] + inner.removeprefix(prefix)] = value
    return ours
