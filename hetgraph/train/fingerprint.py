"""What a run is made from, name by name, so that only the same run is resumed."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.methods import Method
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict
from hetgraph.tasks.base import Task
from hetgraph.train.config import TrainConfig

__all__ = ["dataset_sha256", "fingerprint", "task_sha256"]

_HARMLESS = ("checkpoint_seconds", "checkpoint_batches", "tensorboard")
"""Settings that change no number of a run."""


def fingerprint(
    model: Method, task: Task, config: TrainConfig, seeds: Seeds, processes: int
) -> dict[str, Any]:
    """Returns plain values by dotted name; two runs with equal ones compute the same."""
    train = {k: v for k, v in config_to_dict(config).items() if k not in _HARMLESS}
    sections = {"model": config_to_dict(model.config), "train": train, "seeds": seeds.to_dict()}
    values = {
        f"{section}.{name}": value
        for section, settings in sections.items()
        for name, value in settings.items()
    }
    return {
        "model": model.name,
        "dataset": task.dataset_name,
        "the sha256 of the graph": task.graph.content_hash,
        **values,
        "the task (its labels or its split)": task_sha256(task),
        "the number of processes": processes,
    }


def dataset_sha256(dataset: Dataset) -> str:
    """Returns the sha256 of graph, labels, values, fixed splits and hypergraphs of a data set."""
    digest = hashlib.sha256(dataset.graph.content_hash.encode())
    if (labels := dataset.labels) is not None:
        digest.update(f"{labels.node_type} {labels.num_classes} {labels.multi_label}".encode())
        _update(digest, labels.index, labels.target)
    for name, split in sorted(dataset.splits.items()):
        digest.update(name.encode())
        _update(digest, split.train, split.valid, split.test)
    for name, links in sorted(dataset.links.items()):
        digest.update(f"{name} {links.edge_type}".encode())
        _update(digest, links.valid, links.test)
        for negatives in (links.valid_negatives, links.test_negatives):
            if negatives is not None:
                _update(digest, negatives)
    if (values := dataset.values) is not None:
        digest.update(f"values {values.node_type}".encode())
        _update(digest, values.index, values.target)
    for name, one in sorted(dataset.hypergraphs.items()):
        digest.update(f"hypergraph {name} {one.type_names}".encode())
        _update(digest, one.incidence.indptr, one.incidence.indices, one.edge_type)
    return digest.hexdigest()


def task_sha256(task: Task) -> str:
    """Returns the sha256 of the readable labels and the parts of a task."""
    digest = hashlib.sha256(repr(task.spec).encode())
    _update(digest, task.labels, task.index("train"), task.index("valid"))
    return digest.hexdigest()


def _update(digest: hashlib._Hash, *tensors: Tensor | None) -> None:
    for tensor in tensors:
        if tensor is None:
            digest.update(b"none")
            continue
        digest.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
