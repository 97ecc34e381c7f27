"""Recommendation: rank all items for each user, from several kinds of behaviour."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, DataError
from hetgraph.metrics import held_out_ranks, ranking_metrics
from hetgraph.nn.losses import LossFunction
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict
from hetgraph.tasks.audit import AuditReport
from hetgraph.tasks.base import SPLITS, SplitName, Task, TaskOptions
from hetgraph.tasks.heads import Head
from hetgraph.tasks.link_audit import audit_pairs
from hetgraph.tasks.pair_heads import RankingHead
from hetgraph.tasks.pairs import check_relations, pair_rows, with_pairs, without_pairs
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.spec import TaskSpec

__all__ = ["Recommendation", "RecommendationOptions"]


@dataclass(frozen=True)
class RecommendationOptions(TaskOptions):
    """Protocol of a recommendation.

    Args:
        depths: Lengths of the list at which recall, NDCG and hits are taken.
        valid: What is held out of the training purchases for validation, of users who have
            another one: their ``"last"`` by time (the one stored last without times), or one at
            ``"random"``. With ``"none"`` everything is trained on, and the validation split
            is the training split: only for programs that choose by the test split.

    Raises:
        ConfigError: If a value is out of its range.
    """

    depths: tuple[int, ...] = (20,)
    valid: Literal["last", "random", "none"] = "last"

    def __post_init__(self) -> None:
        if not self.depths or min(self.depths) < 1:
            raise ConfigError(f"task.depths is {list(self.depths)}, expected lengths of 1 or more.")
        if self.valid not in ("last", "random", "none"):
            raise ConfigError(f"task.valid is {self.valid!r}, expected 'last', 'random' or 'none'.")


class Recommendation(Task):
    """Rank the items that a user will buy, among all that the user has not bought yet.

    The score of a pair is the inner product of both vectors. Every split holds pairs to be ranked:
    ``test`` those of the data set, ``valid`` one purchase of each user taken out of all behaviours
    (held-out purchases of the test split are in none either), ``train`` the last purchase that is
    left. Purchases that a method may know are left out of the ranking, other behaviours are not.

    Args:
        dataset: Graph, and the held-out purchases as its first link split.
        seeds: ``seeds.split`` draws the validation purchases, if they are random.
        options: The protocol.

    Raises:
        DataError: If there is no link split, or no user has two purchases.
    """

    name: ClassVar[str] = "recommendation"
    reads: ClassVar[str] = "links"
    Options: ClassVar[type[Any]] = RecommendationOptions
    Head: ClassVar[type[Head[Any, Any]]] = RankingHead

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: RecommendationOptions | None = None
    ) -> None:
        if not dataset.links:
            raise DataError(f"{dataset.name} has no held-out links, so nothing can be ranked.")
        self._split_name, links = next(iter(dataset.links.items()))
        self.options = options or RecommendationOptions()
        key = links.edge_type
        check_relations(dataset, (key,))
        whole = dataset.graph.relations[key]
        users, items = whole.num_src, whole.num_dst
        self._whole, self._drawn = dataset.graph, links.valid is None
        graph, valid = dataset.graph, links.valid
        if self.options.valid == "none":
            valid = _last(graph, key)
        elif valid is None:
            valid = self._hold_out(graph, key, seeds)
            graph = without_pairs(graph, key, valid)
        spec = TaskSpec(self.name, key.src, 1, num_nodes=dict(graph.num_nodes), edge_types=(key,))
        super().__init__(graph, spec, dataset.name)
        src, dst = graph.relations[key].edges()
        self.pairs = torch.stack([src, dst])
        self._shape = (users, items)
        bought = CSR.from_coo(src, dst, self._shape)
        last = _last(graph, key)
        held = {"train": last, "valid": valid, "test": links.test}
        self._held = {
            split: CSR.from_coo(pairs[0], pairs[1], self._shape) for split, pairs in held.items()
        }
        both = torch.cat([self.pairs, valid], dim=1)
        self._seen = {
            "train": bought,
            "valid": bought,
            "test": CSR.from_coo(both[0], both[1], self._shape),
        }

    @property
    def score_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Metrics at every depth, and ``"mrr"``; ``"loss"`` is one minus the first recall."""
        names = [f"{name}@{k}" for k in self.options.depths for name in ("recall", "ndcg", "hits")]
        return ("loss", *names, "mrr")

    @property
    def labels(self) -> Tensor:
        """``[2, num_pairs]`` purchases that a model may learn from, users in the first row."""
        return self.pairs

    @property
    def protocol(self) -> dict[str, Any]:
        """Split, numbers of pairs and the options."""
        sizes = {split: held.nnz for split, held in self._held.items()}
        sizes["train"] = self.pairs.shape[1]
        return {**config_to_dict(self.options), "split": self._split_name, "sizes": sizes}

    def index(self, split: SplitName) -> Tensor:
        """Returns the int64 ids of the users with a pair to rank, ascending."""
        self._check_split(split)
        return (self._held[split].degree > 0).nonzero().squeeze(1)

    def criterion(self, name: str = "auto") -> LossFunction:
        """Returns the mean of ``-log sigmoid`` of score differences (BPR); targets are unused."""
        return lambda logits, target: -F.logsigmoid(logits).mean()

    def _refuses_functions(self, loss: bool, metrics: bool) -> str:
        return "loss or metric of your own: it ranks all items, so there are no targets."

    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Returns ``recall@K ndcg@K hits@K mrr`` of vectors, and a ``loss`` for the monitor.

        Args:
            predictions: Vectors of users and items and a decoder.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If they are not of pairs, or a vector is not finite.
        """
        self._check_split(split)
        users, items = self._vectors(predictions)
        chosen = self.index(split)
        held, seen = self._held[split].rows(chosen), self._seen[split].rows(chosen)
        ranks = held_out_ranks(users[chosen], items, held, seen)
        metrics = ranking_metrics(ranks, held, self.options.depths)
        return {"loss": 1 - metrics[f"recall@{self.options.depths[0]}"], **metrics}

    def to_tensor(self, predictions: Predictions, split: SplitName) -> Tensor:
        """Returns ``[num_users + num_items, dim]`` vectors, users first, whatever the split."""
        return torch.cat(self._vectors(predictions))

    def _vectors(self, predictions: Predictions) -> tuple[Tensor, Tensor]:
        """Vectors of users and of items, whose inner products are the scores."""
        rows, key = pair_rows(predictions, self.spec), self.spec.edge_types[0]
        with torch.no_grad():
            return rows.queries(), rows.vectors[key.dst]

    def audit(self) -> AuditReport:
        """Checks that no held-out pair is an edge of any relation between the two types."""
        checks = audit_pairs(self.graph, self.spec.edge_types[0], self.held_out())
        return AuditReport(checks)

    def refit_view(self) -> Self:
        """Returns a view that learns from validation purchases, too."""
        view, key = copy.copy(self), self.spec.edge_types[0]
        if self.options.valid == "none":
            return view
        valid = self._held["valid"]
        pairs = torch.stack([valid.row_ids, valid.indices.long()])
        # Purchases that were drawn left the other behaviours, too.
        view.graph = self._whole if self._drawn else with_pairs(self.graph, key, pairs)
        view.pairs = torch.stack(view.graph.relations[key].edges())
        nothing = CSR.from_coo(pairs[0, :0], pairs[1, :0], self._shape)
        view._held = {**self._held, "valid": nothing}
        return view

    def best_over_epochs(self, history: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Returns the metrics of the epoch with the best recall.

        Source: the official implementation of DiffGraph.
        """
        first = f"recall@{self.options.depths[0]}"
        best = max(history, key=lambda metrics: metrics[first])
        return {name: value for name, value in best.items() if name != "loss"}

    def _hold_out(self, graph: HeteroGraph, key: EdgeType, seeds: Seeds) -> Tensor:
        """``[2, num_users]`` a purchase of each user who has another one."""
        if self.options.valid == "last":
            chosen = _last(graph, key)
        else:
            generator = seeds.generator("split", "validation purchases")
            chosen = _last(graph, key, generator)
        src, dst = graph.relations[key].edges()
        num_items = graph.num_nodes[key.dst]
        distinct = torch.unique(src * num_items + dst) // num_items
        several = torch.bincount(distinct, minlength=graph.num_nodes[key.src]) > 1
        held = chosen[:, several[chosen[0]]]
        if not held.numel():
            raise DataError(f"no {key.src} has two edges of ({key}), so none can be held out.")
        return held

    def held_out(self) -> Tensor:
        """``[2, num_pairs]`` validation and, in a view that has them, test pairs: for the audit."""
        hidden = ("test",) if self.options.valid == "none" else SPLITS[1:]
        splits = [split for split in hidden if split != "test" or self._test_open]
        held = [self._held[split] for split in splits]
        return torch.cat([torch.stack([h.row_ids, h.indices.long()]) for h in held], dim=1)


def _last(graph: HeteroGraph, key: EdgeType, generator: torch.Generator | None = None) -> Tensor:
    """Returns the latest edge of each source, ``[2, num_sources]``; random ones by a generator."""
    relation = graph.relations[key]
    src, dst = relation.edges()
    time = relation.edge_time
    if generator is not None:
        order = torch.randperm(src.numel(), generator=generator)
    elif time is not None:
        order = time.argsort(stable=True)
    else:
        order = torch.arange(src.numel())
    latest = torch.full((relation.num_src,), -1, dtype=torch.int64)
    place = torch.arange(src.numel())
    latest = latest.scatter_reduce(0, src[order], place, "amax")  # the last place in the order
    chosen = order[latest[latest >= 0]]
    return torch.stack([src[chosen], dst[chosen]])
