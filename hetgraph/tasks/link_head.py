"""The head of link prediction: one or several relations, sampled negatives or all candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.nn.decoders import Side, SimilarityDecoder, make_decoder
from hetgraph.nn.losses import LossFunction
from hetgraph.sampling import UnseenSampler, row_batches
from hetgraph.tasks.heads import EncodeNodes, EncoderFacts, Seeds, concatenated
from hetgraph.tasks.link_softmax import softmax_loss
from hetgraph.tasks.pair_heads import PairHead, PairSamples, Vectors
from hetgraph.tasks.predictions import PairPredictions
from hetgraph.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from hetgraph.tasks.base import Task

__all__ = ["LinkHead", "LinkKnown"]


class LinkChoices(Protocol):
    """What the head reads of the options of a link prediction."""

    num_negatives: int
    corrupt: str
    loss: str
    candidates: int
    n3: float


@dataclass(eq=False)
class LinkKnown:
    """What the head of link prediction knows.

    Args:
        links: ``[2, num_links]`` links to learn from, node ids, sources first.
        kinds: ``[num_links]`` position of each link's relation.
        rows: ``[2, n]`` pairs of each split.
        row_kinds: ``[n]`` positions of their relations.
        samplers: For each relation what draws destinations, and sources, that are not linked.
        choices: Options of the task.
        criterion: The mean loss of scores against 1 for links and 0 for negatives.
    """

    links: Tensor
    kinds: Tensor
    rows: Mapping[str, Tensor]
    row_kinds: Mapping[str, Tensor]
    samplers: Sequence[tuple[UnseenSampler, UnseenSampler]]
    choices: LinkChoices
    criterion: LossFunction


@dataclass(eq=False)
class LinkSamples(PairSamples):
    """Links, and their relations where there are several; ids are those of all ends together.

    Args:
        kinds: ``[n]`` position of each link's relation.
        candidates: Nodes by type that the true ends of the batch compete with; ``None`` for all.
    """

    kinds: Tensor | None = None
    candidates: Mapping[str, Tensor] | None = None


class LinkHead(PairHead[LinkKnown, LinkSamples]):
    """A score per pair and relation, by the vectors of both ends.

    With ``loss: bce`` negatives are drawn for each link and epoch, uniformly among the nodes of the
    end's type that are not linked to the other end. With ``loss: softmax`` the true end of a link
    competes with all candidates, or with some that are drawn for the batch, in both directions. The
    links of a batch stay edges of the graph that is encoded.

    Args:
        spec: What is to be predicted.
        encoder: Facts about the encoder.
    """

    decoder: SimilarityDecoder

    def __init__(self, spec: TaskSpec, encoder: EncoderFacts) -> None:
        super().__init__(spec, encoder)
        self.keys = spec.edge_types
        name = spec.decoder or encoder.pair_decoder
        self.decoder = make_decoder(name, encoder.dim, len(self.keys), reciprocal=spec.reciprocal)

    def prepare(self, task: Task, device: torch.device) -> LinkKnown:
        """Brings links to the device, and tells which pairs are links."""
        kinds: Tensor = task.link_kinds  # type: ignore[attr-defined]  # of this family
        links, listed = task.labels, task.open_splits()
        samplers = []
        for position, key in enumerate(self.keys):
            seen = _pattern(links[:, kinds == position], key, task.graph.num_nodes)
            samplers.append((UnseenSampler(seen), UnseenSampler(seen.transpose)))
        return LinkKnown(
            links=links.to(device),
            kinds=kinds.to(device),
            rows={split: pairs.to(device) for split, pairs in listed.items()},
            row_kinds={
                split: task.relation_of(split).to(device)  # type: ignore[attr-defined]
                for split in listed
            },
            samplers=samplers,
            choices=task.options,  # type: ignore[attr-defined]
            criterion=task.criterion(),
        )

    def batches(
        self,
        known: LinkKnown,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[LinkSamples]:
        """Yields the links to learn from with their negatives; ``split`` makes no difference."""
        links, kinds = known.links, known.kinds
        draw = generator or torch.Generator().manual_seed(0)
        others: list[Tensor] = []
        if known.choices.loss == "bce":
            others = [other.to(links.device) for other in self._draw(known, draw)]
        several = len(self.keys) > 1
        for rows in row_batches(links.shape[1], batch_size, generator=generator, shard=shard):
            places = rows.to(links.device)
            kind = kinds[places]
            groups = [links[:, places], *(other[:, places] for other in others)]
            drawn = self._candidates(known.choices.candidates, draw, links.device)
            if drawn and not self.facts.all_nodes:
                seeds, located, drawn = self._needed(links[:, places], kind, drawn)
            elif several or known.choices.loss == "softmax":
                seeds = self.everything()
                located = [self._joined(group, kind) for group in groups] if several else groups
            else:
                seeds, located = self.located(*groups)
            yield LinkSamples(
                seeds,
                places.numel(),
                batch_size,
                located[0],
                torch.cat(located[1:], dim=1) if others else None,
                kinds=kind if several else None,
                candidates=drawn,
            )

    def _candidates(
        self, count: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, Tensor] | None:
        """Draws different nodes of each type; fewer where a type has fewer."""
        if not count:
            return None
        sizes = {name: self.spec.num_nodes[name] for name in self.spec.ends}
        return {
            name: torch.randperm(size, generator=generator)[:count].to(device)
            for name, size in sizes.items()
        }

    def _needed(
        self, links: Tensor, kinds: Tensor, drawn: Mapping[str, Tensor]
    ) -> tuple[Seeds, list[Tensor], dict[str, Tensor]]:
        """Returns the ends of links and what is drawn as seeds, and both by rows of the seeds."""
        seeds: dict[str, Tensor | None] = {}
        located, candidates, start = torch.empty_like(links), {}, 0
        for name in self.spec.ends:
            ends = [[key.src == name for key in self.keys], [key.dst == name for key in self.keys]]
            own = torch.tensor(ends, device=links.device)[:, kinds]
            ids, rows = torch.unique(torch.cat([links[own], drawn[name]]), return_inverse=True)
            count = rows.numel() - drawn[name].numel()
            located[own], candidates[name] = rows[:count] + start, rows[count:]
            seeds[name] = ids
            start += ids.numel() if len(self.keys) > 1 else 0
        return seeds, [located], candidates

    def _draw(self, known: LinkKnown, generator: torch.Generator) -> Iterator[Tensor]:
        """Yields ``[2, num_links]`` pairs that are no links, as often as asked for."""
        links, kinds = known.links.cpu(), known.kinds.cpu()
        sides = (0, 1) if known.choices.corrupt == "both" else (0,)
        for _ in range(known.choices.num_negatives):
            for side in sides:
                drawn = links.clone()
                for position, samplers in enumerate(known.samplers):
                    own = kinds == position
                    drawn[1 - side, own] = samplers[side].draw(links[side, own], generator)
                yield drawn

    def losses(self, known: LinkKnown, vectors: Vectors, samples: LinkSamples) -> dict[str, Tensor]:
        """Returns the mean loss of the links of a batch; 0 for an empty one."""
        src, dst = self._ends(vectors, samples.kinds)
        if not samples.count:
            parameters = sum((p.sum() for p in self.decoder.parameters()), src.sum() + dst.sum())
            return {"task": parameters * 0}
        terms = {"task": self._task_loss(known, vectors, samples)}
        if known.choices.n3:
            terms["n3"] = known.choices.n3 * self._penalty(vectors, samples)
        return terms

    def _task_loss(self, known: LinkKnown, vectors: Vectors, samples: LinkSamples) -> Tensor:
        if samples.negatives is None:
            return self._softmax(vectors, samples)
        src, dst = self._ends(vectors, samples.kinds)
        pairs = torch.cat([samples.pairs, samples.negatives], dim=1)
        kinds = samples.kinds
        if kinds is not None:
            kinds = kinds.repeat(pairs.shape[1] // samples.count)
        scores = self.decoder(src, dst, pairs, kinds).float()
        target = torch.zeros_like(scores)
        target[: samples.pairs.shape[1]] = 1
        return known.criterion(scores, target)

    def _softmax(self, vectors: Vectors, samples: LinkSamples) -> Tensor:
        """Cross-entropy of the true end among nodes of its type, the mean of both ends."""
        starts = self._starts(vectors)
        total = vectors[self.src].new_zeros(())
        for positions, own in self._by_ends(samples.kinds):
            pairs = samples.pairs[:, own]
            if not pairs.shape[1]:
                continue
            key, relation = self.keys[positions[0]], positions[0]
            kinds: Tensor | int = relation if samples.kinds is None else samples.kinds[own]
            if samples.kinds is not None:
                offset = torch.tensor([[starts[key.src]], [starts[key.dst]]], device=pairs.device)
                pairs = pairs - offset
            sides: tuple[tuple[Side, str, str], ...] = (
                ("dst", key.src, key.dst),
                ("src", key.dst, key.src),
            )
            for row, (side, near, far) in enumerate(sides):
                query = self.decoder.query(vectors[near][pairs[row]], kinds, side)
                drawn = None if samples.candidates is None else samples.candidates[far]
                size = self.spec.num_nodes[far]
                loss = softmax_loss(query, vectors[far], pairs[1 - row], drawn, size)
                total = total + loss.sum()
        return total / (2 * samples.count)

    def _by_ends(self, kinds: Tensor | None) -> Iterator[tuple[list[int], Tensor | slice]]:
        """Yields relations between the same two types, and which links of a batch are of them."""
        groups: dict[tuple[str, str], list[int]] = {}
        for position, key in enumerate(self.keys):
            groups.setdefault((key.src, key.dst), []).append(position)
        for positions in groups.values():
            if kinds is None or len(groups) == 1:
                yield positions, slice(None)
            else:
                yield positions, torch.isin(kinds, torch.tensor(positions, device=kinds.device))

    def _penalty(self, vectors: Vectors, samples: LinkSamples) -> Tensor:
        """The mean penalty of the links of a batch."""
        src, dst = self._ends(vectors, samples.kinds)
        kinds: Tensor | int = 0 if samples.kinds is None else samples.kinds
        heads, tails = src[samples.pairs[0]], dst[samples.pairs[1]]
        return self.decoder.penalty(heads, tails, kinds).float().mean()

    def predict(self, known: LinkKnown, encode: EncodeNodes, split: str) -> PairPredictions:
        """Returns the vectors of all ends, whatever the split."""
        vectors = concatenated(encode(self.everything()))
        return PairPredictions(vectors, self.decoder, tuple((k.src, k.dst) for k in self.keys))

    def embed(self, known: LinkKnown, encode: EncodeNodes, split: str) -> Tensor:
        """Returns ``[num_pairs of the split, dim]`` products, whose sums are the scores."""
        vectors = concatenated(encode(self.everything()))
        pairs, kinds = known.rows[split], known.row_kinds[split]
        rows = vectors[self.src].new_empty(pairs.shape[1], self.facts.dim)
        for position, key in enumerate(self.keys):
            own = kinds == position
            src, dst = pairs[:, own]
            query = self.decoder.query(vectors[key.src][src], position)
            rows[own] = query * vectors[key.dst][dst]
        return rows

    def _ends(self, vectors: Vectors, kinds: Tensor | None) -> tuple[Tensor, Tensor]:
        """Vectors that pairs are rows of: by type, or of all ends together."""
        if kinds is None:
            return vectors[self.src], vectors[self.dst]
        joined = torch.cat([vectors[name] for name in self.spec.ends])
        return joined, joined

    def _joined(self, pairs: Tensor, kinds: Tensor) -> Tensor:
        """Returns pairs with the ids of all ends together, one type after the other."""
        sizes = {name: self.spec.num_nodes[name] for name in self.spec.ends}
        starts = dict(zip(sizes, accumulate(sizes.values(), initial=0), strict=False))
        ends = ([key.src for key in self.keys], [key.dst for key in self.keys])
        table = torch.tensor([[starts[name] for name in names] for names in ends])
        return pairs + table.to(pairs.device)[:, kinds]

    def _starts(self, vectors: Vectors) -> dict[str, int]:
        sizes = [len(vectors[name]) for name in self.spec.ends]
        return dict(zip(self.spec.ends, accumulate(sizes, initial=0), strict=False))


def _pattern(links: Tensor, key: EdgeType, num_nodes: Mapping[str, int]) -> CSR:
    """``[num_src, num_dst]`` pattern of what is no negative: links, and a node to itself."""
    src, dst = links
    shape = (num_nodes[key.src], num_nodes[key.dst])
    if key.src == key.dst:
        nodes = torch.arange(shape[0])
        src, dst = torch.cat([src, nodes]), torch.cat([dst, nodes])
    return CSR.from_coo(src, dst, shape)
