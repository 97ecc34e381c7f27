"""Encoders of the columns of tables: numbers, categories, dates, texts, lists and bags.

One module per kind; the registry finds them. What is fitted is plain values, so that new rows are
encoded exactly as those that the encoder was fitted on.
"""

from __future__ import annotations

from hetgraph.features.columns.base import Block, ColumnKind, Place
from hetgraph.features.columns.declared import Column, as_columns
from hetgraph.features.columns.table import TableEncoder

__all__ = ["Block", "Column", "ColumnKind", "Place", "TableEncoder", "as_columns"]
