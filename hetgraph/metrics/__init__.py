"""Metrics as pure functions of tensors; fractions in [0, 1]."""

from __future__ import annotations

from hetgraph.metrics.calibration import (
    Reliability,
    brier_score,
    class_probabilities,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
)
from hetgraph.metrics.classification import (
    accuracy,
    multi_label_f1,
    roc_auc,
    roc_auc_ovr,
    single_label_f1,
)
from hetgraph.metrics.full_ranking import held_out_ranks, ranking_metrics
from hetgraph.metrics.importance import top_ndcg, top_overlap
from hetgraph.metrics.link_ranking import TIES, Ties, candidate_ranks, link_ranking_metrics
from hetgraph.metrics.ranking import grouped_mrr, mrr, ndcg
from hetgraph.metrics.regression import (
    average_ranks,
    mean_absolute_error,
    median_absolute_error,
    r2_score,
    root_mean_squared_error,
    spearman,
)

__all__ = [
    "TIES",
    "Reliability",
    "Ties",
    "accuracy",
    "average_ranks",
    "brier_score",
    "candidate_ranks",
    "class_probabilities",
    "expected_calibration_error",
    "fit_temperature",
    "grouped_mrr",
    "held_out_ranks",
    "link_ranking_metrics",
    "mean_absolute_error",
    "median_absolute_error",
    "mrr",
    "multi_label_f1",
    "ndcg",
    "negative_log_likelihood",
    "r2_score",
    "ranking_metrics",
    "reliability",
    "roc_auc",
    "roc_auc_ovr",
    "root_mean_squared_error",
    "single_label_f1",
    "spearman",
    "top_ndcg",
    "top_overlap",
]
