"""The expert of a graph: read from the cache folder, or trained once and stored there."""

from __future__ import annotations

import time
from dataclasses import asdict, replace

import torch
from torch import Tensor

from hetgraph.catalog import Dataset
from hetgraph.errors import DataError
from hetgraph.features.store import content_digest
from hetgraph.models.gph2.config import ExpertConfig
from hetgraph.models.gph2.expert import ExpertTraining
from hetgraph.models.gph2.store import ExpertCard, expert_folder, load_expert, save_expert
from hetgraph.nn import is_homogeneous, metapath_requests, view_names
from hetgraph.seeds import Seeds
from hetgraph.tasks import SelfSupervised
from hetgraph.train import TrainConfig, Trainer, rng

__all__ = ["get_expert"]

_VERSION = 1  # raise it when experts of the same settings change


def get_expert(
    dataset: Dataset, config: ExpertConfig, *, progress: bool = True
) -> tuple[ExpertCard, dict[str, Tensor]]:
    """Returns the card and the encoder of a graph's expert; trains it if there is none.

    Labels are not read; they only determine the node type that is represented.

    Args:
        dataset: The graph.
        config: Settings of the expert.
        progress: Whether to show progress on stderr.

    Raises:
        DataError: If the data set has no node labels, which determine the target type.
    """
    if dataset.labels is None:
        raise DataError(f"{dataset.name} has no node labels, which determine its target type.")
    target = dataset.labels.node_type
    schema = dataset.graph.schema
    if not config.metapaths:
        paths = tuple(f"{name}={text}" for name, text in dataset.metapaths.items())
        if not paths and not is_homogeneous(schema):  # named, so that they are part of the key
            paths = metapath_requests(schema, target, ())
        config = replace(config, metapaths=paths)
    key = (_VERSION, dataset.graph.content_hash, target, asdict(config))
    folder = expert_folder(dataset.name, content_digest(*key))
    if not folder.is_dir():
        save_expert(folder, *_train(dataset, target, config, progress))
    return load_expert(folder)


def _train(
    dataset: Dataset, target: str, config: ExpertConfig, progress: bool
) -> tuple[ExpertCard, dict[str, Tensor]]:
    task = SelfSupervised(dataset.graph, target, dataset.name)
    seeds, start = Seeds.from_seed(config.seed), time.perf_counter()
    with rng.isolated(torch.device("cpu"), seeds.key("init", "expert")):
        model = ExpertTraining(dataset.graph.schema, task.spec, config)
        if config.epochs:
            trainer = Trainer(_train_config(config), seeds=seeds, progress=progress)
            result = trainer.fit(model, task, splits=("test",))
            epochs, best, loss = result.epochs, result.best_epoch, result.metrics["test"]["loss"]
            model.to("cpu")
        else:
            inputs = model.prepare(task, seeds=seeds)
            model.calibrate(inputs, torch.randperm(len(inputs.features)))
            with torch.no_grad():
                epochs, best, loss = 0, None, float(model.predict(inputs, "test").values)
    card = ExpertCard(
        model="gph2",
        source=dataset.name,
        target=target,
        homogeneous=is_homogeneous(dataset.graph.schema),
        views=_views(dataset, target, config),
        num_nodes=dataset.graph.num_nodes[target],
        graph_sha256=dataset.graph.content_hash,
        config=asdict(config),
        schema=dataset.graph.schema.to_dict(),
        epochs=epochs,
        best_epoch=best,
        loss=loss,
        seconds=time.perf_counter() - start,
    )
    return card, model.encoder.state_dict()


def _views(dataset: Dataset, target: str, config: ExpertConfig) -> tuple[str, ...]:
    schema = dataset.graph.schema
    names = view_names(schema, target, config.metapaths)
    copies = config.num_views if is_homogeneous(schema) and not config.metapaths else 1
    return (*names, *(f"(dropped {number})" for number in range(1, copies)))


def _train_config(config: ExpertConfig) -> TrainConfig:
    return TrainConfig(
        lr=config.lr,
        weight_decay=config.weight_decay,
        max_epochs=config.epochs,
        patience=config.patience,
        checkpoint_seconds=None,
        tensorboard=False,
    )
