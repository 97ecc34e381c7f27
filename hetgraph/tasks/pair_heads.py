"""Heads of tasks about pairs of nodes: links, rankings, labels of edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.nn.decoders import PairMLP, SimilarityDecoder, make_decoder
from hetgraph.nn.losses import LossFunction
from hetgraph.sampling import UnseenSampler, row_batches
from hetgraph.tasks.heads import EncodeNodes, EncoderFacts, Head, Samples, Seeds, concatenated
from hetgraph.tasks.predictions import PairPredictions
from hetgraph.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from hetgraph.tasks.base import Task

__all__ = ["EdgeHead", "EdgeKnown", "PairHead", "PairSamples", "RankingHead", "RankingKnown"]

Vectors = Mapping[str, Tensor]
Known = TypeVar("Known")
S = TypeVar("S", bound="PairSamples")


@dataclass(eq=False)
class PairSamples(Samples):
    """Pairs of nodes.

    Args:
        pairs: ``[2, n]`` rows among the vectors of the seeds, sources first.
        negatives: ``[2, m]`` pairs that are no links.
        labels: ``[n]`` classes or numbers of the pairs.
    """

    pairs: Tensor
    negatives: Tensor | None = None
    labels: Tensor | None = None

    def positions(self) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the rows of sources, destinations and negative destinations, ``[n]`` each."""
        assert self.negatives is not None  # of heads that rank
        return self.pairs[0], self.pairs[1], self.negatives[1]


class PairHead(Head[Known, S], Generic[Known, S]):
    """What heads of one relation share: whose vectors a batch of pairs needs.

    Args:
        spec: What is to be predicted.
        encoder: Facts about the encoder.
    """

    def __init__(self, spec: TaskSpec, encoder: EncoderFacts) -> None:
        super().__init__(spec, encoder)
        self.src, self.dst = spec.edge_types[0].src, spec.edge_types[0].dst

    def asked(self, question: Task, device: torch.device) -> Any:
        """Returns nothing: an answer about pairs is the vectors of both ends and the decoder."""
        return None

    def everything(self) -> Seeds:
        """Returns all nodes of both ends as seeds."""
        return dict.fromkeys(self.spec.ends)

    def located(self, *groups: Tensor) -> tuple[Seeds, list[Tensor]]:
        """Returns the seeds of ``[2, n]`` groups of pairs, and the pairs by rows of the seeds.

        An encoder that computes all nodes anyway is asked for all, and ids are rows.
        """
        if self.facts.all_nodes:
            return self.everything(), list(groups)
        joined = torch.cat(groups, dim=1)
        if self.src == self.dst:
            ids, rows = torch.unique(joined, return_inverse=True)
            seeds: Seeds = {self.src: ids}
        else:
            src, src_rows = torch.unique(joined[0], return_inverse=True)
            dst, dst_rows = torch.unique(joined[1], return_inverse=True)
            seeds, rows = {self.src: src, self.dst: dst}, torch.stack([src_rows, dst_rows])
        return seeds, list(rows.split([group.shape[1] for group in groups], dim=1))


@dataclass(eq=False)
class RankingKnown:
    """What a head knows that ranks destinations for sources.

    Args:
        pairs: ``[2, num_pairs]`` links to learn from, sources first.
        rows: Ids of the sources with a pair to rank, by split.
        sampler: Draws destinations that a source has no link to.
    """

    pairs: Tensor
    rows: Mapping[str, Tensor]
    sampler: UnseenSampler


