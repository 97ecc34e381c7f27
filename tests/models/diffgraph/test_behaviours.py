"""The recommender's training step by hand: which batch size, whose error, what decays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from hetgraph.catalog import Dataset, Links
from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.methods import Batch, EncoderMethod
from hetgraph.models.diffgraph import DiffGraph, DiffGraphConfig
from hetgraph.models.diffgraph.behaviours import Behaviours
from hetgraph.models.diffgraph.cross_view import CrossViews
from hetgraph.seeds import Seeds
from hetgraph.tasks import PairSamples, Task, make_task

USERS, ITEMS, DIM, LAYERS = 6, 9, 4, 2
BUY, VIEW = EdgeType("user", "buy", "item"), EdgeType("user", "view", "item")
ASKED = 8  # the batch size that was asked for
PAIRS = [(0, 1), (0, 2), (3, 1), (4, 5), (1, 2)]  # a short last batch; user 0 and item 1 twice
NEGATIVES = [7, 1, 7, 0, 8]  # 1 is bought in another pair, 0, 7 and 8 are not
DECAY, WEIGHT = 0.03, 2.5


class KnownCrossViews(nn.Module):
    """A cross-view without chance: what is added and the error of a row are simple functions."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: Sequence[int] = ()

    def forward(
        self, target: Tensor, source: Tensor, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        self.sizes = tuple(sizes)
        return 0.5 * source, (target - 3 * source).square().mean(1)


@dataclass(frozen=True)
class Step:
    """What went into a training step, and its terms.

    Args:
        terms: Loss terms by name.
        count: Number of pairs that the loss says it has.
        table: ``[num_users + num_items, dim]`` parameters.
        gradient: Gradient of the sum of the terms by the table.
        sizes: Users and items that were denoised.
    """

    terms: dict[str, float]
    count: int
    table: Tensor
    gradient: Tensor
    sizes: Sequence[int]


def training_step(task: Task, pairs: Sequence[tuple[int, int]], negatives: Sequence[int]) -> Step:
    """The only place that knows the model."""
    torch.manual_seed(0)
    config = DiffGraphConfig(
        hidden_dim=DIM, num_layers=LAYERS, output_decay=DECAY, diffusion_weight=WEIGHT
    )
    model = DiffGraph.for_task(task, config).train()
    network, known = views_of(model), KnownCrossViews()
    network.cross_views = known
    with torch.no_grad():
        network.table.normal_()
    inputs = model.prepare(task, seeds=Seeds.from_seed(0))
    batch = Batch(inputs, samples_of(model, pairs, negatives))
    loss = model.training_step(batch, stage=model.stages()[0])
    loss.total.backward()
    terms = {name: float(term.detach()) for name, term in loss.terms.items()}
    table = network.table.detach().double()
    return Step(terms, loss.count, table, network.table.grad.double(), known.sizes)


def views_of(model: EncoderMethod) -> Behaviours:
    assert isinstance(model.encoder, DiffGraph)
    assert isinstance(model.encoder.views, Behaviours)
    return model.encoder.views


def samples_of(
    model: EncoderMethod, pairs: Sequence[tuple[int, int]], negatives: Sequence[int]
) -> PairSamples:
    """A batch of the head with chosen pairs and negatives."""
    bought = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    others = torch.stack([bought[0], torch.tensor(negatives, dtype=torch.int64)])
    seeds, (positive, negative) = model.head.located(bought, others)
    return PairSamples(seeds, len(pairs), ASKED, positive, negative)


@pytest.fixture
def task() -> Task:
    generator = torch.Generator().manual_seed(4)
    relations = {}
    for key, density in ((BUY, 0.4), (VIEW, 0.6)):
        src, dst = (torch.rand(USERS, ITEMS, generator=generator) < density).nonzero(as_tuple=True)
        relations[key] = Relation.from_edges(src, dst, USERS, ITEMS)
    graph = HeteroGraph(
        num_nodes={"user": USERS, "item": ITEMS}, relations=relations
    ).with_reverses()
    links = {"default": Links(BUY, None, torch.tensor([[5], [3]]))}
    return make_task(Dataset("toy/shop", graph, links, task="recommendation"))


# ------------------------------------------------------------------ by hand, in float64


def encoded_by_hand(behaviour: CSR, start: Tensor) -> Tensor:
    """``x + sum_l unit(z_l)``, where the next layer reads the unit vectors."""
    linked = [[] for _ in start]
    for item, user in zip(*(ids.tolist() for ids in behaviour.coo()), strict=True):
        linked[user].append(USERS + item)
        linked[USERS + item].append(user)
    total, layer = start.clone(), start
    for _ in range(LAYERS):
        after = torch.zeros_like(start)
        for node, others in enumerate(linked):
            for other in others:
                after[node] += layer[other] / math.sqrt(len(others) * len(linked[other]))
            after[node] = torch.where(after[node] > 0, after[node], 0.5 * after[node])
            length = float(after[node].detach().norm())
            if length > 0:
                after[node] = after[node] / after[node].norm()
        total, layer = total + after, after
    return total


def terms_by_hand(task: Task, table: Tensor) -> dict[str, Tensor]:
    """Sums over pairs: the first two over the size asked for, the error over the true number."""
    target, source = (encoded_by_hand(task.graph.relations[key], table) for key in (BUY, VIEW))
    fused = target + 0.5 * source
    error = (target - 3 * source).square().mean(1)
    bpr, lengths, of_positives = [], [], []
    for (user, item), negative in zip(PAIRS, NEGATIVES, strict=True):
        bought, other = USERS + item, USERS + negative
        difference = fused[user] @ fused[bought] - fused[user] @ fused[other]
        bpr.append(torch.log1p(torch.exp(-difference)))
        lengths.append(sum(fused[node] @ fused[node] for node in (user, bought, other)))
        of_positives.append(error[user] + error[bought])
    return {
        "bpr": sum(bpr) / ASKED,
        "decay": DECAY * sum(lengths) / ASKED,
        "diffusion": WEIGHT * sum(of_positives) / len(PAIRS),
    }


def by_differences(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient by central differences, so that it owes nothing to autograd."""
    gradient, step = torch.zeros_like(x), 1e-6
    for place in range(x.numel()):
        moved = []
        for sign in (1, -1):
            other = x.clone()
            other.view(-1)[place] += sign * step
            moved.append(float(function(other)))
        gradient.view(-1)[place] = (moved[0] - moved[1]) / (2 * step)
    return gradient


def test_the_terms_of_a_short_last_batch(task: Task) -> None:
    step = training_step(task, PAIRS, NEGATIVES)
    assert step.count == len(PAIRS)
    expected = terms_by_hand(task, step.table)
    assert step.terms.keys() == expected.keys()
    for name, term in expected.items():
        assert step.terms[name] == pytest.approx(float(term), rel=1e-5), name


def test_users_and_items_are_denoised_apart(task: Task) -> None:
    """Each node of the batch once: four users; the bought 1, 2, 5 and the negatives 0, 7, 8."""
    assert training_step(task, PAIRS, NEGATIVES).sizes == (4, 6)


def test_the_gradient_of_a_step(task: Task) -> None:
    step = training_step(task, PAIRS, NEGATIVES)

    def total(table: Tensor) -> Tensor:
        return sum(terms_by_hand(task, table).values(), torch.zeros(()))

    expected = by_differences(total, step.table)
    torch.testing.assert_close(step.gradient, expected, rtol=1e-3, atol=1e-4)


def test_a_batch_without_pairs_has_no_loss(task: Task) -> None:
    step = training_step(task, [], [])
    assert step.count == 0
    assert set(step.terms.values()) == {0.0}
    assert not bool(step.gradient.any())


def test_each_group_of_nodes_has_a_cross_view_of_its_own() -> None:
    torch.manual_seed(0)
    both = CrossViews(DiffGraphConfig(hidden_dim=DIM, denoiser_dropout=0.0), 2).eval()
    source = torch.randn(5, DIM)
    made = both.generate(source, (2, 3))
    torch.testing.assert_close(
        made, torch.cat([both[0].generate(source[:2]), both[1].generate(source[2:])])
    )
    assert not torch.allclose(both[0].generate(source), both[1].generate(source))
    target = torch.randn(5, DIM)
    torch.manual_seed(1)
    _, error = both(target, source, (2, 3))
    torch.manual_seed(1)
    apart = [both[0](target[:2], source[:2])[1], both[1](target[2:], source[2:])[1]]
    torch.testing.assert_close(error, torch.cat(apart))
