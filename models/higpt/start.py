"""Initialises a model with the weights of an earlier run, also of a run on another graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.methods import Method
from hetgraph.settings import config_from_dict
from hetgraph.tensorfile import load_tensors

__all__ = ["load_start"]

_SHARED = (
    *("encoder", "dim", "num_heads", "num_layers", "generator", "rank"),
    *("activation", "norm", "gate", "compat"),
)
"""Settings that determine the shape or the meaning of the weights of a tokenizer."""


def load_start(model: Method, folder: Path) -> None:
    """Copies the tokenizer of a finished run, and the head of its stage if both have the same.

    Graph, types and classes may differ: none of these parameters depends on them.

    Args:
        model: The model to be filled.
        folder: Folder of the run, or its ``model`` folder.

    Raises:
        ConfigError: If the folder holds another method, or a setting differs that must not.
        FileFormatError: If it holds no complete model.
    """
    place = folder / "model" if (folder / "model").is_dir() else folder
    config, tensors = _read(place, model)
    for name in _SHARED:
        there, here = getattr(config, name), getattr(model.config, name)
        if there != here:
            raise ConfigError(
                f"model.start: {folder} was trained with {name}={there!r}, this run has {here!r}; "
                f"set model.{name}={there}."
            )
    if bool(config.type_vectors) != bool(model.config.type_vectors):
        raise ConfigError(
            f"model.start: {folder} and this run must both read model.type_vectors, or neither."
        )
    prefixes = ["tokenizer."]
    stages = {config.stage, model.config.stage}
    if stages == {"tokenizer"} or stages <= {"matching", "instructions"}:
        prefixes.append("head.")
    own = model.state_dict()
    taken = {key: value for key, value in tensors.items() if key.startswith(tuple(prefixes))}
    for key, value in taken.items():
        if key not in own or own[key].shape != value.shape:
            raise ConfigError(
                f"model.start: {key} of the run does not fit this model; "
                "give both the same model.language settings."
            )
    model.load_state_dict({**own, **taken})


def _read(place: Path, model: Method) -> tuple[Any, dict[str, Tensor]]:
    """Returns settings and weights without building the model, which may be large."""
    try:
        meta = json.loads((place / "model.json").read_text(encoding="utf-8"))
        method = meta["model"]
        if method != model.name:
            raise ConfigError(f"model.start: {place} holds a {method!r}, not a {model.name!r}.")
        config = config_from_dict(type(model.config), meta["config"])
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise FileFormatError(f"model.start: {place} holds no complete model: {error}") from error
    return config, load_tensors(place / "parameters.safetensors")
