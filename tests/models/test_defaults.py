"""Defaults on graphs without features and with few labels: no method may end at chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from hetgraph import load_dataset
from hetgraph.benchmarks import defaults as bench
from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.catalog.attach import add_features
from hetgraph.data import HeteroGraph, Relation
from hetgraph.registry import models
from hetgraph.runs.plan import bind_metapaths, make_plan
from hetgraph.tasks import make_task
from hetgraph.train import rng
from hetgraph.train.engine import Engine
from hetgraph.train.trainer import Trainer

MOVIES, PEOPLE, PER_CLASS = 900, 700, 20


def films() -> Dataset:
    """Movies of three genres, the largest with 44 % of them; people mostly keep to one genre.

    No type has features, and 20 movies of each genre are for training.
    """
    draw = torch.Generator().manual_seed(7)
    genres = torch.multinomial(torch.tensor([0.44, 0.33, 0.23]), MOVIES, True, generator=draw)
    habits = torch.randint(3, (PEOPLE,), generator=draw)
    rows: list[torch.Tensor] = []
    for genre in range(3):
        chance = torch.where(habits == genre, 1.0, 0.1)
        size = int((genres == genre).sum())
        rows.append(torch.multinomial(chance, 4 * size, True, generator=draw))
    movies = torch.cat(
        [(genres == genre).nonzero()[:, 0].repeat_interleave(4) for genre in range(3)]
    )
    people = torch.cat(rows)
    counts = {"movie": MOVIES, "person": PEOPLE}
    relations = {
        ("movie", "with", "person"): Relation.from_edges(movies, people, MOVIES, PEOPLE),
        ("person", "in", "movie"): Relation.from_edges(people, movies, PEOPLE, MOVIES),
    }
    order = torch.randperm(MOVIES, generator=draw)
    first = [order[genres[order] == genre][:PER_CLASS] for genre in range(3)]
    train = torch.cat(first)
    rest = order[~torch.isin(order, train)]
    split = Split(train=train, valid=rest[:300], test=rest[300:])
    labels = Labels("movie", 3, torch.arange(MOVIES), genres)
    graph = HeteroGraph(num_nodes=counts, relations=relations)
    return Dataset("toy/films", graph, {"labels": labels}, {"fixed": split})


def scored(
    model: str, dataset: Dataset, settings: Mapping[str, Any] | None = None
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Trains with the defaults; returns the test scores, and those of chance."""
    given = {**(settings or {})}
    given["train"] = {"device": "cpu", **given.get("train", {})}
    plan = make_plan(models.get(model), dataset.name, settings=given, experiment=False)
    plan = bind_metapaths(plan, dataset)
    task = make_task(add_features(dataset, **plan.data), seeds=plan.seeds)
    engine = Engine(plan.train)
    with rng.isolated(engine.device, plan.seeds.key("init", "parameters")):
        method = plan.model.for_task(task, plan.config)
    trainer = Trainer(plan.train, seeds=plan.seeds, engine=engine, progress=False)
    result = trainer.fit(method, task, splits=("valid", "test"))
    return result.metrics["test"], bench.chance(task)


@pytest.mark.parametrize("model", bench.METHODS)
def test_twenty_labels_per_class_and_no_features(model: str) -> None:
    score, chance = scored(model, films())
    assert chance["micro_f1"] == pytest.approx(0.433, abs=1e-3)
    assert (
        score["micro_f1"] > 0.72
    )  # 0.79 to 0.87; without stand-ins and norm HGT had 0.65, RGCN 0.43


@pytest.mark.slow
@pytest.mark.parametrize("model", ["rgcn", "hgt", "sehgnn", "rphgnn"])
def test_a_real_graph_without_features(model: str) -> None:
    dataset = load_dataset("heco/aminer")
    score, chance = scored(model, dataset, {"task": {"labels_per_class": 20}})
    # Training is balanced and the test is not, so that Micro-F1 of chance is high.
    assert score["micro_f1"] > 0.5
    assert score["macro_f1"] > chance["macro_f1"] + 0.25
