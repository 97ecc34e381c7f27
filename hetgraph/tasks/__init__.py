"""What is asked of a model: target, split, loss, metrics and protocol."""

from __future__ import annotations

from hetgraph.tasks.audit import AuditReport, audit
from hetgraph.tasks.base import SplitName, Task, TaskSpec
from hetgraph.tasks.factory import make_task
from hetgraph.tasks.few_shot import FewShot
from hetgraph.tasks.link_prediction import LinkPrediction
from hetgraph.tasks.node_classification import NodeClassification
from hetgraph.tasks.node_importance import NodeImportance
from hetgraph.tasks.recommendation import Recommendation
from hetgraph.tasks.self_supervised import SelfSupervised

__all__ = [
    "AuditReport",
    "FewShot",
    "LinkPrediction",
    "NodeClassification",
    "NodeImportance",
    "Recommendation",
    "SelfSupervised",
    "SplitName",
    "Task",
    "TaskSpec",
    "audit",
    "make_task",
]
