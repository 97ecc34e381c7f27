"""The whole contract with toy experts, and what holds for frozen ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError, DataError
from hetgraph.methods import Stage
from hetgraph.models.gph2 import GPH2, ExpertConfig, GPH2Config
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, audit, make_task
from hetgraph.train import TrainConfig, Trainer

SEEDS = Seeds.from_seed(0)
CONFIG = GPH2Config(
    sources=("toy/one", "toy/papers", "toy/more"),
    preset="mixed",
    expert=ExpertConfig(dim=16, epochs=12, lr=0.01),
)


def few(dataset: Dataset, seeds: Seeds = SEEDS, **options: Any) -> Task:
    chosen = {"shots": 4, "test_fraction": 0.5, **options}
    return make_task(dataset, seeds=seeds, options=chosen, family="few-shot")


@pytest.fixture
def dataset(toys: dict[str, Dataset]) -> Dataset:
    return toys["toy/papers"]


@pytest.fixture
def contract(contract_of: Callable[..., Any], dataset: Dataset) -> Any:
    """With experts of other graphs; the contract of the family trains one on the target."""
    settings = {"gph2": {field.name: getattr(CONFIG, field.name) for field in fields(CONFIG)}}
    return contract_of(lambda seeds: few(dataset, seeds), batch_size=5, settings=settings)


def trained(task: Task, config: GPH2Config, **options: Any) -> tuple[GPH2, dict[str, float]]:
    torch.manual_seed(0)
    model = GPH2.for_task(task, config)
    assert isinstance(model, GPH2)
    train = TrainConfig(lr=0.01, max_epochs=40, **options)
    result = Trainer(train, seeds=SEEDS, progress=False).fit(model, task)
    return model, result.metrics["test"]


def test_shapes_scores_and_relevance(contract: Any, dataset: Dataset) -> None:
    task = few(dataset)
    audit(task)
    model = contract.build("gph2", task)
    assert model.experts == ("toy/one", "toy/more")
    inputs = model.prepare(task, seeds=SEEDS)
    for split in ("train", "valid", "test"):
        with torch.no_grad():
            logits = model.eval().predict(inputs, split).values
        assert logits.shape == (task.index(split).numel(), 3)
        assert model.embed(inputs, split).shape == (len(logits), 16)
    rows = model.relevance(inputs, task.labels)
    by_class = [row for row in rows if row.label is not None]
    assert len(rows) == 2 + 2 * 3
    for label in range(3):
        assert abs(sum(row.weight for row in by_class if row.label == label) - 1) < 1e-6
    assert model.citation


def test_the_contract_of_all_models(contract: Any, tmp_path: Path) -> None:
    frozen = {name for name, _ in contract.build("gph2", contract.make(SEEDS)).named_parameters()}
    frozen = {name for name in frozen if name.startswith("encoders.")}
    assert set(contract.dead_parameters("gph2", batch_size=12)) == frozen
    contract.check_empty_batch("gph2")
    weights, others = contract.check_seeds("gph2")
    assert any(not torch.equal(weights[key], others[key]) for key in weights)
    contract.check_resuming("gph2", tmp_path / "runs", stop_at=4)


def test_saved_models_predict_the_same(dataset: Dataset, tmp_path: Path) -> None:
    task = few(dataset)
    model, scores = trained(task, CONFIG)
    model.save(tmp_path / "model")
    loaded = GPH2.load(tmp_path / "model")  # it needs no source
    assert loaded.config == model.config
    with torch.no_grad():
        predictions = loaded.predict(loaded.prepare(task, seeds=SEEDS), "test")
    assert task.score(predictions, "test")["macro_f1"] == scores["macro_f1"]


def test_frozen_experts_stay_as_they_were(dataset: Dataset) -> None:
    task = few(dataset)
    torch.manual_seed(0)
    before = GPH2.for_task(task, CONFIG).state_dict()
    model, _ = trained(task, CONFIG)
    after = model.state_dict()
    kept = [name for name in after if name.startswith("encoders.")]
    assert kept
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert not torch.equal(before["fusion.weight"], after["fusion.weight"])
    assert model.num_parameters() == 2 * (16 * 16 + 16) + 2 * 3 * 16 + 1


def test_labelled_rows_are_enough(dataset: Dataset) -> None:
    """The loss is that of aligning all nodes first, gradients included."""
    task = few(dataset)
    model = GPH2.for_task(task, replace(CONFIG, dropout=0.0))
    assert isinstance(model, GPH2)
    inputs = model.prepare(task, seeds=SEEDS)
    (batch,) = model.batches(inputs, "train", stage=Stage(), batch_size=100)
    loss = model.training_step(batch, stage=Stage()).total
    rows, fusion = inputs.rows["train"], model.fusion
    assert inputs.embedded is not None
    everyone = fusion.align(inputs.embedded)
    weights = fusion.expert_weights(everyone[:, rows], inputs.labels[rows])
    logits = fusion.logits(everyone, weights)[rows]
    whole = F.cross_entropy(logits, inputs.labels[rows]) + fusion.orthogonality()
    torch.testing.assert_close(loss, whole)
    parameters = [*fusion.parameters()]
    gradients, expected = (torch.autograd.grad(value, parameters) for value in (loss, whole))
    torch.testing.assert_close(gradients, expected, atol=1e-6, rtol=1e-4)


def test_hops_change_only_the_propagation(dataset: Dataset) -> None:
    task = few(dataset)
    model, _ = trained(task, replace(CONFIG, hops=0))
    assert isinstance(model, GPH2)
    inputs = model.prepare(task, seeds=SEEDS)
    expert = model.encoders[0]
    (x,) = inputs.propagated
    assert inputs.embedded is not None
    torch.testing.assert_close(inputs.embedded[0], expert([x])[0])
    assert model.config.expert == CONFIG.expert


def test_labels_of_others_do_not_matter(dataset: Dataset) -> None:
    task, labels = few(dataset, number=0), dataset.labels
    assert labels is not None
    held = torch.cat([task.index("valid"), task.index("test")])
    target = labels.target.clone()
    target[held] = (target[held] + 1) % 3
    other = few(dataset, number=0)
    other._labels[other.index("valid")] = target[other.index("valid")]  # type: ignore[attr-defined]
    torch.manual_seed(0)
    model = GPH2.for_task(task, CONFIG)
    model.eval()
    inputs = (model.prepare(view, seeds=SEEDS) for view in (task, other))
    assert torch.equal(*(model.predict(read, "test").values for read in inputs))


def test_it_learns_and_beats_chance(dataset: Dataset) -> None:
    task = few(dataset)
    _, scores = trained(task, CONFIG)
    assert scores["macro_f1"] > 0.7


@pytest.mark.parametrize("experts", ["random", "scratch"])
def test_controls_run(experts: Any, dataset: Dataset) -> None:
    config = replace(
        CONFIG, experts=experts, sources=() if experts == "scratch" else CONFIG.sources
    )
    model, scores = trained(few(dataset), config)
    assert model.frozen == (experts == "random")
    assert 0 <= scores["macro_f1"] <= 1
    encoders = [weight for name, weight in model.named_parameters() if "encoders" in name]
    assert all(weight.requires_grad == (experts == "scratch") for weight in encoders)


def test_a_homogeneous_target_may_have_copies(toys: dict[str, Dataset]) -> None:
    task = few(toys["toy/another"])
    for count in (1, 3):
        model = GPH2.for_task(task, replace(CONFIG, target_views=count))
        assert len(model.prepare(task, seeds=SEEDS).propagated) == count


def test_what_does_not_fit_is_told(dataset: Dataset, toys: dict[str, Dataset]) -> None:
    task = few(dataset)
    model = GPH2.for_task(task, CONFIG)
    with pytest.raises(DataError, match="made for another graph"):
        model.prepare(few(toys["toy/one"]), seeds=SEEDS)
    with pytest.raises(ConfigError, match=r"model\.sources names no graph"):
        GPH2(dataset.graph.schema, task.spec, GPH2Config())
    with pytest.raises(ConfigError, match="lists a data set twice"):
        GPH2Config(sources=("a", "a"))
