"""Link prediction: tell held-out links from negative pairs, or rank them among all candidates."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.catalog import Dataset, Links
from hetgraph.errors import ConfigError, DataError
from hetgraph.metrics import grouped_mrr, roc_auc
from hetgraph.nn.losses import LossFunction
from hetgraph.seeds import Seeds, keyed_seed
from hetgraph.settings import config_to_dict
from hetgraph.tasks.audit import AuditReport
from hetgraph.tasks.base import SplitName, Task
from hetgraph.tasks.heads import Head
from hetgraph.tasks.link_audit import LinkAudit, check_no_overlap
from hetgraph.tasks.link_head import LinkHead
from hetgraph.tasks.link_negatives import LinkNegatives
from hetgraph.tasks.link_options import LinkPredictionOptions
from hetgraph.tasks.link_ranks import TrueLinks, rank_links
from hetgraph.tasks.link_splits import (
    draw_validation,
    edges_of,
    find_split,
    kinds_of,
    without_telling,
)
from hetgraph.tasks.pairs import check_relations, is_finite, pair_rows, with_pairs
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.spec import TaskSpec

__all__ = ["LinkPrediction"]


class LinkPrediction(Task):
    """Score pairs of nodes, held-out links higher than other pairs.

    With ``protocol: sampled`` every split holds links and as many negatives (none for a source
    that has no candidate), in a random order. Those of the test split depend on the data alone;
    ``seeds.split`` draws the others. With ``protocol: filtered`` a split holds its links. The links
    to learn from are edges of the graph, the held-out ones are in it in no direction.

    Args:
        dataset: Graph and link splits.
        seeds: Sources of chance.
        options: The protocol.

    Raises:
        ConfigError: If the data set lacks the split or negatives that are asked for.
        DataError: If there are no held-out links, nothing can be held out, or no source has a
            candidate.
    """

    name: ClassVar[str] = "link-prediction"
    reads: ClassVar[str] = "links"
    Options: ClassVar[type[Any]] = LinkPredictionOptions
    Head: ClassVar[type[Head[Any, Any]]] = LinkHead

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: LinkPredictionOptions | None = None
    ) -> None:
        self.options = options or LinkPredictionOptions()
        self._split_name, links = find_split(dataset, self.options.split)
        self._check_protocol(dataset.name, links)
        keys, graph = links.edge_types, dataset.graph
        check_relations(dataset, keys)
        valid, valid_kinds = links.valid, links.valid_type
        if valid is None:
            valid, valid_kinds = draw_validation(graph, keys, self.options.valid_fraction, seeds)
        self._held = {"valid": valid, "test": links.test}
        self._kinds = {
            "valid": kinds_of(valid, valid_kinds),
            "test": kinds_of(links.test, links.test_type),
        }
        draw = None
        if self.options.protocol == "sampled":
            held = torch.cat([valid, links.test], dim=1)
            draw = LinkNegatives(graph, keys[0], held, two_hop=self.options.negatives == "two_hop")
        for position, key in enumerate(keys):
            if links.valid is None:
                graph = graph.without_edges(key, *valid[:, self._kinds["valid"] == position])
            graph = without_telling(graph, key, self._held_of(position), self.options)
        spec = TaskSpec(
            self.name,
            keys[0].src,
            1,
            num_nodes=dict(graph.num_nodes),
            edge_types=keys,
            decoder=self.options.decoder,
            reciprocal=self.options.reciprocal,
        )
        super().__init__(graph, spec, dataset.name)
        self._whole, self._drawn = dataset.graph, links.valid is None
        self._train, self.link_kinds = edges_of(graph, keys)
        self._kinds["train"] = self.link_kinds
        self._pairs: dict[str, Tensor] = {}
        self._target: dict[str, Tensor] = {}
        if draw is None:
            self._list_links(seeds)
        else:
            self._make_pairs(draw, links, seeds)

    def _check_protocol(self, name: str, links: Links) -> None:
        if len(links.edge_types) > 1 and self.options.protocol == "sampled":
            raise ConfigError(
                f"the link split {self._split_name!r} of {name} has {len(links.edge_types)} "
                "relations, but task.protocol sampled is for one; set task.protocol=filtered."
            )

    @property
    def score_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """``loss roc_auc mrr``, or ``loss mrr mean_rank hits@K`` of the filtered protocol."""
        if self.options.protocol == "sampled":
            return ("loss", "roc_auc", "mrr")
        return ("loss", "mrr", "mean_rank", *(f"hits@{k}" for k in self.options.hits))

    errors: ClassVar[tuple[str, ...]] = ("loss", "mean_rank")

    @property
    def labels(self) -> Tensor:
        """``[2, num_links]`` links that a method may learn from, sources in the first row.

        :attr:`link_kinds` has the position of each link's relation.
        """
        return self._train

    @property
    def protocol(self) -> dict[str, Any]:
        """Split, relations, numbers of links and of negatives, and the options."""
        sizes = {
            split: {"links": int(target.sum()), "negatives": int((~target).sum())}
            for split, target in self._target.items()
        }
        names = [str(key) for key in self.spec.edge_types]
        relation: dict[str, Any] = (
            {"relation": names[0]} if len(names) == 1 else {"relations": names}
        )
        return {
            **config_to_dict(self.options),
            "split": self._split_name,
            **relation,
            "sizes": sizes,
        }

    def index(self, split: SplitName) -> Tensor:
        """Returns the ``[2, num_pairs]`` pairs of a split; predictions are given in this order."""
        self._check_split(split)
        return self._pairs[split]

    def criterion(self, name: str = "auto") -> LossFunction:
        """Returns the mean binary cross-entropy; targets are 1 for links, 0 for negatives."""
        if self._functions.loss is not None:
            return self._functions.loss
        return lambda logits, target: F.binary_cross_entropy_with_logits(
            logits.float(), target.float()
        )

    def _refuses_functions(self, loss: bool, metrics: bool) -> str:
        if metrics and self.options.protocol == "filtered":
            return (
                "metric of your own with task.protocol=filtered: it ranks, so there are no targets."
            )
        if loss and self.options.loss == "softmax":
            return "loss of your own with task.loss=softmax; set task.loss=bce."
        return ""

    def score(self, predictions: Predictions, split: SplitName) -> dict[str, float]:
        """Returns ``loss roc_auc mrr`` of the pairs of a split, or ranks among all candidates.

        Of the sampled protocol, as HGB defines them: ``roc_auc`` is over all pairs together.
        ``mrr`` is the mean over the sources of ``1 / (1 + n)``, where ``n`` of the source's
        negatives score as high as its best link or higher. (HGB leaves the order of equal scores
        to the sorting; here they count against.) Of the filtered protocol: ``mrr mean_rank
        hits@K`` over both directions, and one minus the first as ``loss``. All are NaN where a
        vector is not finite.

        Args:
            predictions: Vectors of both ends and a decoder.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If they are not of pairs.
        """
        self._check_split(split)
        if not is_finite(predictions):
            return dict.fromkeys(self.monitors, float("nan"))
        if self.options.protocol == "filtered":
            metrics = self._ranks(predictions, split).metrics(self.options.hits)
            return {"loss": 1 - metrics["mrr"], **metrics}
        target, sources = self._target[split], self._pairs[split][0]
        scores = self.to_tensor(predictions, split)
        metrics = {
            "loss": float(self.criterion()(scores, target)),
            "roc_auc": roc_auc(scores, target),
            "mrr": grouped_mrr(scores, target, sources),
        }
        return metrics | self._own_metrics(scores, target)

    def per_relation(self, predictions: Predictions, split: SplitName) -> dict[str, Any]:
        """Returns the metrics of each relation, of the filtered protocol with several."""
        if self.options.protocol != "filtered" or len(self.spec.edge_types) == 1:
            return {}
        ranks = self._ranks(predictions, split)
        return {
            str(key): ranks.of(position).metrics(self.options.hits)
            for position, key in enumerate(self.spec.edge_types)
            if ranks.of(position).count
        }

    def to_tensor(self, predictions: Predictions, split: SplitName) -> Tensor:
        """Returns the ``[num_pairs]`` scores of the pairs of a split."""
        pairs, kinds = self._pairs[split], self.relation_of(split)
        vectors = pair_rows(predictions, self.spec)
        scores = torch.empty(pairs.shape[1])
        for position in range(len(self.spec.edge_types)):
            own = kinds == position
            if bool(own.any()):
                scores[own] = vectors.of(pairs[:, own], position).reshape(-1)
        return scores

    def audit(self) -> AuditReport:
        """Checks that no held-out link is an edge, in either direction, or in two splits.

        It looks in every relation between the two types, in both orientations. Links in other
        relations are told in a note; they are refused with ``hide_parallel``, and where another
        relation is nearly a copy (the sampled protocol only: published splits of knowledge graphs
        have such relations). Mirrors are told, and refused with ``hide_mirrors``.
        """
        splits = list(self.held_out())
        pairs = torch.cat([self._held[split] for split in splits], dim=1)
        kinds = torch.cat([self._kinds[split] for split in splits])
        report = LinkAudit(
            refuse_parallel=self.options.hide_parallel,
            refuse_copies=self.options.protocol == "sampled",
            refuse_mirrors=self.options.hide_mirrors,
        ).check(self.graph, self.spec.edge_types, pairs, kinds)
        if "test" not in splits:
            return report
        for position, key in enumerate(self.spec.edge_types):
            check_no_overlap(self.graph, key, *self._split_of(position))
        return replace(report, checks=(*report.checks, "valid and test share no link"))

    def refit_view(self) -> Self:
        """Returns a view where validation links are edges of the graph and learned from."""
        view = copy.copy(self)
        graph = self._whole
        for position, key in enumerate(self.spec.edge_types):
            valid, test = self._split_of(position)
            if not self._drawn:
                graph = with_pairs(graph, key, valid)
            graph = without_telling(graph, key, test, self.options)
        view.graph = graph
        view._train, view.link_kinds = edges_of(graph, self.spec.edge_types)
        view._held = {**self._held, "valid": self._held["valid"][:, :0]}
        nothing = self._kinds["valid"][:0]
        view._kinds = {**self._kinds, "train": view.link_kinds, "valid": nothing}
        view._pairs = {**self._pairs, "valid": self._pairs["valid"][:, :0]}
        view._target = {**self._target, "valid": self._target["valid"][:0]}
        if self.options.protocol == "filtered":
            view._listed_kinds = {**self._listed_kinds, "valid": nothing}
        return view

    def held_out(self) -> dict[str, Tensor]:
        """Returns the ``[2, n]`` held-out links by split, as far as a view has it."""
        return {
            split: links
            for split, links in self._held.items()
            if split != "test" or self._test_open
        }

    def _held_of(self, position: int) -> Tensor:
        """Held-out links of one relation."""
        return torch.cat(self._split_of(position), dim=1)

    def _split_of(self, position: int) -> list[Tensor]:
        """Validation and test links of one relation."""
        return [links[:, self._kinds[split] == position] for split, links in self._held.items()]

    def relation_of(self, split: str) -> Tensor:
        """Returns ``[num_pairs]`` position of the relation of each pair of a split."""
        if len(self.spec.edge_types) == 1:
            return torch.zeros(self._pairs[split].shape[1], dtype=torch.int64)
        return self._listed_kinds[split]

    def _ranks(self, predictions: Predictions, split: str) -> Any:
        return rank_links(
            pair_rows(predictions, self.spec),
            self._pairs[split],
            self.relation_of(split),
            self._true,
            self.options.ties,
        )

    def _list_links(self, seeds: Seeds) -> None:
        """Lists the links of every split; of training as many as are tested, at most."""
        self._true = TrueLinks.of(self.spec.edge_types, self.graph.num_nodes, self._all_links())
        most = self._held["test"].shape[1]
        order = (
            torch.randperm(
                self._train.shape[1], generator=seeds.generator("split", "scored training links")
            )[:most]
            .sort()
            .values
        )
        lists = {"train": (self._train[:, order], self.link_kinds[order])}
        lists |= {split: (links, self._kinds[split]) for split, links in self._held.items()}
        self._listed_kinds = {split: kinds for split, (_, kinds) in lists.items()}
        for split, (links, _) in lists.items():
            self._pairs[split] = links
            self._target[split] = torch.ones(links.shape[1], dtype=torch.bool)

    def _all_links(self) -> list[Tensor]:
        """All links of each relation, ``[2, n]``, those that are hidden from methods included."""
        return [
            torch.cat(
                [torch.stack(self._whole.relations[key].edges()), self._held_of(position)], dim=1
            )
            for position, key in enumerate(self.spec.edge_types)
        ]

    def _make_pairs(self, draw: LinkNegatives, links: Links, seeds: Seeds) -> None:
        """Makes the pairs and the targets of every split."""
        given = {"valid": links.valid_negatives, "test": links.test_negatives}
        shipped = self.options.negatives == "shipped"
        if shipped and None in given.values():
            raise ConfigError(
                f"{self.dataset_name} has no negatives of its own; give task.negatives=two_hop "
                "or uniform."
            )
        key = links.edge_types[0]
        for split, positives in {"train": self._train, **self._held}.items():
            generator = seeds.generator("split", split, "negatives")
            if split == "test":
                generator = torch.Generator().manual_seed(keyed_seed("test negatives"))
            own = given.get(split) if shipped else None
            negatives = draw(positives, generator) if own is None else own
            if not negatives.shape[1]:
                raise DataError(
                    f"no {key.src} of the {split} split has another {key.dst} two steps away; "
                    "give --set task.negatives=uniform."
                )
            pairs = torch.cat([positives, negatives], dim=1)
            order = torch.randperm(pairs.shape[1], generator=generator)
            self._pairs[split] = pairs[:, order]
            self._target[split] = order < positives.shape[1]
