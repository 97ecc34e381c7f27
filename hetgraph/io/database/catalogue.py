"""What a database says about itself: tables, columns, primary and foreign keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from hetgraph.errors import DataError, suggest

__all__ = ["ForeignKey", "Kind", "TableInfo", "kind_of", "quoted", "table_named"]

Kind = Literal["integer", "number", "boolean", "time", "text", "other"]


@dataclass(frozen=True)
class ForeignKey:
    """Columns whose values are keys of a table.

    Args:
        columns: The columns that refer.
        table: The table that they refer to.
        refers: The columns that they refer to.
        reason: Why it is taken for a foreign key, if the database does not declare it.

    Example:
        >>> ForeignKey(("user_id",), "user", ("id",)).table
        'user'
    """

    columns: tuple[str, ...]
    table: str
    refers: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class TableInfo:
    """A table of a database.

    Args:
        name: Its name; tables outside the default schema are ``schema.table``.
        columns: Kind of value by column, in their order.
        key: Columns of the primary key; empty if there is none.
        foreign_keys: Foreign keys to tables of the same database.
        time: The time column, if the database declares it.
        is_view: Whether it is a view, whose rows are computed.

    Example:
        >>> TableInfo("user", {"id": "integer", "name": "text"}, key=("id",)).is_view
        False
    """

    name: str
    columns: Mapping[str, Kind]
    key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    time: str | None = None
    is_view: bool = False


def kind_of(dtype: pa.DataType) -> Kind:
    """Returns the kind of the values of an Arrow type.

    Example:
        >>> kind_of(pa.int16()), kind_of(pa.date32()), kind_of(pa.binary())
        ('integer', 'time', 'other')
    """
    if pa.types.is_dictionary(dtype):
        return kind_of(dtype.value_type)
    if pa.types.is_boolean(dtype):
        return "boolean"
    if pa.types.is_integer(dtype):
        return "integer"
    if pa.types.is_floating(dtype) or pa.types.is_decimal(dtype):
        return "number"
    if pa.types.is_timestamp(dtype) or pa.types.is_date(dtype):
        return "time"
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or "string_view" in str(dtype):
        return "text"
    return "other"


def quoted(name: str) -> str:
    """Returns a name as SQL writes it, whatever it contains.

    Example:
        >>> quoted('the "best" items')
        '"the ""best"" items"'
    """
    return '"' + name.replace('"', '""') + '"'


def table_named(name: str, tables: Mapping[str, TableInfo], where: str) -> TableInfo:
    """Returns a table by its name.

    Raises:
        DataError: If there is none, with a suggestion.
    """
    if name not in tables:
        raise DataError(f"{where} has no table {name!r}.{suggest(name, tables)}")
    return tables[name]
