"""Propagation and the scores of the contrast against dense float64 references."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset
from hetgraph.data import EdgeType
from hetgraph.models.gph2 import GPH2, ExpertConfig, GPH2Config, expert
from hetgraph.models.gph2.encoder import aligned_features
from hetgraph.models.gph2.expert import ExpertInputs, ExpertTraining, contrast_loss
from hetgraph.seeds import Seeds
from hetgraph.tasks import SelfSupervised, Task, make_task

SEEDS = Seeds.from_seed(0)
DIM = 16
PATHS = ("paper-author-paper", "paper-author-paper-author-paper")
EPS = 1e-5  # of the batch norm


# ------------------------------------------------------------------ dense references


def normalised(adjacency: Tensor) -> Tensor:
    """``D^-1/2 (A + I) D^-1/2`` with one loop per node and each pair once."""
    closed = ((adjacency + adjacency.T) > 0).double()
    closed.fill_diagonal_(1)
    root = closed.sum(1).rsqrt()
    return root[:, None] * closed * root[None, :]


def dense_views(dataset: Dataset) -> list[Tensor]:
    """The matrix of every view of a toy graph without dropped edges."""
    relations = dataset.graph.relations
    near = EdgeType("node", "near", "node")
    if near in relations:
        return [normalised(relations[near].to_dense(torch.float64))]
    by = relations[EdgeType("author", "writes", "paper")].to_dense(torch.float64)
    once = by @ by.T
    return [normalised(once), normalised(once @ once)]


def paths_of(dataset: Dataset) -> tuple[str, ...]:
    return () if "node" in dataset.graph.num_nodes else PATHS


def propagated_by_hand(dataset: Dataset, x: Tensor, hops: int) -> list[Tensor]:
    return [torch.linalg.matrix_power(view, hops) @ x.double() for view in dense_views(dataset)]


class Reference:
    """The encoder and the discriminator from the state of a model, in float64.

    The running statistics of the batch norm are moved by the passes, as the model's should be.
    """

    def __init__(self, model: ExpertTraining) -> None:
        state = model.state_dict()
        self.state = {name: tensor.double().clone() for name, tensor in state.items()}
        self.training = model.training

    def _norm(self, x: Tensor) -> Tensor:
        mean, var = (self.state[f"encoder.norm.running_{moment}"] for moment in ("mean", "var"))
        if self.training:
            own_mean, own_var = x.mean(0), ((x - x.mean(0)) ** 2).mean(0)
            unbiased = own_var * len(x) / (len(x) - 1)
            mean.mul_(0.9).add_(0.1 * own_mean)
            var.mul_(0.9).add_(0.1 * unbiased)
            mean, var = own_mean, own_var
        scaled = (x - mean) / (var + EPS).sqrt()
        return scaled * self.state["encoder.norm.weight"] + self.state["encoder.norm.bias"]

    def encode(self, propagated: Sequence[Tensor]) -> Tensor:
        state, hidden, scores = self.state, [], []
        for view in propagated:
            mapped = view @ state["encoder.linear.weight"].T + state["encoder.linear.bias"]
            hidden.append(self._norm(mapped).clamp(min=0))
        for view in hidden:
            inner = view @ state["encoder.attention.hidden.weight"].T
            inner = (inner + state["encoder.attention.hidden.bias"]).tanh()
            scores.append(inner @ state["encoder.attention.score.weight"][0])
        weights = torch.stack(scores, 1).exp()
        weights = weights / weights.sum(1, keepdim=True)
        return sum(weights[:, view, None] * one for view, one in enumerate(hidden))

    def scores(self, true: Sequence[Tensor], false: Sequence[Tensor]) -> Tensor:
        """``h^T B sigmoid(mean of the true) + b``: true nodes, then false ones."""
        real, fake = self.encode(true), self.encode(false)
        summary = 1 / (1 + (-real.mean(0)).exp())
        matrix, offset = self.state["discriminator.weight"][0], self.state["discriminator.bias"]
        return torch.stack([node @ matrix @ summary + offset[0] for node in (*real, *fake)])


# ------------------------------------------------------------------ the models


def pretraining(dataset: Dataset, **settings: object) -> tuple[ExpertTraining, ExpertInputs]:
    """An expert in training with all weights away from their start, and its inputs."""
    config = ExpertConfig(dim=DIM, num_views=1, metapaths=paths_of(dataset), **settings)  # type: ignore[arg-type]
    assert dataset.labels is not None
    task = SelfSupervised(dataset.graph, dataset.labels.node_type, dataset.name)
    torch.manual_seed(1)
    model = ExpertTraining(dataset.graph.schema, task.spec, config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        model.encoder.norm.running_mean.normal_(0, 0.1)
        model.encoder.norm.running_var.uniform_(0.5, 2)
    return model, model.prepare(task, seeds=SEEDS)


@pytest.mark.parametrize("hops", [0, 1, 3])
@pytest.mark.parametrize("name", ["toy/one", "toy/papers"])
@pytest.mark.parametrize("training", [True, False])
def test_scores_of_true_and_false_nodes(
    toys: dict[str, Dataset], name: str, hops: int, training: bool
) -> None:
    """All steps of pre-training: hops, map, batch norm by view and pass, attention, summary."""
    dataset = toys[name]
    model, inputs = pretraining(dataset, hops=hops, dropout=0.0)
    model.train(training)
    reference = Reference(model)
    order = torch.randperm(len(inputs.features), generator=torch.Generator().manual_seed(2))
    actual = model.scores(inputs, order)[0].detach().double()
    x = inputs.features.double()
    true, false = (propagated_by_hand(dataset, copy, hops) for copy in (x, x[order]))
    expected = reference.scores(true, false)
    assert float(expected.std()) > 0.01
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4)
    for statistic in ("running_mean", "running_var"):
        moved = model.state_dict()[f"encoder.norm.{statistic}"].double()
        torch.testing.assert_close(
            moved, reference.state[f"encoder.norm.{statistic}"], rtol=1e-4, atol=1e-6
        )


def test_the_loss_is_the_mean_cross_entropy_of_both_halves() -> None:
    scores = torch.randn(1, 10)
    chance = 1 / (1 + (-scores.double()).exp())
    expected = -(chance[0, :5].log().sum() + (1 - chance[0, 5:]).log().sum()) / 10
    torch.testing.assert_close(contrast_loss(scores).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hops", [0, 1, 3])
@pytest.mark.parametrize("name", ["toy/one", "toy/papers"])
def test_values_are_dropped_before_the_first_hop(
    toys: dict[str, Dataset], name: str, hops: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask of its own for each view, and for the true and the false half."""
    dataset = toys[name]
    model, inputs = pretraining(dataset, hops=hops, dropout=0.25)
    masks: list[Tensor] = []

    def known(x: Tensor, p: float, training: bool = True) -> Tensor:
        assert (p, training) == (0.25, True)
        generator = torch.Generator().manual_seed(len(masks))
        masks.append((torch.rand(x.shape, generator=generator) >= p).to(x) / (1 - p))
        return x * masks[-1]

    monkeypatch.setattr(expert, "dropout", known)
    order = torch.arange(len(inputs.features)).roll(1)
    actual = model.train()._propagate(inputs, order)
    views = dense_views(dataset)
    assert len(masks) == len(views)
    x = inputs.features.double()
    for half, own in enumerate((x, x[order])):
        for made, view, mask in zip(actual[half], views, masks, strict=True):
            dropped = own * mask.double()[:, half * DIM : (half + 1) * DIM]
            expected = torch.linalg.matrix_power(view, hops) @ dropped
            torch.testing.assert_close(made.double(), expected, rtol=1e-4, atol=1e-6)


