"""What is asked of a method: target, split, loss, metrics and protocol."""

from __future__ import annotations

from hetgraph.tasks.audit import AuditReport
from hetgraph.tasks.base import SPLITS, SplitName, Task, TaskOptions, TrainedNodes
from hetgraph.tasks.calibration import Calibration
from hetgraph.tasks.edge_classification import EdgeClassification
from hetgraph.tasks.edge_regression import EdgeRegression
from hetgraph.tasks.factory import audit, families, make_task, task_class
from hetgraph.tasks.few_shot import FewShot
from hetgraph.tasks.heads import EncoderFacts, Head, NodeHead, NodeSamples, Samples
from hetgraph.tasks.link_prediction import LinkPrediction
from hetgraph.tasks.node_classification import NodeClassification
from hetgraph.tasks.node_importance import NodeImportance
from hetgraph.tasks.node_regression import NodeRegression
from hetgraph.tasks.origin import KnownLabels, Origin
from hetgraph.tasks.outputs import Outputs
from hetgraph.tasks.pair_heads import EdgeHead, PairHead, PairSamples, RankingHead
from hetgraph.tasks.predictions import NodePredictions, PairPredictions, Predictions
from hetgraph.tasks.question import Question
from hetgraph.tasks.recommendation import Recommendation
from hetgraph.tasks.self_supervised import SelfSupervised
from hetgraph.tasks.spec import TaskSpec

__all__ = [
    "SPLITS",
    "AuditReport",
    "Calibration",
    "EdgeClassification",
    "EdgeHead",
    "EdgeRegression",
    "EncoderFacts",
    "FewShot",
    "Head",
    "KnownLabels",
    "LinkPrediction",
    "NodeClassification",
    "NodeHead",
    "NodeImportance",
    "NodePredictions",
    "NodeRegression",
    "NodeSamples",
    "Origin",
    "Outputs",
    "PairHead",
    "PairPredictions",
    "PairSamples",
    "Predictions",
    "Question",
    "RankingHead",
    "Recommendation",
    "Samples",
    "SelfSupervised",
    "SplitName",
    "Task",
    "TaskOptions",
    "TaskSpec",
    "TrainedNodes",
    "audit",
    "families",
    "make_task",
    "task_class",
]
