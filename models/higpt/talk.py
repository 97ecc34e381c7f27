"""The stages with a language model: matching, instructions, and scores of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from hetgraph.data import Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import Loss, Stage
from hetgraph.models.higpt.config import HiGPTConfig
from hetgraph.models.higpt.corpus import Corpus
from hetgraph.models.higpt.heads import HiGPTInputs, StageHead
from hetgraph.models.higpt.instructions.build import Instruction, InstructionBuilder, known_classes
from hetgraph.models.higpt.instructions.files import read_instructions
from hetgraph.models.higpt.instructions.matching import matching_instructions
from hetgraph.models.higpt.instructions.templates import read_templates
from hetgraph.models.higpt.language.prompt import Prompt, encode_prompt
from hetgraph.models.higpt.language.side import LanguageSide
from hetgraph.models.higpt.layer import LayerWeights
from hetgraph.models.higpt.tokenizer import Tokenizer
from hetgraph.seeds import Seeds, keyed_seed
from hetgraph.tasks import Task, TaskSpec
from hetgraph.train import row_batches

__all__ = ["LanguageHead", "Talk"]

_BATCH = 8
"""Most prompts of a step; more go into several, see ``train.accumulate``."""


@dataclass(frozen=True, eq=False)
class Talk:
    """What instructions are made from.

    Args:
        builder: Makes them.
        corpus: The graph as the tokenizer reads it, on the CPU.
        weights: Weights of the frozen tokenizer for its schema.
        train: ``[n]`` labelled nodes that may be shown as examples.
        classes: Classes of every node; empty where they are hidden.
        files: Instructions from files, to train on in place of made ones.
    """

    builder: InstructionBuilder
    corpus: Corpus
    weights: list[LayerWeights]
    train: tuple[int, ...]
    classes: Mapping[int, tuple[int, ...]]
    files: tuple[Instruction, ...] = ()


@dataclass(frozen=True, eq=False)
class TalkBatch:
    """Some instructions and what makes their tokens."""

    talk: Talk
    instructions: tuple[Instruction, ...]


class LanguageHead(StageHead):
    """A language model that is asked about nodes; tokenizer and words are frozen."""

    trains_tokenizer = False

    def __init__(self, schema: Schema, spec: TaskSpec, config: HiGPTConfig) -> None:
        super().__init__(schema, spec, config)
        self.side = LanguageSide(config.dim, config.language)

    def stage(self) -> Stage | None:
        """One stage, selected on validation where the settings say so: scoring is slow."""
        if self.config.freeze:
            return None
        return Stage(self.config.stage, validate=self.config.language.validate)

    def prepare(
        self, inputs: HiGPTInputs, tokenizer: Tokenizer, task: Task, seeds: Seeds
    ) -> HiGPTInputs:
        """Makes the builder of instructions, and the weights of the tokenizer once."""
        language = self.config.language
        path = Path(language.templates).expanduser() if language.templates else None
        corpus = inputs.corpus.to(torch.device("cpu"))
        builder = InstructionBuilder(
            corpus.relations,
            corpus.num_nodes,
            corpus.texts,
            self.spec.target,
            inputs.class_names,
            read_templates(path),
            language,
            seeds.sampling,
        )
        with torch.no_grad():
            weights = tokenizer.weights(inputs.corpus.types)
        train = tuple(inputs.rows["train"].tolist())
        classes = {node: known_classes(inputs.labels[node]) for node in train}
        files = tuple(one for path in language.files for one in self._read(path, corpus, train))
        return replace(inputs, extra=Talk(builder, corpus, weights, train, classes, files))

    def _read(self, path: str, corpus: Corpus, train: tuple[int, ...]) -> list[Instruction]:
        found = read_instructions(
            Path(path).expanduser(),
            fill=corpus.fill,
            edge_types=corpus.relations,
            train=train,
            blocks=self.config.language.graph_tokens != "none",
        )
        for one in found:
            messages = one.messages("")
            size = len(encode_prompt(self.side.causal.tokenizer, messages, one.counts, one.answer))
            if size > self.config.language.max_length:
                raise ConfigError(
                    f"model.language.files: {path}: the instruction about node {one.node} has "
                    f"{size} tokens; raise model.language.max_length "
                    f"({self.config.language.max_length})."
                )
        return found

    def batches(
        self,
        inputs: HiGPTInputs,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None,
        shard: tuple[int, int],
    ) -> Iterator[TalkBatch]:
        """Yields instructions with answers."""
        talk: Talk = inputs.extra
        size = min(batch_size, _BATCH)
        if self.config.stage == "matching":
            chance = generator or torch.Generator().manual_seed(0)
            made = list(matching_instructions(talk.builder, self.config.language.pairs, chance))
            for rows in row_batches(len(made), size, generator=None, shard=shard):
                yield TalkBatch(talk, tuple(made[place] for place in rows.tolist()))
            return
        if split == "train" and talk.files:
            count = len(talk.files)
            for rows in row_batches(count, size, generator=generator, shard=shard):
                yield TalkBatch(talk, tuple(talk.files[place] for place in rows.tolist()))
            return
        nodes = inputs.rows[split].cpu()
        for rows in row_batches(nodes, size, generator=generator, shard=shard):
            yield TalkBatch(talk, tuple(self.ask(talk, n, solved=True) for n in rows.tolist()))

    def step(self, tokenizer: Tokenizer, batch: TalkBatch) -> Loss:
        """Returns the cross-entropy of the answers, the mean over instructions."""
        count = len(batch.instructions)
        if not count:
            zero = torch.stack([one.sum() * 0 for one in self.parameters()]).sum()
            return Loss({"answer": zero}, 0)
        losses = []
        for one in batch.instructions:
            prompt = self.encode(batch.talk, one, solved=True)
            vectors = self.read(tokenizer, batch.talk, one, prompt)
            losses.append(self.side.loss(vectors, prompt))
        return Loss({"answer": torch.stack(losses).mean()}, count)

    def predict(self, tokenizer: Tokenizer, inputs: HiGPTInputs, split: str) -> Tensor:
        """Returns the log-likelihoods of the labels; where a node can have several, log-odds."""
        talk: Talk = inputs.extra
        rows = inputs.rows[split].tolist()
        found = torch.stack([self.score(tokenizer, talk, self.ask(talk, node)) for node in rows])
        if not self.spec.multi_label:
            return found
        share = found.softmax(1).clamp(1e-6, 1 - 1e-6)
        return share.logit()

    def score(self, tokenizer: Tokenizer, talk: Talk, one: Instruction) -> Tensor:
        """Returns ``[num_classes]`` log-likelihoods of the labels after an instruction."""
        prompt = self.encode(talk, one)
        vectors = self.read(tokenizer, talk, one, prompt)
        return self.side.scores(vectors, talk.builder.labels).cpu()

    def ask(self, talk: Talk, node: int, *, solved: bool = False) -> Instruction:
        """Returns the instruction about a node, after solved examples, short enough to be read.

        The text that is quoted is halved until the prompt fits.

        Raises:
            ConfigError: If it does not fit without any text.
        """
        classes = talk.classes.get(node, ()) if solved else ()
        limit = self.config.language.text_words
        examples = self._examples(talk, node)
        while True:
            build = talk.builder.build
            shown = tuple(build(n, talk.classes[n], text_words=limit) for n in examples)
            one = replace(build(node, classes, text_words=limit), examples=shown)
            size = len(self.encode(talk, one, solved=solved))
            most = self.config.language.max_length
            if size <= most:
                return one
            if not limit:
                raise ConfigError(
                    f"the prompt about node {node} has {size} tokens without any text, but "
                    f"model.language.max_length is {most}; raise it, or lower max_nodes or "
                    "examples there."
                )
            limit //= 2

    def encode(self, talk: Talk, one: Instruction, *, solved: bool = False) -> Prompt:
        """Returns the tokens of an instruction."""
        return encode_prompt(
            self.side.causal.tokenizer,
            one.messages(talk.builder.templates.system),
            one.all_counts,
            one.answer if solved else None,
        )

    def read(self, tokenizer: Tokenizer, talk: Talk, one: Instruction, prompt: Prompt) -> Tensor:
        """Returns ``[length, hidden]`` vectors of a prompt with the tokens of its nodes."""
        mode = self.config.language.graph_tokens
        sequences: list[Tensor] = []
        for each in (*one.examples, one):
            made = self._tokens(tokenizer, talk, each)
            if mode == "shuffled":
                made = self._of_another(tokenizer, talk, each, made)
            sequences += [
                made[key][:count] for key, count in zip(each.keys, each.counts, strict=True)
            ]
        return self.side.splice(prompt, sequences, "last" if mode == "last" else "all")

    @torch.no_grad()
    def _tokens(self, tokenizer: Tokenizer, talk: Talk, one: Instruction) -> Mapping[str, Tensor]:
        device = self.side.marks.device
        x = one.x or {name: talk.corpus.x[name][ids] for name, ids in one.part.nodes.items()}
        x = {name: rows.to(device) for name, rows in x.items()}
        relations = {key: relation.to(device) for key, relation in one.part.relations.items()}
        made: Mapping[str, Tensor] = tokenizer(x, relations, talk.weights)
        return made

    def _of_another(
        self,
        tokenizer: Tokenizer,
        talk: Talk,
        one: Instruction,
        own: Mapping[str, Tensor],
    ) -> Mapping[str, Tensor]:
        """The tokens around another node, over and over if they are fewer: a control."""
        name, size = talk.builder.target, talk.builder.num_nodes[talk.builder.target]
        chance = torch.Generator().manual_seed(keyed_seed("shuffled", one.node))
        other = int(torch.randint(size, (1,), generator=chance))
        made = self._tokens(tokenizer, talk, talk.builder.build(other))
        result = {}
        for key, value in own.items():
            there = made[key] if len(made[key]) else made[name]
            result[key] = there[torch.arange(len(value), device=there.device) % len(there)]
        return result

    def _examples(self, talk: Talk, node: int) -> Sequence[int]:
        """Training nodes other than the one in question; the same ones for a node every time."""
        wanted = self.config.language.examples
        if not wanted:
            return ()
        pool = [one for one in talk.train if one != node]
        chance = torch.Generator().manual_seed(keyed_seed("examples", talk.builder.seed, node))
        order = torch.randperm(len(pool), generator=chance)[:wanted]
        return [pool[place] for place in order.tolist()]