# ------------------------------------------------------------------ the fusion


def target_task(dataset: Dataset) -> Task:
    options = {"shots": 4, "test_fraction": 0.5}
    return make_task(dataset, seeds=SEEDS, options=options, family="few-shot")


def propagated(dataset: Dataset, hops: int | None) -> tuple[Sequence[Tensor], Tensor]:
    """What the fusion reads of its target by view, and the aligned features."""
    task = target_task(dataset)
    config = GPH2Config(
        experts="scratch",
        hops=hops,
        metapaths=paths_of(dataset),
        expert=ExpertConfig(dim=DIM),
    )
    inputs = GPH2.for_task(task, config).prepare(task, seeds=SEEDS)
    return inputs.propagated, aligned_features(task, DIM, SEEDS.projection)


@pytest.mark.parametrize(
    ("name", "hops", "steps"),
    [
        *(("toy/one", hops, hops) for hops in (0, 1, 3)),
        *(("toy/papers", hops, hops) for hops in (0, 1, 3)),
        ("toy/one", None, 5),
        ("toy/papers", None, 2),
    ],
)
def test_the_target_is_propagated_so_many_hops(
    toys: dict[str, Dataset], name: str, hops: int | None, steps: int
) -> None:
    actual, x = propagated(toys[name], hops)
    expected = propagated_by_hand(toys[name], x, steps)
    assert len(actual) == len(expected)
    for made, reference in zip(actual, expected, strict=True):
        torch.testing.assert_close(made.double(), reference, rtol=1e-4, atol=1e-6)
