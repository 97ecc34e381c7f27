"""Answers in words to the questions of a split, scored as in the official implementation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hetgraph.errors import ConfigError
from hetgraph.files import atomic_path
from hetgraph.models.higpt.evaluation import free_text_metrics, true_classes
from hetgraph.models.higpt.language_head import LanguageHead
from hetgraph.models.higpt.model import HiGPT
from hetgraph.runs.reopen import OpenRun
from hetgraph.train.progress import make_progress

__all__ = ["FreeAnswers", "free_answers", "write_answers"]


@dataclass(frozen=True)
class FreeAnswers:
    """Answers of a language model about some nodes.

    Args:
        said: Its text by node.
        free: Metrics of the texts.
        scored: The same metrics of the likeliest label of the same nodes.
    """

    said: Mapping[int, str]
    free: Mapping[str, float]
    scored: Mapping[str, float]


@torch.no_grad()
def free_answers(
    run: OpenRun, *, limit: int | None = None, max_new_tokens: int = 64, progress: bool = True
) -> FreeAnswers:
    """Lets the language model of a run answer about test nodes, and scores their labels, too.

    Args:
        run: A finished run of the stages ``"matching"`` and ``"instructions"``, on nodes of one
            class each.
        limit: Most nodes, the first of the split; ``None``: all.
        max_new_tokens: Most tokens of an answer.
        progress: Whether progress is shown.

    Raises:
        ConfigError: If the run has no language model, nodes can have several classes, or ``limit``
            is below 1.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"the limit is {limit}, expected at least one node.")
    model: Any = run.model
    head = model.head if isinstance(model, HiGPT) else None
    if not isinstance(head, LanguageHead):
        raise ConfigError(
            f"{run.folder} has no language model to answer; train with --set stage=instructions."
        )
    target = true_classes(run, "test")[:limit]
    nodes = run.task.index("test")[:limit].tolist()
    source, labels = run.inputs.extra, run.inputs.extra.builder.labels
    model.eval()
    said, likeliest = {}, []
    shown = make_progress(progress)
    shown.begin("answers", len(nodes))
    for node in nodes:
        instruction = head.ask(source, node)
        prompt = head.encode(source, instruction)
        vectors = head.read(model.tokenizer, source, instruction, prompt)
        said[node] = head.language.answer(vectors, max_new_tokens)
        likeliest.append(labels[int(head.language.scores(vectors, labels).argmax())])
        shown.epoch(len(said), "")
    shown.close()
    return FreeAnswers(
        said,
        free_text_metrics(list(said.values()), target, labels),
        free_text_metrics(likeliest, target, labels),
    )


def write_answers(path: Path, answers: FreeAnswers) -> None:
    """Writes the answers in the official format: a list of ``id``, ``node_idx``, ``res``.

    Raises:
        OutputError: If the file cannot be written.
    """
    rows = [
        {"id": f"test_{place}", "node_idx": node, "res": said}
        for place, (node, said) in enumerate(answers.said.items())
    ]
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
