"""The file of a checkpoint: nested state in one safetensors file, whole or not there at all."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hetgraph.errors import FileFormatError
from hetgraph.tensorfile import save_tensors

__all__ = ["CHECKPOINT", "load_checkpoint", "pack", "save_checkpoint", "unpack"]

CHECKPOINT = "checkpoint.safetensors"
"""Name of the file in the folder of a run."""

_FORMAT = "hetgraph-checkpoint-2"


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Writes nested state (dicts, lists, scalars, tensors) to one file, atomically.

    Raises:
        OutputError: If the file cannot be written, for example on a full disk.
        TypeError: If a value would need pickle.
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


def pack(value: Any) -> tuple[Any, dict[str, Tensor]]:
    """Splits nested dicts, lists and tuples into structure and tensors.

    Args:
        value: Dicts (keys: strings and numbers), lists, tuples, scalars, ``None`` and tensors.

    Returns:
        A tree for JSON, and the tensors by their name in the tree, none of them copied.

    Raises:
        TypeError: If a value of another type is met; the message holds its path.
    """
    tensors: dict[str, Tensor] = {}
    return _pack(value, "", tensors), tensors


def unpack(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Puts together what :func:`pack` split.

    Raises:
        KeyError: If a tensor of the tree is missing.
        ValueError: If :func:`pack` made no such tree.
    """
    if not isinstance(tree, dict):
        return tree
    (kind, content), *rest = tree.items()
    if rest:
        raise ValueError("a node of the tree has more than one kind")
    if kind == "tensor":
        return tensors[content]
    if kind == "map":
        return {key: unpack(item, tensors) for key, item in content}
    if kind == "list":
        return [unpack(item, tensors) for item in content]
    if kind == "tuple":
        return tuple(unpack(item, tensors) for item in content)
    raise ValueError(f"unknown kind {kind!r} in the tree")


def _pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = path.removeprefix("/") or "value"
        while name in tensors:  # "a/b" can be one key or two.
            name += "+"
        tensors[name] = value.detach()
        return {"tensor": name}
    if isinstance(value, Mapping):
        items = []
        for key, item in value.items():
            if not isinstance(key, (str, int, float)):
                raise TypeError(f"{path or 'the state'} has a key of type {type(key).__name__}")
            items.append([key, _pack(item, f"{path}/{key}", tensors)])
        return {"map": items}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_pack(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"{path or 'the state'} is a {type(value).__name__}, which is not stored")


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> int:
    value = zlib.crc32(text.encode())
    for name in sorted(tensors):
        flat = tensors[name].reshape(-1)
        if flat.numel():
            value = zlib.crc32(
                flat.view(torch.uint8).numpy().data, zlib.crc32(name.encode(), value)
            )
    return value
