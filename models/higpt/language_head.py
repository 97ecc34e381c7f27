"""The head of the stages with a language model: matching, instructions, scores of labels."""

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
from hetgraph.models.higpt.language.splice import SplicedLanguageModel
from hetgraph.models.higpt.layer import LayerWeights
from hetgraph.models.higpt.tokenizer import Tokenizer
from hetgraph.sampling import row_batches
from hetgraph.seeds import Seeds, keyed_seed
from hetgraph.tasks import Task, TaskSpec

__all__ = ["InstructionSource", "LanguageHead"]

_BATCH = 8
"""Maximum number of prompts per step; for larger batches see ``train.accumulate``."""


@dataclass(frozen=True, eq=False)
class InstructionSource:
    """Everything that instructions are built from.

    Args:
        builder: Builds them.
        corpus: The graph as the tokenizer reads it, on the CPU.
        weights: Weights of the frozen tokenizer for its schema.
        train: ``[n]`` labelled nodes that may be shown as examples.
        classes: Classes of every node; empty where they are hidden.
        files: Instructions from files, used for training instead of built ones.
    """

    builder: InstructionBuilder
    corpus: Corpus
    weights: list[LayerWeights]
    train: tuple[int, ...]
    classes: Mapping[int, tuple[int, ...]]
    files: tuple[Instruction, ...] = ()


@dataclass(frozen=True, eq=False)
class InstructionBatch:
    """Some instructions, and the source of their tokens."""

    source: InstructionSource
    instructions: tuple[Instruction, ...]