class RankingHead(PairHead[RankingKnown, PairSamples]):
    """The inner product of two vectors, trained by BPR (Rendle et al., UAI 2009).

    One negative is drawn for each link and epoch among the destinations that the source has no
    link to.

    Args:
        spec: What is to be predicted.
        encoder: Facts about the encoder.
    """

    decoder: SimilarityDecoder

    def __init__(self, spec: TaskSpec, encoder: EncoderFacts) -> None:
        super().__init__(spec, encoder)
        self.decoder = make_decoder(spec.decoder or "dot", encoder.dim)

    def prepare(self, task: Task, device: torch.device) -> RankingKnown:
        """Brings the pairs to the device."""
        seen = task.graph.relations[self.spec.edge_types[0]].transpose
        return RankingKnown(
            pairs=task.labels.to(device),
            rows={split: ids.to(device) for split, ids in task.open_splits().items()},
            sampler=UnseenSampler(seen.with_weight(None)),
        )

    def batches(
        self,
        known: RankingKnown,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[PairSamples]:
        """Yields the training pairs with a negative each; ``split`` makes no difference."""
        pairs = known.pairs
        draw = generator or torch.Generator().manual_seed(0)
        others = known.sampler.draw(pairs[0].cpu(), draw).to(pairs.device)
        for rows in row_batches(pairs.shape[1], batch_size, generator=generator, shard=shard):
            places = rows.to(pairs.device)
            chosen = pairs[:, places]
            negatives = torch.stack([chosen[0], others[places]])
            seeds, (positive, negative) = self.located(chosen, negatives)
            yield PairSamples(seeds, places.numel(), batch_size, positive, negative)

    def losses(
        self, known: RankingKnown, vectors: Vectors, samples: PairSamples
    ) -> dict[str, Tensor]:
        """Returns the mean of ``-log sigmoid`` of score differences; 0 for an empty batch."""
        src, dst, negative = samples.positions()
        query, others = self.decoder.query(vectors[self.src][src]), vectors[self.dst]
        difference = (query * (others[dst] - others[negative])).sum(1)
        if not samples.count:
            return {"bpr": sum((x.sum() for x in vectors.values()), difference.sum()) * 0}
        if self.facts.mean_of == "size":
            return {"bpr": -F.logsigmoid(difference).sum() * (1 / samples.size)}
        return {"bpr": -F.logsigmoid(difference).mean()}

    def predict(self, known: RankingKnown, encode: EncodeNodes, split: str) -> PairPredictions:
        """Returns the vectors of both ends, whatever the split."""
        vectors = concatenated(encode(self.everything()))
        return PairPredictions(vectors, self.decoder, ((self.src, self.dst),))

    def embed(self, known: RankingKnown, encode: EncodeNodes, split: str) -> Tensor:
        """Returns ``[num_sources of the split, dim]``."""
        return concatenated(encode({self.src: known.rows[split]}))[self.src]


@dataclass(eq=False)
class EdgeKnown:
    """What the head of labelled edges knows.

    Args:
        pairs: ``[2, num_edges]`` both ends of all labelled edges.
        labels: ``[num_edges]`` classes or numbers; hidden ones are marked.
        rows: Positions of the edges of each split.
        criterion: The mean loss.
    """

    pairs: Tensor
    labels: Tensor
    rows: Mapping[str, Tensor]
    criterion: LossFunction


class EdgeHead(PairHead[EdgeKnown, PairSamples]):
    """Classes or numbers of edges, by a small network on the vectors of both ends.

    Args:
        spec: What is to be predicted.
        encoder: Facts about the encoder.
    """

    def __init__(self, spec: TaskSpec, encoder: EncoderFacts) -> None:
        super().__init__(spec, encoder)
        self.decoder = PairMLP(encoder.dim, spec.num_outputs)

    def prepare(self, task: Task, device: torch.device) -> EdgeKnown:
        """Brings edges and labels to the device."""
        return EdgeKnown(
            pairs=task.edges.to(device),  # type: ignore[attr-defined]  # of families of edges
            labels=task.labels.to(device),
            rows={split: ids.to(device) for split, ids in task.open_splits().items()},
            criterion=task.criterion(),
        )

    def batches(
        self,
        known: EdgeKnown,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[PairSamples]:
        """Yields labelled edges in batches."""
        for places in row_batches(known.rows[split], batch_size, generator=generator, shard=shard):
            seeds, (pairs,) = self.located(known.pairs[:, places])
            labels = known.labels[places]
            yield PairSamples(seeds, places.numel(), batch_size, pairs, labels=labels)

    def losses(self, known: EdgeKnown, vectors: Vectors, samples: PairSamples) -> dict[str, Tensor]:
        """Returns the loss on the edges of the batch; 0 for an empty one."""
        outputs = self.decoder(vectors[self.src], vectors[self.dst], samples.pairs).float()
        if not samples.count:
            return {"task": sum((x.sum() for x in vectors.values()), outputs.sum()) * 0}
        return {"task": known.criterion(outputs, samples.labels)}  # type: ignore[arg-type]

    def predict(self, known: EdgeKnown, encode: EncodeNodes, split: str) -> PairPredictions:
        """Returns the vectors of both ends, whatever the split."""
        vectors = concatenated(encode(self.everything()))
        return PairPredictions(vectors, self.decoder, ((self.src, self.dst),))

    def embed(self, known: EdgeKnown, encode: EncodeNodes, split: str) -> Tensor:
        """Returns ``[num_edges of the split, dim]`` hidden values of the decoder."""
        vectors = concatenated(encode(self.everything()))
        pairs = torch.split(known.pairs[:, known.rows[split]], 1 << 16, 1)
        src, dst = vectors[self.src], vectors[self.dst]
        return torch.cat([self.decoder.hidden(src, dst, block) for block in pairs])
