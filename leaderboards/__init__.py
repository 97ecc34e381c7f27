"""Leaderboards: published numbers with their source, our records, and a verdict for each pair.

A benchmark is one YAML file in this folder (:mod:`~hetgraph.leaderboards.spec`). Runs append
records to ``results/*.jsonl`` (:mod:`~hetgraph.leaderboards.record`), which are never overwritten.
Tables are rendered from both (:mod:`~hetgraph.leaderboards.render`); the verdict is an equivalence
test with a margin declared in the YAML (:mod:`~hetgraph.leaderboards.verdict`).

Units: records hold fractions in [0, 1], seconds and bytes; the YAML and the tables use the
benchmark's ``unit``, usually percent.
"""

from __future__ import annotations

from hetgraph.leaderboards.spec import available, load_benchmark

__all__ = ["available", "load_benchmark"]
