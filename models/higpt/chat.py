"""Answers about single nodes from a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from hetgraph.errors import ConfigError
from hetgraph.models.higpt.heads import HiGPTInputs
from hetgraph.models.higpt.model import HiGPT
from hetgraph.runs.reopen import OpenRun

__all__ = ["Answer", "answer_about"]


@dataclass(frozen=True)
class Answer:
    """Answer of a run about a node.

    Args:
        node_type: Type of the node.
        node: Its id.
        text: Its text, empty if it has none.
        scores: Probability of each class, the likeliest first.
        said: Answer of the language model in words; empty if it was not asked.
    """

    node_type: str
    node: int
    text: str
    scores: Mapping[str, float]
    said: str = ""


@torch.no_grad()
def answer_about(
    run: OpenRun, node: int, *, question: str | None = None, free: bool = False
) -> Answer:
    """Scores the classes of a node and, if asked to, lets the language model of the run answer.

    Args:
        run: A finished run of HiGPT.
        node: Id of a node of the target type.
        question: Question to ask instead of the class; it needs a language model.
        free: Whether the language model answers in words, too.

    Raises:
        ConfigError: If the run is of another method, has no such node, or no language model.
    """
    model = run.model
    if not isinstance(model, HiGPT):
        raise ConfigError(f"{run.folder} holds the model {model.name!r}, expected 'higpt'.")
    target = model.spec.target
    count = run.task.graph.num_nodes[target]
    if not 0 <= node < count:
        raise ConfigError(f"there is no {target} {node}; expected a number from 0 to {count - 1}.")
    inputs: HiGPTInputs = run.inputs
    names = inputs.class_names or [str(label) for label in range(model.spec.num_outputs)]
    alone = replace(inputs, rows={"test": torch.tensor([node], device=model.device)})
    logits = model.predict(alone, "test").values[0].float()
    if model.spec.multi_label and model.config.stage in ("matching", "instructions"):
        probability = logits.sigmoid()
    else:
        probability = logits.softmax(0)
    order = probability.argsort(descending=True).tolist()
    scores = {names[label]: float(probability[label]) for label in order}
    column = inputs.corpus.texts.get(target)
    text = str(column[node].as_py() or "") if column is not None else ""
    said = _speak(model, inputs, node, question) if free or question else ""
    return Answer(target, node, text, scores, said)


def _speak(model: HiGPT, inputs: HiGPTInputs, node: int, question: str | None) -> str:
    from hetgraph.models.higpt.language_head import LanguageHead

    head = model.head
    if not isinstance(head, LanguageHead):
        raise ConfigError(
            f"a run of the stage {model.config.stage!r} has no language model to speak; "
            "train with --set stage=instructions."
        )
    instruction = head.ask(inputs.extra, node)
    if question:
        words = model.config.language.text_words // 2
        asked = inputs.extra.builder.build(node, question=question, text_words=words)
        instruction = replace(asked, examples=instruction.examples)
    prompt = head.encode(inputs.extra, instruction)
    return head.language.answer(head.read(model.tokenizer, inputs.extra, instruction, prompt))
