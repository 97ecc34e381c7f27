"""Attributes of nodes and edges in formats of other libraries: which are read, and as what."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError, SchemaError, suggest

__all__ = [
    "Choice",
    "EdgeNames",
    "NodeNames",
    "id_column",
    "numbers",
    "side_by_side",
    "tell_left",
]

_LOG = logging.getLogger("hetgraph.io")
_SHOWN = 8
"""Attributes that a warning lists by name."""

NodeNames = Mapping[str, str | Sequence[str]]
"""Names of attributes by node type."""
EdgeNames = Mapping[Any, str | Sequence[str]]
"""Names of attributes by edge type: a triple, or the name of the relation if it is unambiguous."""


@dataclass(frozen=True)
class Choice:
    """Which attributes an argument such as ``features`` takes from each type.

    Args:
        option: The argument, for messages.
        given: The caller's names by node type or edge type.
        usual: What is taken of other types: the first of these names that is present.
    """

    option: str
    given: Mapping[Any, tuple[str, ...]]
    usual: tuple[str, ...]

    @classmethod
    def of(
        cls,
        option: str,
        given: NodeNames | EdgeNames | None,
        types: Collection[Any],
        *usual: str,
    ) -> Choice:
        """Resolves the types that the caller named.

        Args:
            option: The argument, for messages.
            given: What the caller gave.
            types: The node types or edge types of the graph.
            *usual: What is taken of types that are not named.

        Raises:
            SchemaError: If a type is unknown or ambiguous.
        """
        names = {
            _resolve(option, key, types): (value,) if isinstance(value, str) else tuple(value)
            for key, value in (given or {}).items()
        }
        return cls(option, names, usual)

    def names(self, key: Any, present: Collection[str]) -> tuple[str, ...]:
        """Returns the attributes to take from a type.

        Args:
            key: The type.
            present: The attributes that it has.

        Raises:
            DataError: If it lacks one that the caller named.
        """
        if key not in self.given:
            return tuple(name for name in self.usual if name in present)[:1]
        for name in self.given[key]:
            if name not in present:
                raise DataError(
                    f"{self.option} names the attribute {name!r} of {_label(key)}, which has "
                    f"none.{suggest(name, present)}"
                )
        return self.given[key]

    def name(self, key: Any, present: Collection[str]) -> str | None:
        """Returns the one attribute to take from a type, if any.

        Raises:
            DataError: If the caller named several, or one that is not there.
        """
        names = self.names(key, present)
        if len(names) > 1:
            raise DataError(
                f"{self.option} of {_label(key)} names {len(names)} attributes, expected one."
            )
        return names[0] if names else None


def numbers(where: str, name: str, values: Any, rows: int) -> Tensor:
    """Returns the values of an attribute as ``[rows, dim]`` of a floating-point dtype.

    Args:
        where: What has the attribute, for messages.
        name: The attribute.
        values: A tensor, an array or a list: a number or a list of numbers for each row.
        rows: Number of nodes or edges.

    Raises:
        DataError: If they are no numbers, or of another length.
    """
    tensor = values.detach() if isinstance(values, Tensor) else _from_list(where, name, values)
    if tensor.dim() not in (1, 2) or tensor.shape[0] != rows or tensor.is_complex():
        raise DataError(
            f"{where}: attribute {name!r} is {tensor.dtype} of shape {list(tensor.shape)}; "
            f"expected numbers of shape [{rows}] or [{rows}, dim]."
        )
    tensor = tensor[:, None] if tensor.dim() == 1 else tensor
    return tensor if tensor.is_floating_point() else tensor.float()


def _from_list(where: str, name: str, values: Any) -> Tensor:
    try:
        array = np.stack([np.asarray(value) for value in values]) if len(values) else np.zeros(0)
    except ValueError as error:
        raise DataError(
            f"{where}: attribute {name!r} differs in length; make all lengths equal."
        ) from error
    if array.dtype == object and all(isinstance(value, (int, float)) for value in array.flat):
        with contextlib.suppress(OverflowError):  # Integers beyond 64 bits are still numbers.
            array = array.astype("f8")
    if array.dtype.kind not in "fiub":
        raise DataError(f"{where}: attribute {name!r} must be a number or a list of numbers.")
    single = array if array.dtype.kind == "f" and array.itemsize < 8 else array.astype("f4")
    return torch.from_numpy(single)


def side_by_side(where: str, columns: Mapping[str, Any], rows: int) -> Tensor | None:
    """Returns attributes side by side as ``[rows, dim]``; ``None`` without any.

    Example:
        >>> side_by_side("nodes", {"year": [1999, 2001], "pages": [[8, 1], [9, 2]]}, 2).tolist()
        [[1999.0, 8.0, 1.0], [2001.0, 9.0, 2.0]]
    """
    blocks = [numbers(where, name, values, rows) for name, values in columns.items()]
    if len(blocks) < 2:
        return blocks[0] if blocks else None
    dtype = blocks[0].dtype
    for block in blocks[1:]:
        dtype = torch.promote_types(dtype, block.dtype)
    return torch.cat([block.to(dtype) for block in blocks], dim=1)


def id_column(where: str, values: Any) -> pa.Array:
    """Returns the user's ids as a column.

    Raises:
        DataError: If they have different types, or are integers beyond 64 bits.
    """
    plain = values.tolist() if hasattr(values, "tolist") else list(values)
    try:
        try:
            return pa.array(plain)
        except OverflowError:  # The type is guessed as int64, but ids may need all 64 bits.
            return pa.array(plain, pa.uint64())
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(f"{where}: the ids have no common type ({error}); give texts.") from error


def tell_left(left: Iterable[tuple[Any, str]]) -> None:
    """Tells in one warning which attributes were not converted, and how to name them.

    Args:
        left: The type and the name of each; an empty type stands for the graph.
    """
    names = [f"{_label(key)}.{name}" if key else name for key, name in left]
    if not names:
        return
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    targets = any(name.endswith((".y", "_mask")) for name in names)
    _LOG.warning(
        "not converted: %s%s; name what you need by type in features=, text=, edge_features=, "
        "edge_weight= or edge_time=%s.",
        ", ".join(names[:_SHOWN]),
        more,
        ", and read y and masks by from_pyg_dataset" if targets else "",
    )


def _label(key: Any) -> str:
    return f"({key})" if isinstance(key, EdgeType) else str(key)


def _resolve(option: str, key: Any, types: Collection[Any]) -> Any:
    """Returns the node type or edge type that the caller means."""
    if key in types:
        return EdgeType(*key) if isinstance(key, tuple) else key
    edges = [edge_type for edge_type in types if isinstance(edge_type, EdgeType)]
    if isinstance(key, tuple) and len(key) == 3 and not edges:
        raise SchemaError(f"{option} is by node type, but names the edge type {key!r}.")
    matches = [edge_type for edge_type in edges if key in (edge_type.name, str(edge_type))]
    if len(matches) == 1:
        return matches[0]
    if matches:
        listed = "; ".join(map(str, matches))
        raise SchemaError(f"{option} names {key!r}, which is ambiguous; give the triple: {listed}.")
    known = [edge_type.name for edge_type in edges] or list(types)
    raise SchemaError(f"{option} names the unknown type {key!r}.{suggest(str(key), known)}")
