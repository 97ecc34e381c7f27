"""The tokenizer of other graphs: read from the cache folder, or trained once and stored there."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import torch

from hetgraph.catalog.loading import load_dataset
from hetgraph.features.store import content_digest
from hetgraph.files import cache_folder
from hetgraph.methods import Method
from hetgraph.models.higpt.config import HiGPTConfig, LanguageConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task
from hetgraph.train import TrainConfig, Trainer, rng

__all__ = ["pretrained_tokenizer"]

_VERSION = 1  # raise it when tokenizers of the same settings change
_LR = 1e-3


def pretrained_tokenizer(cls: type[Method], config: HiGPTConfig, *, progress: bool = True) -> Path:
    """Returns the folder of the tokenizer that was aligned with the texts of ``config.sources``.

    No label is read, and the seed is fixed, so that all runs share it.

    Args:
        cls: HiGPT.
        config: Sources, dims, and settings of the stage ``"tokenizer"``.
        progress: Whether to show progress on stderr.
    """
    plain = replace(
        config,
        stage="tokenizer",
        start="",
        freeze=False,
        descriptions={},
        class_names=(),
        captions=(),
        dropout=0.0,
        language=LanguageConfig(),
    )
    datasets = [load_dataset(name) for name in plain.sources]
    key = (_VERSION, [dataset.graph.content_hash for dataset in datasets], asdict(plain))
    name = "+".join(dataset.name for dataset in datasets)
    folder = cache_folder("tokenizers", name, content_digest(*key))
    if not folder.is_dir():
        seeds = Seeds.from_seed(0)
        task = make_task(datasets[0], seeds=seeds)
        train = TrainConfig(
            optimizer="adamw",
            lr=_LR,
            max_epochs=config.source_epochs,
            batch_size=config.grounding_batch,
            checkpoint_seconds=None,
            tensorboard=False,
        )
        with rng.isolated(torch.device("cpu"), seeds.key("init", "tokenizer")):
            model = cls.for_task(task, plain)
            Trainer(train, seeds=seeds, progress=progress).fit(model, task, splits=())
        model.to("cpu").save(folder)
    return folder
