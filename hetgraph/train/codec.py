"""Nested Python state as a JSON tree and named tensors, so that nothing needs pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

__all__ = ["pack", "unpack"]


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
        ValueError: If the tree is none of :func:`pack`.
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
