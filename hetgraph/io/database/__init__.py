"""SQLite, DuckDB and folders of Parquet files as data sets."""

from __future__ import annotations

from hetgraph.io.database.loading import database_proposal, from_database
from hetgraph.io.database.proposal import Proposal
from hetgraph.io.database.store import DatabaseStore

__all__ = ["DatabaseStore", "Proposal", "database_proposal", "from_database"]