class LanguageHead(StageHead):
    """A language model that answers about nodes; tokenizer and word vectors are frozen."""

    trains_tokenizer = False

    def __init__(self, schema: Schema, spec: TaskSpec, config: HiGPTConfig) -> None:
        super().__init__(schema, spec, config)
        self.language = SplicedLanguageModel(config.dim, config.language)

    def stage(self) -> Stage | None:
        """Returns one stage; validation is optional, since scoring is slow."""
        if self.config.freeze:
            return None
        return Stage(self.config.stage, validate=self.config.language.validate)

    def prepare(
        self, inputs: HiGPTInputs, tokenizer: Tokenizer, task: Task, seeds: Seeds
    ) -> HiGPTInputs:
        """Creates the builder of instructions, and generates the weights of the tokenizer once."""
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
        files = tuple(
            instruction
            for path in language.files
            for instruction in self._read(path, corpus, train)
        )
        return replace(
            inputs, extra=InstructionSource(builder, corpus, weights, train, classes, files)
        )

    def _read(self, path: str, corpus: Corpus, train: tuple[int, ...]) -> list[Instruction]:
        instructions = read_instructions(
            Path(path).expanduser(),
            fill=corpus.fill,
            edge_types=corpus.relations,
            train=train,
            blocks=self.config.language.graph_tokens != "none",
        )
        tokenizer, most = self.language.causal.tokenizer, self.config.language.max_length
        for instruction in instructions:
            messages = instruction.messages("")
            prompt = encode_prompt(tokenizer, messages, instruction.counts, instruction.answer)
            if len(prompt) > most:
                raise ConfigError(
                    f"model.language.files: {path}: the instruction about node {instruction.node} "
                    f"has {len(prompt)} tokens; raise model.language.max_length ({most})."
                )
        return instructions

    def batches(
        self,
        inputs: HiGPTInputs,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None,
        shard: tuple[int, int],
    ) -> Iterator[InstructionBatch]:
        """Yields batches of solved instructions."""
        source: InstructionSource = inputs.extra
        size = min(batch_size, _BATCH)
        if self.config.stage == "matching":
            rng = generator or torch.Generator().manual_seed(0)
            instructions = list(
                matching_instructions(source.builder, self.config.language.pairs, rng)
            )
            for rows in row_batches(len(instructions), size, generator=None, shard=shard):
                yield InstructionBatch(source, tuple(instructions[row] for row in rows.tolist()))
            return
        if split == "train" and source.files:
            count = len(source.files)
            for rows in row_batches(count, size, generator=generator, shard=shard):
                yield InstructionBatch(source, tuple(source.files[row] for row in rows.tolist()))
            return
        nodes = inputs.rows[split].cpu()
        for rows in row_batches(nodes, size, generator=generator, shard=shard):
            yield InstructionBatch(
                source, tuple(self.ask(source, node, solved=True) for node in rows.tolist())
            )

    def step(self, tokenizer: Tokenizer, batch: InstructionBatch) -> Loss:
        """Returns the cross-entropy of the answers, the mean over instructions."""
        count = len(batch.instructions)
        if not count:
            zero = torch.stack([parameter.sum() * 0 for parameter in self.parameters()]).sum()
            return Loss({"answer": zero}, 0)
        losses = []
        for instruction in batch.instructions:
            prompt = self.encode(batch.source, instruction, solved=True)
            vectors = self.read(tokenizer, batch.source, instruction, prompt)
            losses.append(self.language.loss(vectors, prompt))
        return Loss({"answer": torch.stack(losses).mean()}, count)

    def predict(self, tokenizer: Tokenizer, inputs: HiGPTInputs, split: str) -> Tensor:
        """Returns the log-likelihoods of the labels; log-odds for multi-label targets."""
        source: InstructionSource = inputs.extra
        rows = inputs.rows[split].tolist()
        scores = torch.stack(
            [self.score(tokenizer, source, self.ask(source, node)) for node in rows]
        )
        if not self.spec.multi_label:
            return scores
        return scores.softmax(1).clamp(1e-6, 1 - 1e-6).logit()

    def score(
        self, tokenizer: Tokenizer, source: InstructionSource, instruction: Instruction
    ) -> Tensor:
        """Returns ``[num_classes]`` log-likelihoods of the labels after an instruction."""
        prompt = self.encode(source, instruction)
        vectors = self.read(tokenizer, source, instruction, prompt)
        return self.language.scores(vectors, source.builder.labels).cpu()

    def ask(self, source: InstructionSource, node: int, *, solved: bool = False) -> Instruction:
        """Returns the instruction about a node, with solved examples, within ``max_length``.

        The quoted text is halved until the prompt fits.

        Raises:
            ConfigError: If it does not fit without any text.
        """
        classes = source.classes.get(node, ()) if solved else ()
        limit = self.config.language.text_words
        examples = self._examples(source, node)
        while True:
            build = source.builder.build
            shown = tuple(
                build(example, source.classes[example], text_words=limit) for example in examples
            )
            instruction = replace(build(node, classes, text_words=limit), examples=shown)
            size = len(self.encode(source, instruction, solved=solved))
            most = self.config.language.max_length
            if size <= most:
                return instruction
            if not limit:
                raise ConfigError(
                    f"the prompt about node {node} has {size} tokens without any text, but "
                    f"model.language.max_length is {most}; raise it, or lower max_nodes or "
                    "examples there."
                )
            limit //= 2

    def encode(
        self, source: InstructionSource, instruction: Instruction, *, solved: bool = False
    ) -> Prompt:
        """Returns the tokens of an instruction."""
        return encode_prompt(
            self.language.causal.tokenizer,
            instruction.messages(source.builder.templates.system),
            instruction.all_counts,
            instruction.answer if solved else None,
        )

    def read(
        self,
        tokenizer: Tokenizer,
        source: InstructionSource,
        instruction: Instruction,
        prompt: Prompt,
    ) -> Tensor:
        """Returns ``[length, hidden]`` vectors of a prompt with the tokens of its nodes."""
        mode = self.config.language.graph_tokens
        sequences: list[Tensor] = []
        for example in (*instruction.examples, instruction):
            tokens = self._tokens(tokenizer, source, example)
            if mode == "shuffled":
                tokens = self._of_another(tokenizer, source, example, tokens)
            sequences += [
                tokens[key][:count] for key, count in zip(example.keys, example.counts, strict=True)
            ]
        return self.language.splice(prompt, sequences, "last" if mode == "last" else "all")

    @torch.no_grad()
    def _tokens(
        self, tokenizer: Tokenizer, source: InstructionSource, instruction: Instruction
    ) -> Mapping[str, Tensor]:
        device = self.language.marks.device
        subgraph = instruction.subgraph
        x = instruction.x or {
            name: source.corpus.x[name][ids] for name, ids in subgraph.nodes.items()
        }
        x = {name: rows.to(device) for name, rows in x.items()}
        relations = {key: relation.to(device) for key, relation in subgraph.relations.items()}
        tokens: Mapping[str, Tensor] = tokenizer(x, relations, source.weights)
        return tokens

    def _of_another(
        self,
        tokenizer: Tokenizer,
        source: InstructionSource,
        instruction: Instruction,
        own: Mapping[str, Tensor],
    ) -> Mapping[str, Tensor]:
        """Returns tokens around a random other node, repeated if they are fewer: a control."""
        name, size = source.builder.target, source.builder.num_nodes[source.builder.target]
        rng = torch.Generator().manual_seed(keyed_seed("shuffled", instruction.node))
        other = int(torch.randint(size, (1,), generator=rng))
        made = self._tokens(tokenizer, source, source.builder.build(other))
        result = {}
        for key, value in own.items():
            there = made[key] if len(made[key]) else made[name]
            result[key] = there[torch.arange(len(value), device=there.device) % len(there)]
        return result

    def _examples(self, source: InstructionSource, node: int) -> Sequence[int]:
        """Returns training nodes other than the node in question; always the same for a node."""
        wanted = self.config.language.examples
        if not wanted:
            return ()
        pool = [other for other in source.train if other != node]
        rng = torch.Generator().manual_seed(keyed_seed("examples", source.builder.seed, node))
        order = torch.randperm(len(pool), generator=rng)[:wanted]
        return [pool[index] for index in order.tolist()]
