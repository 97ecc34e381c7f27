"""Metrics as pure functions of tensors; fractions in [0, 1]."""

from __future__ import annotations

from hetgraph.metrics.classification import (
    accuracy,
    multi_label_f1,
    roc_auc,
    roc_auc_ovr,
    single_label_f1,
)
from hetgraph.metrics.full_ranking import held_out_ranks, ranking_metrics
from hetgraph.metrics.ranking import grouped_mrr, mrr, ndcg

__all__ = [
    "accuracy",
    "grouped_mrr",
    "held_out_ranks",
    "mrr",
    "multi_label_f1",
    "ndcg",
    "ranking_metrics",
    "roc_auc",
    "roc_auc_ovr",
    "single_label_f1",
]
