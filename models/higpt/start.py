"""Weights of an earlier run as the start of another, on another graph if need be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hetgraph.errors import ConfigError
from hetgraph.model import Model

if TYPE_CHECKING:
    from hetgraph.models.higpt.model import HiGPT

__all__ = ["load_start"]

_SHARED = (
    *("encoder", "dim", "num_heads", "num_layers", "generator", "rank"),
    *("activation", "norm", "gate", "compat"),
)
"""Settings that give the weights of a tokenizer their shape or their meaning."""


def load_start(model: Model, folder: Path) -> None:
    """Copies the tokenizer of a finished run, and its projector where both have one.

    The graph, its types and its classes may be others: no parameter of these belongs to them.

    Args:
        model: The model to be filled.
        folder: Folder of the run, or its ``model`` folder.

    Raises:
        ConfigError: If the folder holds another method, or a setting differs that must not.
        FileFormatError: If it holds no complete model.
    """
    place = folder / "model" if (folder / "model").is_dir() else folder
    source = Model.load(place)
    if source.name != model.name:
        raise ConfigError(f"model.start: {folder} holds a {source.name!r}, not a {model.name!r}.")
    for name in _SHARED:
        there, here = getattr(source.config, name), getattr(model.config, name)
        if there != here:
            raise ConfigError(
                f"model.start: {folder} was trained with {name}={there!r}, this run has {here!r}; "
                f"set model.{name}={there}."
            )
    if bool(source.config.type_vectors) != bool(model.config.type_vectors):
        raise ConfigError(
            f"model.start: {folder} and this run must both read model.type_vectors, or neither."
        )
    _copy(source, model)


def _copy(source: HiGPT | Model, model: HiGPT | Model) -> None:
    parts = ["tokenizer."]
    if {source.config.stage, model.config.stage} <= {"matching", "instructions"}:
        parts.append("head.")
    own = model.state_dict()
    taken = {
        key: value for key, value in source.state_dict().items() if key.startswith(tuple(parts))
    }
    missing = [key for key in taken if key not in own or own[key].shape != taken[key].shape]
    if missing:
        raise ConfigError(
            f"model.start: {missing[0]} of the run does not fit this model; "
            "give both the same model.language settings."
        )
    model.load_state_dict({**own, **taken})
