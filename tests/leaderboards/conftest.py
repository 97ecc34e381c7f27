from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hetgraph.leaderboards.record import RunRecord


@pytest.fixture
def make_result() -> Callable[..., dict[str, Any]]:
    """Builds the dict that a run writes as result.json."""

    def build(**changes: Any) -> dict[str, Any]:
        result: dict[str, Any] = {
            "model": "rphgnn",
            "dataset": "hgb/DBLP",
            "config": {"model": {"hidden": 64}, "train": {"lr": 0.003}, "seeds": {"init": 0}},
            "seed": 0,
            "data_sha256": "ab" * 32,
            "environment": {"torch": "2.13.0", "cpu": "two cores"},
            "metrics": {
                "train": {"loss": 0.1},
                "valid": {"loss": 0.2, "micro_f1": 0.95},
                "test": {"micro_f1": 0.955, "macro_f1": 0.952, "loss": 0.3},
            },
            "seconds": {"load": 0.5, "prepare": 12.0, "fit": 40.0, "evaluate": 0.5},
            "peak_memory_bytes": 3 * 2**30,
            "parameters": 5727777,
            "epochs": 120,
        }
        return {**result, **changes}

    return build


@pytest.fixture
def make_record(make_result: Callable[..., dict[str, Any]]) -> Callable[..., RunRecord]:
    """Builds a record; keywords beyond the result's keys are overrides, version, recorded, code."""

    def build(
        *,
        micro: float = 0.955,
        macro: float = 0.952,
        version: str = "0.1.0",
        overrides: dict[str, Any] | None = None,
        benchmark: str = "tiny",
        recorded: str = "",
        code: str = "",
        **changes: Any,
    ) -> RunRecord:
        changes.setdefault("metrics", {"test": {"micro_f1": micro, "macro_f1": macro}})
        record = RunRecord.from_result(
            make_result(**changes),
            benchmark=benchmark,
            version=version,
            overrides=overrides,
            code={"total": code} if code else None,
        )
        if not recorded:
            return record
        return RunRecord.from_dict({**record.to_dict(), "recorded": recorded})

    return build


TINY = """
name: tiny
title: A tiny <benchmark>
summary: For the tests.
unit: percent
protocol: [Test labels stay masked.]
metrics:
  macro_f1: {label: Macro-F1}
  micro_f1: {label: Micro-F1}
rank_by: micro_f1
variants:
  full: {label: full test}
  half: {label: half test, suffix: _half}
settings:
  task: {test: half}
verdict: {alpha: 0.05, min_runs: 5, assumed_runs: 5, margin_reason: declared}
datasets:
  hgb/DBLP: {label: DBLP, margins: {macro_f1: 1.0, micro_f1: 1.0}}
  hgb/IMDB:
    label: IMDB
    margins: {macro_f1: 1.5, micro_f1: 1.5}
  hgb/Freebase:
    label: Freebase
    metrics: [micro_f1]
    margins: {micro_f1: 1.5}
    runnable: false
    note: Not at hand.
sources:
  paper: {title: A paper, url: "https://example.org/paper"}
  figure: {title: A figure, url: "https://example.org/figure", note: Read by eye.}
published:
  - model: RpHGNN
    ours: rphgnn
    source: paper
    labels: free
    notes: The main row.
    results:
      hgb/DBLP: {macro_f1: 95.23 ± 0.31, micro_f1: 95.55 ± 0.29}
      hgb/IMDB: {macro_f1: unknown, micro_f1: 69.77 +- 0.66, sources: {micro_f1: figure}}
  - model: Other | one
    source: figure
    labels: used
    test: full
    runs: 10
    parameters: 1234
    results:
      hgb/DBLP: {macro_f1: 94.0 ± 0.2, micro_f1: 96.1 ± 0.2}
      hgb/Freebase: oom
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A valid benchmark file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path
