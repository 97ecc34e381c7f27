"""Experts: small encoders, each pre-trained on one graph, stored in the cache folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from hetgraph.errors import FileFormatError
from hetgraph.files import atomic_dir, cache_folder, cache_root
from hetgraph.tensorfile import load_tensors, save_tensors

__all__ = ["ExpertCard", "expert_folder", "list_experts", "load_expert", "save_expert"]

_LOG = logging.getLogger("hetgraph.models.gph2.store")
_CARD, _TENSORS = "expert.json", "encoder.safetensors"


@dataclass(frozen=True)
class ExpertCard:
    """Description and origin of an expert.

    Args:
        model: The method it belongs to.
        source: Data set it was trained on.
        target: Node type it represents.
        homogeneous: Whether the source has a single node type.
        views: Names of the views it was trained with.
        num_nodes: Number of nodes of the target type.
        graph_sha256: Content hash of the graph.
        config: Settings of the pre-training.
        schema: Schema of the graph.
        epochs: Number of training epochs.
        best_epoch: Epoch of its weights, if it was trained.
        loss: Loss on the source in evaluation mode.
        seconds: Wall-clock seconds of preparation and training.
    """

    model: str
    source: str
    target: str
    homogeneous: bool
    views: tuple[str, ...]
    num_nodes: int
    graph_sha256: str
    config: Mapping[str, Any] = field(hash=False)
    schema: Mapping[str, Any] = field(hash=False)
    epochs: int
    best_epoch: int | None
    loss: float
    seconds: float


def expert_folder(source: str, digest: str) -> Path:
    """Returns the folder of an expert.

    Args:
        source: Data set it is trained on.
        digest: sha256 of everything it depends on.
    """
    return cache_folder("experts", source, digest)


def save_expert(folder: Path, card: ExpertCard, tensors: Mapping[str, Tensor]) -> None:
    """Writes an expert, whole or not at all.

    Raises:
        OutputError: If the folder cannot be written.
    """
    text = json.dumps({"format": 1, **asdict(card)}, indent=2)
    with atomic_dir(folder, marker=_CARD) as temporary:
        save_tensors(tensors, temporary / _TENSORS)
        (temporary / _CARD).write_text(text, encoding="utf-8")


def load_expert(folder: Path) -> tuple[ExpertCard, dict[str, Tensor]]:
    """Reads what :func:`save_expert` wrote.

    Raises:
        FileFormatError: If the folder holds no complete expert.
    """
    return _card(folder), load_tensors(folder / _TENSORS)


def list_experts() -> dict[Path, ExpertCard]:
    """Returns the cards of the experts in the cache folder, by folder; damaged ones are logged."""
    cards: dict[Path, ExpertCard] = {}
    for path in sorted(_root().glob(f"*/{_CARD}")):
        if path.parent.name.startswith("."):
            continue  # being written
        try:
            cards[path.parent] = _card(path.parent)
        except FileFormatError as error:
            _LOG.warning("%s", error)
    return cards


def _card(folder: Path) -> ExpertCard:
    try:
        data = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        data.pop("format")
        return ExpertCard(**{**data, "views": tuple(data["views"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{folder} holds no expert ({error}); remove it.") from error


def _root() -> Path:
    return cache_root() / "experts"
