"""What the stage learns from texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError, DataError
from hetgraph.models.higpt import HiGPT, HiGPTConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task

SIZES = {"train": 20, "valid": 6, "test": 10}


def test_tokens_learn_their_texts(trained: Callable[..., Any]) -> None:
    """Retrieval of a node's own text among all gets far better than before training."""
    actual = {}
    for epochs in (1, 15):
        model, task, _ = trained(stage="tokenizer", mask=0.0, train={"max_epochs": epochs})
        inputs = model.prepare(task, seeds=Seeds())
        source = inputs.extra[0]
        model.eval()
        with torch.no_grad():
            tokens = model.tokenizer(
                inputs.corpus.x,
                inputs.corpus.relations,
                model.tokenizer.weights(inputs.corpus.types),
            )
            own = torch.cat([tokens["paper"], tokens["author"][source.ids[source.start[1] :]]])
            likeness = own @ model.head.text(source.vectors).t()
        actual[epochs] = float((likeness.argmax(1) == torch.arange(len(own))).float().mean())
    assert actual[15] > 0.9
    assert actual[1] < 0.5


def test_the_stage_reads_no_label(text_dataset: Dataset, trained: Callable[..., Any]) -> None:
    """Class names are found by likeness alone, above the chance of a third."""
    model, _, result = trained(stage="tokenizer", mask=0.0, train={"max_epochs": 15})
    right = sum(result.metrics[split]["accuracy"] * size for split, size in SIZES.items())
    assert right / sum(SIZES.values()) > 0.6
    labels = text_dataset.labels
    assert labels is not None
    other = replace(text_dataset, targets=replace(labels, target=labels.target.roll(1)))
    batches = []
    for dataset in (text_dataset, other):
        inputs = model.prepare(make_task(dataset), seeds=Seeds())
        batches.append(next(model.batches(inputs, "train", stage=model.stages()[0], batch_size=9)))
    assert torch.equal(batches[0].texts, batches[1].texts)


def test_texts_are_needed_and_names_are_checked(text_dataset: Dataset) -> None:
    bare = replace(text_dataset, graph=text_dataset.graph.replace(text={}))
    task = make_task(bare)
    model = HiGPT.for_task(task, HiGPTConfig(stage="tokenizer"))
    with pytest.raises(DataError, match="no node text"):
        model.prepare(task, seeds=Seeds())
    task = make_task(text_dataset)
    model = HiGPT.for_task(task, HiGPTConfig(stage="tokenizer", captions=("term",)))
    with pytest.raises(ConfigError, match="'term', which has no texts"):
        model.prepare(task, seeds=Seeds())
    with pytest.raises(ConfigError, match="both give a tokenizer to begin with"):
        HiGPTConfig(sources=("hgb/ACM",), start="runs/one")


def test_without_layers_texts_are_compared_with_names_as_they_are(
    trained: Callable[..., Any],
) -> None:
    model, task, result = trained(stage="tokenizer", num_layers=0, dim=256, encoder="hash:256")
    assert (result.epochs, list(model.parameters())) == (0, [])
    inputs = model.prepare(task, seeds=Seeds())
    texts = torch.nn.functional.normalize(inputs.corpus.x["paper"][inputs.rows["test"]], dim=1)
    names = torch.nn.functional.normalize(inputs.class_vectors, dim=1)
    logits = model.predict(inputs, "test").values
    torch.testing.assert_close(logits, texts @ names.t() / 0.07)


def test_the_same_seed_gives_the_same_tokenizer(trained: Callable[..., Any]) -> None:
    first, second = (trained(stage="tokenizer")[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
