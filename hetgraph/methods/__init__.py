"""Methods: encoders joined with the head of a task, and what is more than an encoder."""

from __future__ import annotations

from hetgraph.methods.baselines import (
    Baseline,
    BaselineInputs,
    ScoreBaseline,
    Untrained,
    default_hypergraph,
    importance_edges,
)
from hetgraph.methods.encoder import Batch, Encoded, Encoder
from hetgraph.methods.encoder_method import EncoderMethod, MethodInputs
from hetgraph.methods.matrix import Offer, offers
from hetgraph.methods.method import Loss, Method, Stage
from hetgraph.methods.registered import OPTIMIZER_SPACE, Registered
from hetgraph.methods.relevance import (
    SELF,
    RelevanceRow,
    arriving_label,
    mixed_label,
    path_label,
)
from hetgraph.methods.whole_graph import (
    GraphInputs,
    JointEncoder,
    JointInputs,
    WholeGraphEncoder,
    graph_inputs,
    seed_rows,
)
from hetgraph.tasks import NodePredictions, PairPredictions, Predictions

__all__ = [
    "OPTIMIZER_SPACE",
    "SELF",
    "Baseline",
    "BaselineInputs",
    "Batch",
    "Encoded",
    "Encoder",
    "EncoderMethod",
    "GraphInputs",
    "JointEncoder",
    "JointInputs",
    "Loss",
    "Method",
    "MethodInputs",
    "NodePredictions",
    "Offer",
    "PairPredictions",
    "Predictions",
    "Registered",
    "RelevanceRow",
    "ScoreBaseline",
    "Stage",
    "Untrained",
    "WholeGraphEncoder",
    "arriving_label",
    "default_hypergraph",
    "graph_inputs",
    "importance_edges",
    "mixed_label",
    "offers",
    "path_label",
    "seed_rows",
]
