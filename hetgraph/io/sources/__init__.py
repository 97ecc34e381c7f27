"""Columns by name from any table: files, DataFrames, Arrow tables and mappings."""

from __future__ import annotations

from hetgraph.io.sources.base import Source, plain
from hetgraph.io.sources.choose import as_source
from hetgraph.io.sources.paths import table_name, table_paths
from hetgraph.io.sources.text import read_csv

__all__ = ["Source", "as_source", "plain", "read_csv", "table_name", "table_paths"]
