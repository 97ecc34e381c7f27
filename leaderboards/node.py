"""A mapping in a YAML file that knows its place, so that a mistake can be pointed at."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from hetgraph.errors import ConfigError, suggest

__all__ = ["Loader", "Node"]

_MISSING = object()


class Loader(yaml.SafeLoader):
    """Safe loading that refuses a key given twice instead of keeping the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Builds a mapping, or says which key is there twice."""
        keys = [key.value for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"key {twice!r} is given twice in the mapping at line {line}")
        return super().construct_mapping(node, deep)


class Node:
    """A mapping of the file with its place, so that errors can point at it."""

    def __init__(self, value: Any, where: str, path: Path) -> None:
        self.where, self.path = where, path
        if not isinstance(value, Mapping):
            self.fail(f"expected a mapping, found {value!r}")
        self.value: Mapping[str, Any] = value

    def fail(self, message: str) -> NoReturn:
        """Raises a ConfigError that names the file and the place."""
        raise ConfigError(f"{self.path.name}: {self.where}: {message}.")

    def only(self, keys: Sequence[str]) -> Node:
        """Returns itself if all keys are among those; else suggests the nearest."""
        for key in self.value:
            if key not in keys:
                self.fail(f"unknown key {key!r}.{suggest(str(key), keys)}".rstrip("."))
        return self

    def get(self, key: str, kind: type | tuple[type, ...], default: Any = _MISSING) -> Any:
        """Returns a value of a type, or the default where there is none."""
        value = self.value.get(key, default)
        if value is _MISSING:
            self.fail(f"key {key!r} is missing")
        if value is default:
            return value
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.fail(f"{key} has the wrong type: {value!r}")
        return value

    def choice(self, key: str, options: Sequence[str], default: Any = _MISSING) -> Any:
        """Returns a text that is one of the options."""
        value = self.get(key, str, default)
        if value not in options:
            self.fail(f"{key} is {value!r}, expected one of {', '.join(options)}")
        return value

    def child(self, key: str, default: Any = _MISSING) -> Node:
        """Returns the mapping under a key, which knows its place, too."""
        where = f"{self.where}.{key}".removeprefix("top.")
        return Node(self.get(key, Mapping, default), where, self.path)

    def children(self) -> list[tuple[str, Node]]:
        """Returns all mappings in it by key."""
        return [(key, self.child(key)) for key in self.value]
