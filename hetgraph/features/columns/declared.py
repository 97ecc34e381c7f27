"""Declarations of columns: names, names with options, or a mapping of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from hetgraph.errors import ConfigError, suggest
from hetgraph.features.columns.base import ColumnKind, Place, Read
from hetgraph.features.encoder import encoder_packages
from hetgraph.optional import Package
from hetgraph.registry import columns as kinds
from hetgraph.yamlfile import checked

__all__ = ["Column", "as_columns", "column_packages", "fit_column"]


class Column:
    """A column as a feature.

    Args:
        name: Name of the column.
        encode: The encoder: ``"number"``, ``"onehot"``, ``"hash"``, ``"embedding"``, ``"codes"``,
            ``"date"``, ``"text"``, ``"list"`` or ``"bag"``; ``None`` or ``"auto"``: what suits the
            type of the column.
        options: Of the encoder, such as ``fill="mean"``.

    Example:
        >>> Column("price", fill="mean", scale="robust")
        Column('price', 'auto', fill='mean', scale='robust')
        >>> Column("city", "onehot").encode
        'onehot'
    """

    name: str
    encode: str
    options: Mapping[str, Any]

    def __init__(self, name: str, encode: str | None = None, **options: Any) -> None:
        self.name = name
        self.encode = encode or "auto"
        self.options = options

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"Column({self.name!r}, {self.encode!r}{options})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Column) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


def as_columns(declared: Any, where: str) -> tuple[Column, ...]:
    """Returns declared features as columns.

    Args:
        declared: A name, a list of names and :class:`Column`, or a mapping from names to an
            encoder's name, options with ``encode`` among them, or ``None``.
        where: Name of the table, for messages.

    Raises:
        ConfigError: If a column is given twice, or the declaration is none of these.

    Example:
        >>> as_columns({"year": {"fill": "mean"}, "city": "onehot"}, "table 'user'")
        (Column('year', 'auto', fill='mean'), Column('city', 'onehot'))
    """
    if isinstance(declared, (str, Column)):
        declared = [declared]
    if isinstance(declared, Mapping):
        columns = tuple(_column(name, how, where) for name, how in declared.items())
    elif isinstance(declared, Sequence):
        columns = tuple(c if isinstance(c, Column) else _column(c, None, where) for c in declared)
    else:
        raise ConfigError(
            f"{where}: features is {declared!r}, expected a list of columns or a mapping from "
            "columns to encoders."
        )
    names = [column.name for column in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{where}: column {twice!r} is declared twice as a feature.")
    return columns


def _column(name: Any, how: Any, where: str) -> Column:
    if not isinstance(name, str):
        raise ConfigError(f"{where}: the feature {name!r} is no name of a column.")
    if how is None or isinstance(how, str):
        return Column(name, how)
    if isinstance(how, Column):
        return Column(name, how.encode, **how.options)
    if not isinstance(how, Mapping):
        raise ConfigError(
            f"{where}, column {name!r}: {how!r} is no encoder; expected its name, such as onehot, "
            "or options, such as {fill: median}."
        )
    options = {str(key): value for key, value in how.items()}
    encode = options.pop("encode", None)
    if not (encode is None or isinstance(encode, str)):
        raise ConfigError(f"{where}, column {name!r}: encode is {encode!r}, expected a name.")
    return Column(name, encode, **options)


def column_packages(declared: Any, where: str) -> Iterator[Package]:
    """Yields the optional packages that the encoders of declared features need.

    Args:
        declared: As for :func:`as_columns`.
        where: Name of the table, for messages.
    """
    for column in as_columns(declared, where):
        if isinstance(encoder := column.options.get("encoder"), str):
            yield from encoder_packages(encoder)


def fit_column(column: Column, read: Read, place: Place) -> tuple[ColumnKind, pa.Array]:
    """Returns the fitted encoder of a column, and the column as the encoder reads it.

    Args:
        column: The declaration.
        read: Returns a column by name.
        place: Where it lies.

    Raises:
        ConfigError: If the encoder or an option is unknown.
        DataError: If a value cannot be encoded.
    """
    kind = _declared_kind(column, place)
    if kind is None:
        kind = _suited_kind(column, read(column.name, False), place)
    values = read(column.name, kind.as_written)
    where = f"{place.where} ({kind.kind})"
    options = checked(dict(column.options), kind.Options, where, ConfigError)
    return kind.fit(values, options, place), values


def _declared_kind(column: Column, place: Place) -> type[ColumnKind] | None:
    if column.encode == "auto":
        return None
    if column.encode not in kinds:
        raise ConfigError(
            f"{place.where}: unknown encoder {column.encode!r}."
            f"{suggest(column.encode, ('auto', *kinds.names()))}"
        )
    kind: type[ColumnKind] = kinds.get(column.encode)
    return kind


def _suited_kind(column: Column, values: pa.Array, place: Place) -> type[ColumnKind]:
    """Returns the kind that claims the column; of several, one that has the options."""
    claims: list[tuple[bool, int, type[ColumnKind]]] = []
    for name in kinds.names():
        kind: type[ColumnKind] = kinds.get(name)
        if strength := kind.claim(values):
            options = kind.Options.__struct_fields__
            claims.append((set(column.options) <= set(options), strength, kind))
    if not claims:
        raise ConfigError(
            f"{place.where} holds {values.type}, which no encoder reads; convert it, or leave the "
            "column out of the features."
        )
    return max(claims, key=lambda claim: claim[:2])[2]
