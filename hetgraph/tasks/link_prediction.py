"""Link prediction: tell the held-out links of one relation from pairs that are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.catalog.dataset import Dataset, LinkSplit
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.metrics import grouped_mrr, roc_auc
from hetgraph.seeds import Seeds, keyed_seed
from hetgraph.tasks.base import SplitName, Task, TaskSpec
from hetgraph.tasks.link_negatives import LinkNegatives
from hetgraph.tasks.pairs import hold_out_links, without_pairs

__all__ = ["LinkPrediction", "LinkPredictionOptions", "Negatives"]

Negatives = Literal["two_hop", "uniform", "shipped"]


@dataclass(frozen=True)
class LinkPredictionOptions:
    """Protocol of a link prediction.

    Args:
        split: Name of one of the data set's link splits, which tells the relation; empty takes
            the first.
        negatives: The pairs to tell the links from. ``"two_hop"`` (HGB): for each link one other
            destination that shares a neighbour with the source. ``"uniform"``: one of all of the
            type. Neither is ever linked to the source, by any relation in any part. ``"shipped"``:
            those of the data set.
        valid_fraction: Share of the training links held out for validation where the data set has
            no validation links; every source keeps one link at least.
        hide_parallel: Whether held-out pairs are taken out of the other relations between the two
            types, too.

    Raises:
        ConfigError: If a value is out of its range.
    """

    split: str = ""
    negatives: Negatives = "two_hop"
    valid_fraction: float = 0.1
    hide_parallel: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.valid_fraction < 1:
            raise ConfigError(
                f"task.valid_fraction is {self.valid_fraction}, expected above 0 and below 1."
            )


class LinkPrediction(Task):
    """Score pairs of nodes, held-out links higher than pairs that are none.

    Every part holds links and as many negatives (none for a source that has no candidate), in a
    random order. Those of the test part depend on the data alone; ``seeds.split`` draws the others.
    The links to learn from are edges of the graph, the held-out ones are in it in no direction.

    Args:
        dataset: Graph and link splits.
        seeds: Sources of chance.
        options: The protocol.

    Raises:
        ConfigError: If the data set lacks the split or negatives that are asked for.
        DataError: If there are no held-out links, nothing can be held out, or no source has a
            candidate.
    """

    Options: ClassVar[type[Any]] = LinkPredictionOptions
    monitors: ClassVar[tuple[str, ...]] = ("loss", "roc_auc", "mrr")

    def __init__(
        self, dataset: Dataset, seeds: Seeds, options: LinkPredictionOptions | None = None
    ) -> None:
        self.options = options or LinkPredictionOptions()
        self._split_name, links = _find_split(dataset, self.options.split)
        key, graph = links.edge_type, dataset.graph
        valid = self._hold_out(graph, key, seeds) if links.valid is None else links.valid
        self._held = {"valid": valid, "test": links.test}
        held = torch.cat([valid, links.test], dim=1)
        two_hop = self.options.negatives == "two_hop"
        draw = LinkNegatives(graph, key, held, two_hop=two_hop)
        if links.valid is None:
            graph = graph.without_edges(key, *valid)
        if self.options.hide_parallel:
            apart = without_pairs(graph.without_relation(key), key, held)
            graph = graph.replace(relations={**graph.relations, **apart.relations})
        spec = TaskSpec(
            "link-prediction", key.src, 1, num_nodes=dict(graph.num_nodes), edge_type=key
        )
        super().__init__(graph, spec, dataset.name)
        self._train = torch.stack(graph.relations[key].edges())
        self._pairs: dict[str, Tensor] = {}
        self._target: dict[str, Tensor] = {}
        self._make_parts(draw, links, seeds)

    @property
    def labels(self) -> Tensor:
        """``[2, num_links]`` links that a model may learn from, sources in the first row."""
        return self._train

    @property
    def protocol(self) -> dict[str, Any]:
        """Split, relation, numbers of links and of negatives, and the options."""
        sizes = {
            split: {"links": int(target.sum()), "negatives": int((~target).sum())}
            for split, target in self._target.items()
        }
        relation = str(self.spec.edge_type)
        return {
            **asdict(self.options),
            "split": self._split_name,
            "relation": relation,
            "sizes": sizes,
        }

    def index(self, split: SplitName) -> Tensor:
        """Returns the ``[2, num_pairs]`` pairs of a part; predictions are given in this order."""
        self._check_split(split)
        return self._pairs[split]

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Returns the mean binary cross-entropy; ``target`` is 1 for links, 0 for negatives."""
        return F.binary_cross_entropy_with_logits(logits.float(), target.float())

    def score(self, logits: Tensor, split: SplitName) -> dict[str, float]:
        """Returns ``loss roc_auc mrr`` of the pairs of a part, as HGB defines them.

        ``roc_auc`` is over all pairs together. ``mrr`` is the mean over the sources of
        ``1 / (1 + n)``, where ``n`` of the source's negatives score as high as its best link or
        higher. (HGB leaves the order of equal scores to the sorting; here they count against.)

        Args:
            logits: ``[num_pairs]`` in the order of :meth:`index`.
            split: ``"train"``, ``"valid"`` or ``"test"``.

        Raises:
            DataError: If the number of predictions does not fit.
        """
        self._check_split(split)
        target, sources = self._target[split], self._pairs[split][0]
        if logits.shape != target.shape:
            raise DataError(
                f"predictions have shape {list(logits.shape)}, expected {list(target.shape)}."
            )
        scores = logits.detach().cpu().float()
        return {
            "loss": float(self.loss(scores, target)),
            "roc_auc": roc_auc(scores, target),
            "mrr": grouped_mrr(scores, target, sources),
        }

    def held_out(self) -> dict[str, Tensor]:
        """Returns the ``[2, n]`` held-out links by part, as far as a view has it: for the audit."""
        return {split: x for split, x in self._held.items() if split != "test" or self._test_open}

    def _hold_out(self, graph: HeteroGraph, key: EdgeType, seeds: Seeds) -> Tensor:
        """``[2, n]`` validation links; of a relation that is its own reverse, one direction."""
        pairs = torch.stack(graph.relations[key].edges())
        if graph.schema.reverse_of(key) == key:
            pairs = pairs[:, pairs[0] < pairs[1]]
        num_dst = graph.num_nodes[key.dst]
        codes = torch.unique(pairs[0] * num_dst + pairs[1])
        distinct = torch.stack([codes // num_dst, codes % num_dst])
        generator = seeds.generator("split", "validation links")
        held = hold_out_links(distinct, self.options.valid_fraction, generator)
        if not held.shape[1]:
            raise DataError(
                f"no {key.src} has edges of ({key}) to spare, so none can be held out; raise "
                "task.valid_fraction or give the data set validation links."
            )
        return held

    def _make_parts(self, draw: LinkNegatives, links: LinkSplit, seeds: Seeds) -> None:
        """Makes the pairs and the targets of every part."""
        given = {"valid": links.valid_negatives, "test": links.test_negatives}
        shipped = self.options.negatives == "shipped"
        if shipped and None in given.values():
            raise ConfigError(
                f"{self.dataset_name} has no negatives of its own; give task.negatives=two_hop "
                "or uniform."
            )
        for split, positives in {"train": self._train, **self._held}.items():
            generator = seeds.generator("split", split, "negatives")
            if split == "test":
                generator = torch.Generator().manual_seed(keyed_seed("test negatives"))
            own = given.get(split) if shipped else None
            negatives = draw(positives, generator) if own is None else own
            if not negatives.shape[1]:
                raise DataError(
                    f"no {links.edge_type.src} of the {split} part has another "
                    f"{links.edge_type.dst} two steps away; give --set task.negatives=uniform."
                )
            pairs = torch.cat([positives, negatives], dim=1)
            order = torch.randperm(pairs.shape[1], generator=generator)
            self._pairs[split] = pairs[:, order]
            self._target[split] = order < positives.shape[1]


def _find_split(dataset: Dataset, name: str) -> tuple[str, LinkSplit]:
    if not dataset.links:
        raise DataError(f"{dataset.name} has no held-out links, so nothing can be predicted.")
    links: Mapping[str, LinkSplit] = dataset.links
    found = name or next(iter(links))
    if found not in links:
        raise ConfigError(f"{dataset.name} has no link split {name!r}.{suggest(name, links)}")
    return found, links[found]
