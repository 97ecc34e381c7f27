"""The loss of grounding with equal captions, and the gradient of the map of the texts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.catalog import Dataset
from hetgraph.models.higpt import HiGPT, HiGPTConfig
from hetgraph.models.higpt.grounding import GroundingBatch
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task

TEMPERATURE = 0.07
SHARED = ("graph learning", "query index storage", "radio channel antenna")


@dataclass(frozen=True)
class Step:
    """A step of grounding on all captioned nodes.

    Args:
        loss: Its loss.
        tokens: ``[n, dim]`` tokens of the nodes.
        batch: What was read.
        captions: Texts of the nodes in the order of the batch.
        text: Map from texts to tokens.
    """

    loss: Tensor
    tokens: Tensor
    batch: GroundingBatch
    captions: list[str]
    text: nn.Linear


def grounding_step(dataset: Dataset) -> Step:
    """The only place that knows the model."""
    torch.manual_seed(0)
    task = make_task(dataset)
    config = HiGPTConfig(stage="tokenizer", mask=0.0, grounding_batch=1000, dim=32)
    model = HiGPT.for_task(task, config).eval()
    inputs = model.prepare(task, seeds=Seeds())
    stage = model.stages()[0]
    (batch,) = model.batches(inputs, "train", stage=stage, batch_size=1000)
    corpus = batch.corpus
    with torch.no_grad():
        out = model.tokenizer(corpus.x, corpus.relations, model.tokenizer.weights(corpus.types))
    tokens = torch.cat([out[name][:count] for name, count in batch.counts.items()])
    with torch.no_grad():  # as after some training: tokens are near to their texts
        near = (torch.linalg.pinv(batch.texts, rtol=1e-4) @ tokens).T
        model.head.text.weight.copy_(near + 0.5 * near.std() * torch.randn_like(near))
    loss = model.training_step(batch, stage=stage).total
    source = inputs.extra[0]
    text = {name: column.to_pylist() for name, column in dataset.graph.text.items()}
    bounds = source.start.tolist()
    captions = [
        text[name][node]
        for name, start, end in zip(source.types, bounds, bounds[1:], strict=False)
        for node in source.ids[start:end].tolist()
    ]
    return Step(loss, tokens, batch, captions, model.head.text)


@pytest.fixture
def repeated(text_dataset: Dataset) -> Dataset:
    """Half of the papers have one of three titles; two authors are called like one of them."""
    graph = text_dataset.graph
    papers, authors = (graph.text[name].to_pylist() for name in ("paper", "author"))
    papers[::2] = [SHARED[node % 3] for node in range(len(papers[::2]))]
    authors[1] = authors[2] = SHARED[0]
    return replace(text_dataset, graph=graph.replace(text={"paper": papers, "author": authors}))


def loss_by_loops(tokens: Tensor, texts: Tensor, captions: list[str]) -> Tensor:
    """Both directions; other nodes of the same caption are neither right nor wrong."""
    a, b = F.normalize(tokens.double(), dim=1), F.normalize(texts.double(), dim=1)
    total = torch.zeros((), dtype=torch.float64)
    for query, key in ((a, b), (b, a)):
        for node, caption in enumerate(captions):
            rivals = [
                place for place, text in enumerate(captions) if place == node or text != caption
            ]
            logits = key[rivals] @ query[node] / TEMPERATURE
            total = total + logits.logsumexp(0) - logits[rivals.index(node)]
    return total / (2 * len(captions))


def test_equal_captions_are_no_negative_pairs(repeated: Dataset) -> None:
    step = grounding_step(repeated)
    assert len(set(step.captions)) < len(step.captions) - 20
    with torch.no_grad():
        texts = step.text(step.batch.texts)
        expected = loss_by_loops(step.tokens, texts, step.captions)
        all_wrong = loss_by_loops(step.tokens, texts, [str(node) for node in range(len(texts))])
    assert step.loss.item() == pytest.approx(float(expected), rel=1e-4)
    assert float(all_wrong) > float(expected) + 0.1


def test_nodes_of_one_caption_share_a_number_and_others_do_not(repeated: Dataset) -> None:
    step = grounding_step(repeated)
    by_caption: dict[str, set[int]] = {}
    for caption, number in zip(step.captions, step.batch.group.tolist(), strict=True):
        by_caption.setdefault(caption, set()).add(number)
    assert all(len(numbers) == 1 for numbers in by_caption.values())
    assert len({next(iter(numbers)) for numbers in by_caption.values()}) == len(by_caption)


@pytest.mark.parametrize("which", ["text_dataset", "repeated"])
def test_the_gradient_of_the_map_of_the_texts(which: str, request: pytest.FixtureRequest) -> None:
    """With fixed tokens the loss is a function of this matrix alone."""
    step = grounding_step(request.getfixturevalue(which))
    step.loss.backward()
    weight = step.text.weight.detach().double().requires_grad_()
    expected = loss_by_loops(step.tokens, step.batch.texts.double() @ weight.T, step.captions)
    (gradient,) = torch.autograd.grad(expected, weight)
    assert float(gradient.norm()) > 1e-3
    torch.testing.assert_close(step.text.weight.grad.double(), gradient, rtol=1e-3, atol=1e-5)


def test_a_step_along_the_gradient_lowers_the_loss(repeated: Dataset) -> None:
    step = grounding_step(repeated)
    step.loss.backward()
    with torch.no_grad():
        slope, losses = step.text.weight.grad, []
        for size in (0.0, 0.05):
            weight = step.text.weight - size * slope / slope.norm()
            losses.append(
                float(loss_by_loops(step.tokens, step.batch.texts @ weight.T, step.captions))
            )
    assert losses[1] < losses[0] - 0.5 * 0.05 * float(slope.norm())
