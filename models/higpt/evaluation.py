"""Effect of graph tokens: one trained run, the same nodes, with and without them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

from hetgraph.errors import ConfigError
from hetgraph.metrics import accuracy, multi_label_f1
from hetgraph.models.higpt.language_head import LanguageHead
from hetgraph.runs.reopen import OpenRun
from hetgraph.tasks.base import SplitName

__all__ = [
    "Comparison",
    "compare_modes",
    "free_text_metrics",
    "hard_auc",
    "paired",
    "parse_answer",
    "true_classes",
]

Mode = Literal["all", "last", "shuffled", "none"]


@dataclass(frozen=True)
class Comparison:
    """Two modes, compared on the same nodes.

    Args:
        accuracy: Of each mode, by its name.
        only_first: Number of nodes that only the first gets right.
        only_second: Number of nodes that only the second gets right.
        p_value: Of the exact McNemar test, two-sided: the probability of such a difference if both
            modes were equally good.
        interval: 95 % bootstrap interval, over nodes, of the difference in accuracy.
    """

    accuracy: Mapping[str, float]
    only_first: int
    only_second: int
    p_value: float
    interval: tuple[float, float]


def true_classes(run: OpenRun, split: SplitName) -> Tensor:
    """Returns ``[num_nodes of the split]`` the classes of its nodes, held out in training.

    Raises:
        ConfigError: If the run is of another method, or nodes can have several classes.
    """
    labels = run.dataset.labels
    if run.model.name != "higpt" or labels is None or labels.multi_label:
        raise ConfigError(f"{run.folder} holds no HiGPT run on nodes of one class each.")
    classes = torch.full((run.dataset.graph.num_nodes[labels.node_type],), -1)
    classes[labels.index] = labels.target
    return classes[run.task.index(split)]


def compare_modes(
    model: Any, inputs: Any, target: Tensor, *, modes: tuple[Mode, Mode] = ("all", "none")
) -> Comparison:
    """Scores the test split twice with one model.

    Args:
        model: A trained HiGPT with a language model.
        inputs: What its ``prepare`` returned for the task.
        target: ``[n]`` classes of the test split.
        modes: Two settings of ``model.language.graph_tokens``.

    Raises:
        ConfigError: If the run has no language model, or nodes can have several classes.
    """
    if not isinstance(model.head, LanguageHead) or target.dim() != 1:
        raise ConfigError(
            "graph tokens are compared for runs of the stages 'matching' and 'instructions' on "
            "nodes of one class each."
        )
    given, builder = model.config.language, inputs.extra.builder
    right: dict[str, Tensor] = {}
    try:
        for mode in modes:
            changed = replace(given, graph_tokens=mode)
            model.head.config = replace(model.config, language=changed)
            builder.config = changed
            with torch.no_grad():
                right[mode] = model.eval().predict(inputs, "test").values.argmax(1) == target
    finally:
        model.head.config = model.config
        builder.config = given
    return paired(right, modes)


def paired(right: Mapping[str, Tensor], modes: tuple[str, str]) -> Comparison:
    """Returns the paired comparison of two sets of predictions.

    Args:
        right: ``[n]`` bool by name: whether a prediction is right.
        modes: The two names, in the order of the result.
    """
    first, second = right[modes[0]].numpy(), right[modes[1]].numpy()
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    differing = only_first + only_second
    p_value = binomtest(only_first, differing).pvalue if differing else 1.0
    generator = np.random.default_rng(0)
    drawn = generator.integers(len(first), size=(2000, len(first)))
    gaps = (first[drawn].astype(float) - second[drawn]).mean(1)
    low, high = np.quantile(gaps, [0.025, 0.975])
    return Comparison(
        {name: float(right[name].float().mean()) for name in modes},
        only_first,
        only_second,
        float(p_value),
        (float(low), float(high)),
    )


def parse_answer(text: str, labels: Sequence[str]) -> int | None:
    """Returns the class that a free answer names; ``None`` if it names none.

    The first class behind the last "Answer:" or "Final answer:" counts, else the last class that is
    named anywhere, since a reason often mentions others before. Of two at one place, such as "data"
    and "data mining", it is the longer.
    """
    said = text.lower()
    after = re.split(r"(?:final\s+)?answer\s*:", said)
    if len(after) > 1:
        named = [(after[-1].find(name.lower()), -len(name), n) for n, name in enumerate(labels)]
        first = min((match for match in named if match[0] >= 0), default=None)
        if first is not None:
            return first[2]
    named = [(said.rfind(name.lower()), len(name), n) for n, name in enumerate(labels)]
    last = max((match for match in named if match[0] >= 0), default=None)
    return None if last is None else last[2]


def hard_auc(predicted: Tensor, target: Tensor, num_classes: int) -> float:
    """Returns the area under the curve of predictions without scores, one class against the rest.

    It is the mean of true positive rate and true negative rate over classes, which the official
    group reports as AUC; a constant prediction has 0.5. Classes that do not occur are left out.

    Args:
        predicted: ``[n]`` classes, -1 for none.
        target: ``[n]`` classes.
        num_classes: Number of classes.
    """
    areas = []
    for label in range(num_classes):
        own, says = target == label, predicted == label
        if bool(own.any()) and not bool(own.all()):
            areas.append((says[own].float().mean() + (~says[~own]).float().mean()) / 2)
    return float(torch.stack(areas).mean()) if areas else 0.5


def free_text_metrics(
    answers: Sequence[str], target: Tensor, labels: Sequence[str]
) -> dict[str, float]:
    """Returns metrics of free answers; one that names no class is wrong, and counted as such.

    Args:
        answers: ``[n]`` texts.
        target: ``[n]`` classes.
        labels: Classes in words.

    Returns:
        ``micro_f1 macro_f1 accuracy auc_hard parse_rate``.
    """
    parsed = [parse_answer(answer, labels) for answer in answers]
    predicted = torch.tensor([-1 if label is None else label for label in parsed])
    classes = torch.arange(len(labels))
    sets = (labels_of.unsqueeze(1) == classes for labels_of in (predicted, target))
    correct = accuracy(predicted, target)
    return {
        "micro_f1": correct,
        "macro_f1": multi_label_f1(*sets)[1],
        "accuracy": correct,
        "auc_hard": hard_auc(predicted, target, len(labels)),
        "parse_rate": float((predicted >= 0).float().mean()),
    }
