"""Grounding: aligns the token of a node with the text of the node, without labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.catalog.loading import load_dataset
from hetgraph.data import Schema
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.features import embed_texts, make_encoder
from hetgraph.methods import Loss, Stage
from hetgraph.models.higpt.config import HiGPTConfig
from hetgraph.models.higpt.corpus import Corpus, make_corpus
from hetgraph.models.higpt.heads import HiGPTInputs, StageHead, tokens_of
from hetgraph.models.higpt.tokenizer import Tokenizer
from hetgraph.nn import info_nce
from hetgraph.sampling import row_batches, sample_neighbourhood
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["GroundingBatch", "GroundingHead"]

_TEMPERATURE = 0.07
"""Divisor of cosines: the initial value of CLIP, which the official implementation never trains."""


@dataclass(frozen=True, eq=False)
class _Captions:
    """The nodes of a corpus that have a text, with ids offset by type."""

    corpus: Corpus
    types: tuple[str, ...]
    start: Tensor  # [num_types + 1]
    ids: Tensor  # [n] node of its type
    vectors: Tensor  # [n, input_dim]
    group: Tensor  # [n] equal for equal texts


@dataclass(frozen=True, eq=False)
class GroundingBatch:
    """A neighbourhood, and the nodes in it whose tokens are aligned with their texts.

    Args:
        corpus: Vectors by type, of the nodes of the neighbourhood.
        counts: Number of these nodes by type; they are the first of their type.
        texts: ``[n, input_dim]`` vectors of their texts, by type.
        group: ``[n]`` equal for equal texts.
    """

    corpus: Corpus
    counts: dict[str, int]
    texts: Tensor
    group: Tensor


class GroundingHead(StageHead):
    """A linear map from the space of texts to that of tokens, trained with the tokenizer.

    The official implementation trains a transformer with 81 million parameters from scratch on the
    captions and discards it; here the texts pass the frozen encoder and the map.
    """

    def __init__(self, schema: Schema, spec: TaskSpec, config: HiGPTConfig) -> None:
        super().__init__(schema, spec, config)
        text_dim = make_encoder(config.encoder).dim
        self.given = config.num_layers == 0 and text_dim == config.dim  # tokens are texts already
        self.text = nn.Identity() if self.given else nn.Linear(text_dim, config.dim, bias=False)

    def stage(self) -> Stage | None:
        """Returns one stage; nothing is validated, since no label is read."""
        if self.config.freeze or self.given:
            return None
        return Stage("tokenizer", validate=False)

    def prepare(
        self, inputs: HiGPTInputs, tokenizer: Tokenizer, task: Task, seeds: Seeds
    ) -> HiGPTInputs:
        """Reads the source graphs, and encodes their captions."""
        encoder = make_encoder(self.config.encoder)
        named = [(task.dataset_name, inputs.corpus.to(torch.device("cpu")))]  # sampled there
        if self.config.sources:
            plain = replace(self.config, descriptions={})
            named = [
                (name, make_corpus(load_dataset(name).graph, encoder, plain))
                for name in self.config.sources
            ]
        corpora = []
        for name, corpus in named:
            types = self._captioned(name, corpus)
            vectors = {
                node_type: embed_texts(corpus.texts[node_type], encoder) for node_type in types
            }
            corpora.append(_captions_of(corpus, vectors))
        return replace(inputs, extra=corpora)

    def batches(
        self,
        inputs: HiGPTInputs,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None,
        shard: tuple[int, int],
    ) -> Iterator[GroundingBatch]:
        """Yields neighbourhoods of nodes that have a text, of one graph each."""
        rng = generator or torch.Generator().manual_seed(0)
        size = min(batch_size, self.config.grounding_batch)
        plans = [
            (captions, rows)
            for captions in inputs.extra
            for rows in row_batches(len(captions.ids), size, generator=generator, shard=shard)
        ]
        order = torch.randperm(len(plans), generator=rng).tolist() if generator else None
        for place in order if order is not None else range(len(plans)):
            yield self._batch(*plans[place], rng)

    def step(self, tokenizer: Tokenizer, batch: GroundingBatch) -> Loss:
        """Returns the contrastive loss; the own text of a fraction of the nodes is masked.

        Source: HiGPT, contrastive alignment; official implementation, ``HeteroClipLoss``.
        """
        corpus = batch.corpus
        if len(batch.group) < 2:
            parameters = (*tokenizer.parameters(), *self.parameters())
            zero = sum(parameter.sum() * 0 for parameter in parameters)
            return Loss({"grounding": torch.as_tensor(zero)}, 0)
        x = dict(corpus.x)
        for name, count in batch.counts.items():
            hidden = torch.rand(count, 1, device=x[name].device) < self.config.mask
            known = torch.where(hidden, corpus.fill[name], x[name][:count])
            x[name] = torch.cat([known, x[name][count:]])
        weights = tokenizer.weights(corpus.types)
        out = tokenizer(x, corpus.relations, weights, outputs=tuple(batch.counts))
        tokens = torch.cat([out[name][:count] for name, count in batch.counts.items()])
        loss = info_nce(tokens, self.text(batch.texts), _TEMPERATURE, group=batch.group)
        return Loss({"grounding": loss}, len(tokens))

    def predict(self, tokenizer: Tokenizer, inputs: HiGPTInputs, split: str) -> Tensor:
        """Returns the similarity of tokens to the class names, for which no label is read.

        Raises:
            DataError: If the classes have no names.
        """
        if inputs.class_vectors is None:
            raise DataError(
                "the classes have no names to compare tokens with; give model.class_names."
            )
        target = self.spec.target
        tokens = tokens_of(tokenizer, inputs, (target,))[target][inputs.rows[split]]
        names = F.normalize(self.text(inputs.class_vectors), dim=1)
        return F.normalize(tokens, dim=1) @ names.t() / _TEMPERATURE

    def _captioned(self, name: str, corpus: Corpus) -> tuple[str, ...]:
        wanted = self.config.captions if not self.config.sources else ()
        for node_type in wanted:
            if node_type not in corpus.texts:
                raise ConfigError(
                    f"model.captions names {node_type!r}, which has no texts."
                    f"{suggest(node_type, corpus.texts)}"
                )
        types = wanted or tuple(corpus.texts)
        if not types:
            raise DataError(
                f"{name or 'the graph'} has no node text, which the stage 'tokenizer' "
                "aligns tokens with; use a graph with texts, or model.stage=classify."
            )
        return types

    def _batch(self, source: _Captions, rows: Tensor, rng: torch.Generator) -> GroundingBatch:
        rows = rows.sort().values
        type_id = torch.searchsorted(source.start, rows, right=True) - 1
        seeds = {
            name: source.ids[rows[type_id == number]]
            for number, name in enumerate(source.types)
            if bool((type_id == number).any())
        }
        corpus = source.corpus
        hops = self.config.fanouts[: self.config.num_layers]  # no layer reads further
        sampled = sample_neighbourhood(corpus.relations, corpus.num_nodes, seeds, hops, rng)
        x = {name: corpus.x[name][sampled.nodes[name]] for name in corpus.x}
        local = Corpus(x, corpus.fill, corpus.types, sampled.relations, {})
        counts = {name: ids.numel() for name, ids in seeds.items()}
        device = next(self.parameters()).device
        group, texts = source.group[rows], source.vectors[rows]
        return GroundingBatch(local.to(device), counts, texts.to(device), group.to(device))


def _captions_of(corpus: Corpus, vectors: dict[str, Tensor]) -> _Captions:
    """Lists the nodes whose text has a vector; equal vectors count as equal texts."""
    ids = {name: (rows != 0).any(1).nonzero().squeeze(1) for name, rows in vectors.items()}
    stacked = torch.cat([vectors[name][rows] for name, rows in ids.items()])
    start = torch.tensor([0, *(len(rows) for rows in ids.values())]).cumsum(0)
    group = torch.unique(stacked, dim=0, return_inverse=True)[1]
    return _Captions(corpus, tuple(ids), start, torch.cat(list(ids.values())), stacked, group)
