"""Conversion of graphs from and to tables, databases, PyG, networkx, triples and DGL."""

from __future__ import annotations

from hetgraph.io.database import database_proposal, from_database
from hetgraph.io.declare import EdgeTable, NodeTable, Tables
from hetgraph.io.dgl import from_dgl, to_dgl
from hetgraph.io.export import to_tables
from hetgraph.io.folder import load_tables
from hetgraph.io.given import as_dataset
from hetgraph.io.networkx import from_networkx, networkx_nodes
from hetgraph.io.networkx_out import to_networkx
from hetgraph.io.pyg import from_pyg, from_pyg_dataset, to_pyg
from hetgraph.io.save import save_tables
from hetgraph.io.tables import from_tables
from hetgraph.io.triples import from_triples, to_triples

__all__ = [
    "EdgeTable",
    "NodeTable",
    "Tables",
    "as_dataset",
    "database_proposal",
    "from_database",
    "from_dgl",
    "from_networkx",
    "from_pyg",
    "from_pyg_dataset",
    "from_tables",
    "from_triples",
    "load_tables",
    "networkx_nodes",
    "save_tables",
    "to_dgl",
    "to_networkx",
    "to_pyg",
    "to_tables",
    "to_triples",
]
