"""Modules by node type or edge type, whatever the types are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, cast
from urllib.parse import quote

from torch import nn

from hetgraph.data.schema import EdgeType

__all__ = ["TypeDict", "type_key"]

M = TypeVar("M", bound=nn.Module)


def type_key(name: str | EdgeType) -> str:
    """Returns a name that torch accepts for a sub-module: no dot, no attribute of a module.

    Args:
        name: A node type or an edge type.

    Example:
        >>> type_key("a.b"), type_key(EdgeType("user", "likes", "item"))
        ('@a%2Eb', '@user@likes@item')
    """
    words = (name,) if isinstance(name, str) else name
    return "".join("@" + quote(word, safe=" ").replace(".", "%2E") for word in words)


class TypeDict(nn.Module, Generic[M]):
    """A dict of modules with types as keys.

    ``nn.ModuleDict`` refuses names with a dot and those of its own methods; here any string and
    any :class:`EdgeType` will do.

    Args:
        modules: Module by type; their order is kept.

    Example:
        >>> likes = EdgeType("user", "likes", "web.page")
        >>> linear = TypeDict({likes: nn.Linear(4, 2)})
        >>> linear[likes].out_features, sum(p.numel() for p in linear.parameters())
        (2, 10)
    """

    def __init__(self, modules: Mapping[str, M] | Mapping[EdgeType, M]) -> None:
        super().__init__()
        self._types: tuple[str | EdgeType, ...] = tuple(modules)
        for name, module in modules.items():
            self.add_module(type_key(name), module)

    def __getitem__(self, name: str | EdgeType) -> M:
        return cast(M, self._modules[type_key(name)])

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def __iter__(self) -> Iterator[str | EdgeType]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def items(self) -> Iterator[tuple[str | EdgeType, M]]:
        """Yields ``(type, module)``."""
        for name in self._types:
            yield name, self[name]
