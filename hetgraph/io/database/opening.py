"""Opening a database by its address or path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.io.database import engine_duckdb, engine_sqlite
from hetgraph.io.database.engine import Engine
from hetgraph.io.database.engine_duckdb import DuckDBEngine
from hetgraph.io.database.engine_parquet import ParquetEngine
from hetgraph.io.database.engine_sqlite import SQLiteEngine

__all__ = ["open_engine"]

_ENGINES: dict[str, type[Engine]] = {
    "sqlite": SQLiteEngine,
    "duckdb": DuckDBEngine,
    "parquet": ParquetEngine,
}
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+]+):(?:///?)?(.*)", re.DOTALL)
"""``sqlite:///shop.db`` is a relative path, ``sqlite:////data/shop.db`` an absolute one."""


def open_engine(source: str | os.PathLike[str]) -> Engine:
    """Opens a database for reading.

    Args:
        source: ``sqlite:///shop.db``, ``duckdb:///shop.duckdb``, ``parquet:///folder``, or a path:
            a SQLite or DuckDB file, whatever its ending, or a folder of Parquet files.

    Raises:
        ConfigError: If it is another kind of database.
        FileFormatError: If there is no such file, or it is something else.
    """
    text = os.fspath(source)
    matched = _ADDRESS.fullmatch(text)
    if matched and len(matched[1]) > 1 and not Path(text).exists():
        kind, path = matched[1].lower(), Path(matched[2]).expanduser()
        if kind not in _ENGINES:
            raise ConfigError(
                f"{text}: databases of the kind {kind!r} are not read; expected one of "
                f"{', '.join(_ENGINES)}. Export its tables as Parquet files into a folder."
            )
        _check_exists(path, kind)
        return _ENGINES[kind](path)
    path = Path(text).expanduser()
    _check_exists(path, "")
    return _ENGINES[_kind_of_file(path)](path)


def _check_exists(path: Path, kind: str) -> None:
    if not path.exists():
        raise FileFormatError(f"{path} does not exist; check the path of the database.")
    if kind in ("sqlite", "duckdb") and path.is_dir():
        raise FileFormatError(f"{path} is a folder; expected a {kind} file.")
    if kind == "parquet" and not path.is_dir():
        raise FileFormatError(f"{path} is a file; expected a folder of Parquet files.")


def _kind_of_file(path: Path) -> str:
    if path.is_dir():
        return "parquet"
    with path.open("rb") as file:
        header = file.read(16)
    if header.startswith(engine_sqlite.MAGIC):
        return "sqlite"
    if header[8:12] == engine_duckdb.MAGIC:
        return "duckdb"
    raise FileFormatError(
        f"{path} is neither a SQLite nor a DuckDB file, nor a folder of Parquet files."
    )
