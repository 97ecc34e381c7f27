"""Checkpoints: one safetensors file that appears whole or not at all."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.tensorfile import save_tensors
from hetgraph.train.codec import pack, unpack
from hetgraph.train.config import TrainConfig

if TYPE_CHECKING:
    from hetgraph.train.engine import Engine
    from hetgraph.train.state import FitState

__all__ = [
    "CHECKPOINT",
    "CheckpointSaver",
    "check_fingerprint",
    "load_checkpoint",
    "save_checkpoint",
]

CHECKPOINT = "checkpoint.safetensors"
"""Name of the file in the folder of a run."""

_FORMAT = "hetgraph-checkpoint-1"


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Writes nested state (dicts, lists, scalars, tensors) to one file, atomically.

    Raises:
        OutputError: If the file cannot be written, for example on a full disk.
    """
    tree, tensors = pack(state)
    on_cpu = {name: value.cpu().contiguous() for name, value in tensors.items()}
    text = json.dumps(tree, separators=(",", ":"))
    checksum = f"{_checksum(text, on_cpu):08x}"
    save_tensors(on_cpu, path, {"format": _FORMAT, "state": text, "crc32": checksum})


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads what :func:`save_checkpoint` wrote; tensors lie on the CPU.

    Raises:
        FileFormatError: If the file is truncated, altered or no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            # Copied, as the file is mapped into memory and the next checkpoint replaces it.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if meta.get("format") != _FORMAT:
            raise ValueError(f"its format is {meta.get('format')!r}, expected {_FORMAT!r}")
        if int(meta["crc32"], 16) != _checksum(meta["state"], tensors):
            raise ValueError("its checksum does not fit")
        state: dict[str, Any] = unpack(json.loads(meta["state"]), tensors)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise FileFormatError(
            f"the checkpoint {path} is damaged ({error}); remove it to start from the beginning."
        ) from error
    return state


def check_fingerprint(saved: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Compares what a checkpoint was made from with what is running now, name by name.

    Raises:
        ConfigError: Naming the first difference and the ways out.
    """
    for name in (*current, *(key for key in saved if key not in current)):
        before, now = saved.get(name), current.get(name)
        if before != now:
            raise ConfigError(
                f"cannot resume: {name} was {_brief(before)} and is now {_brief(now)}; "
                "use the same settings, or start in another folder."
            )


class CheckpointSaver:
    """Writes the checkpoint of a run when it is due, by seconds or by batches.

    Args:
        path: The file; ``None`` never writes.
        config: ``checkpoint_seconds`` and ``checkpoint_batches``.
        fingerprint: What the run is made from, stored beside its state.
        engine: The processes: they decide together, the main one writes.
    """

    def __init__(
        self,
        path: Path | None,
        config: TrainConfig,
        fingerprint: Mapping[str, Any],
        engine: Engine,
    ) -> None:
        self._path = path
        self._seconds = config.checkpoint_seconds
        self._batches = config.checkpoint_batches
        self._fingerprint = dict(fingerprint)
        self._engine = engine
        self._restart()

    def offer(self, state: FitState, *, batches: int = 0, interrupted: bool = False) -> None:
        """Writes a checkpoint if one is due.

        Args:
            state: The training, between two optimiser steps.
            batches: Batches done since the last call.
            interrupted: Whether Ctrl-C was pressed.

        Raises:
            KeyboardInterrupt: If it was, in any process, once the checkpoint is written.
        """
        self._count += batches
        due, interrupted = self._engine.any(self._is_due(), interrupted)
        if (due or interrupted) and self._path is not None:
            content = state.state_dict()  # Gathers, so every process takes part.
            if self._engine.is_main:
                save_checkpoint(self._path, {"fingerprint": self._fingerprint, **content})
            self._restart()
        if interrupted:
            raise KeyboardInterrupt

    def _restart(self) -> None:
        self._count = 0
        self._start = time.monotonic()

    def _is_due(self) -> bool:
        if self._batches is not None and self._count >= self._batches:
            return True
        return self._seconds is not None and time.monotonic() - self._start >= self._seconds


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> int:
    value = zlib.crc32(text.encode())
    for name in sorted(tensors):
        flat = tensors[name].reshape(-1)
        if flat.numel():
            value = zlib.crc32(
                flat.view(torch.uint8).numpy().data, zlib.crc32(name.encode(), value)
            )
    return value


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
