"""Meta-paths: parsed, composed within a memory budget, or applied without being composed."""

from __future__ import annotations

from hetgraph.metapaths.compose import compose, compose_many
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.operator import MetaPathOperator, metapath_operator
from hetgraph.metapaths.registry import register_metapath, resolve_metapaths

__all__ = [
    "MetaPath",
    "MetaPathOperator",
    "compose",
    "compose_many",
    "metapath_operator",
    "register_metapath",
    "resolve_metapaths",
]
