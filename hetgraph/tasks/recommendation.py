"""Recommendation: rank all items for each user, from several kinds of behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, DataError
from hetgraph.metrics import held_out_ranks, ranking_metrics
from hetgraph.seeds import Seeds
from hetgraph.tasks.base import SPLITS, SplitName, Task, TaskSpec
from hetgraph.tasks.pairs import without_pairs

__all__ = ["Recommendation", "RecommendationOptions"]


@dataclass(frozen=True)
class RecommendationOptions:
    """Protocol of a recommendation.

    Args:
        depths: Lengths of the list at which recall, NDCG and hits are taken.
        valid: What is held out of the training purchases for validation, of users who have
            another one: their ``"last"`` by time (the one stored last without times), or one at
            ``"random"``. With ``"none"`` everything is trained on, and the validation part is
            the training part: only for programs that choose by the test part.

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

    A model predicts ``[num_users + num_items, dim]`` vectors, users first; the score of a pair is
    their inner product. Every part holds pairs to be ranked: ``test`` those of the data set,
    ``valid`` one purchase of each user taken out of all behaviours (held-out purchases of the
    test part are in none either), ``train`` the last purchase that is left. Purchases that a
    model may know are left out of the ranking, other behaviours are not.

    Args:
        dataset: Graph, and the held-out purchases as its first link split.
        seeds: ``seeds.split`` draws the validation purchases, if they are random.
        options: The protocol.

    Raises:
        DataError: If there is no link split, or no user has two purchases.
    """

    Options: ClassVar[type[Any]] = RecommendationOptions

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: RecommendationOptions | None = None
    ) -> None:
        if not dataset.links:
            raise DataError(f"{dataset.name} has no held-out links, so nothing can be ranked.")
        self._split_name, links = next(iter(dataset.links.items()))
        self.options = options or RecommendationOptions()
        key = links.edge_type
        whole = dataset.graph.relations[key]
        users, items = whole.num_src, whole.num_dst
        graph, valid = dataset.graph, links.valid
        if self.options.valid == "none":
            valid = _last(graph, key)
        elif valid is None:
            valid = self._hold_out(graph, key, seeds)
            graph = without_pairs(graph, key, valid)
        spec = TaskSpec(
            "recommendation", key.src, 1, num_nodes=dict(graph.num_nodes), edge_type=key
        )
        super().__init__(graph, spec, dataset.name)
        src, dst = graph.relations[key].edges()
        self.pairs = torch.stack([src, dst])
        self._shape = (users, items)
        bought = CSR.from_coo(src, dst, self._shape)
        last = _last(graph, key)
        held = {"train": last, "valid": valid, "test": links.test}
        self._held = {
            split: CSR.from_coo(one[0], one[1], self._shape) for split, one in held.items()
        }
        both = torch.cat([self.pairs, valid], dim=1)
        self._seen = {
            "train": bought,
            "valid": bought,
            "test": CSR.from_coo(both[0], both[1], self._shape),
        }

    @property
    def monitors(self) -> tuple[str, ...]:  # type: ignore[override]
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
        return {**asdict(self.options), "split": self._split_name, "sizes": sizes}

    def index(self, split: SplitName) -> Tensor:
        """Returns the int64 ids of the users with a pair to rank, ascending."""
        self._check_split(split)
        return (self._held[split].degree > 0).nonzero().squeeze(1)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Returns the mean of ``-log sigmoid`` of score differences (BPR); ``target`` is unused."""
        return -F.logsigmoid(logits).mean()

    def score(self, logits: Tensor, split: SplitName) -> dict[str, float]:
        """Returns ``recall@K ndcg@K hits@K mrr`` of vectors, and a ``loss`` for the monitor.

        Args:
            logits: ``[num_users + num_items, dim]`` vectors, users first.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If the number of rows does not fit, or a vector is not finite.
        """
        self._check_split(split)
        users, items = self._shape
        if logits.dim() != 2 or logits.shape[0] != users + items:
            raise DataError(
                f"predictions have shape {list(logits.shape)}, expected [{users + items}, dim]: "
                f"a vector for each of {users} users and {items} items."
            )
        vectors = logits.detach().cpu().float()
        chosen = self.index(split)
        held, seen = self._held[split].rows(chosen), self._seen[split].rows(chosen)
        ranks = held_out_ranks(vectors[chosen], vectors[users:], held, seen)
        metrics = ranking_metrics(ranks, held, self.options.depths)
        return {"loss": 1 - metrics[f"recall@{self.options.depths[0]}"], **metrics}

    def best_over_epochs(self, history: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Returns the metrics of the epoch with the best recall, as DiffGraph's authors do."""
        first = f"recall@{self.options.depths[0]}"
        best = max(history, key=lambda one: one[first])
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
        parts = [split for split in hidden if split != "test" or self._test_open]
        held = [self._held[split] for split in parts]
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
    found = order[latest[latest >= 0]]
    return torch.stack([src[found], dst[found]])
