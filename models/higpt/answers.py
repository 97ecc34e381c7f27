"""Answers in words to all questions of a part, measured as the authors measure them."""

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
from hetgraph.models.higpt.model import HiGPT
from hetgraph.models.higpt.talk import LanguageHead
from hetgraph.runs.reopen import OpenRun
from hetgraph.train.progress import make_progress

__all__ = ["FreeAnswers", "free_answers", "write_answers"]


@dataclass(frozen=True)
class FreeAnswers:
    """What a language model said about some nodes.

    Args:
        said: Its words by node.
        free: Metrics of the words.
        scored: The same metrics of the likeliest label of the same nodes.
    """

    said: Mapping[int, str]
    free: Mapping[str, float]
    scored: Mapping[str, float]


@torch.no_grad()
def free_answers(
    run: OpenRun, *, limit: int | None = None, max_new_tokens: int = 64, progress: bool = True
) -> FreeAnswers:
    """Lets a run speak about its test nodes, and scores the labels of the same nodes.

    Args:
        run: A finished run of the stages ``"matching"`` and ``"instructions"``, on nodes of one
            class each.
        limit: Most nodes, the first of the part; ``None``: all.
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
    talk, labels = run.inputs.extra, run.inputs.extra.builder.labels
    model.eval()
    said, likeliest = {}, []
    shown = make_progress(progress)
    shown.begin("answers", len(nodes))
    for node in nodes:
        one = head.ask(talk, node)
        prompt = head.encode(talk, one)
        vectors = head.read(model.tokenizer, talk, one, prompt)
        said[node] = head.side.answer(vectors, max_new_tokens)
        likeliest.append(labels[int(head.side.scores(vectors, labels).argmax())])
        shown.epoch(len(said), "")
    shown.close()
    return FreeAnswers(
        said,
        free_text_metrics(list(said.values()), target, labels),
        free_text_metrics(likeliest, target, labels),
    )


def write_answers(path: Path, answers: FreeAnswers) -> None:
    """Writes the answers as the authors' evaluation does: a list of ``id``, ``node_idx``, ``res``.

    Raises:
        OutputError: If the file cannot be written.
    """
    rows = [
        {"id": f"test_{place}", "node_idx": node, "res": said}
        for place, (node, said) in enumerate(answers.said.items())
    ]
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
