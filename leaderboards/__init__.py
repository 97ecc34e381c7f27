"""Leaderboards: published numbers with their source, our records, and a verdict between the two.

A benchmark is one YAML file in this folder (:mod:`~hetgraph.leaderboards.spec`). Runs append
records to ``results/*.jsonl`` (:mod:`~hetgraph.leaderboards.record`), which are never overwritten.
Tables are rendered from both (:mod:`~hetgraph.leaderboards.render`); the verdict is an equivalence
test with a margin declared in the YAML (:mod:`~hetgraph.leaderboards.verdict`).

Units: records hold fractions in [0, 1] and seconds and bytes; the YAML and the tables hold the
benchmark's ``unit``, percent as a rule.
"""

from __future__ import annotations

from hetgraph.leaderboards.spec import available, load_benchmark

__all__ = ["available", "load_benchmark"]
