"""The front door: from data and the name of a method to a model that answers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hetgraph.catalog.dataset import Dataset
from hetgraph.errors import ConfigError
from hetgraph.io.given import Given, SplitRequest, TargetRequest, as_dataset
from hetgraph.registry import models
from hetgraph.runs.execute import execute
from hetgraph.runs.experiment import user_settings
from hetgraph.runs.fitted import Fitted
from hetgraph.runs.functions import Functions, LossFunction, MetricFunction
from hetgraph.runs.plan import Plan, make_plan
from hetgraph.runs.record import Record
from hetgraph.settings import merge
from hetgraph.tasks import families
from hetgraph.train import Callback

__all__ = ["DEFAULT_DATASET", "asked_by_name", "fit", "run", "settings_from"]

DEFAULT_DATASET = "synthetic/academic"


def fit(
    model: str,
    data: Given | str = DEFAULT_DATASET,
    *,
    target: TargetRequest = None,
    split: SplitRequest = None,
    task: str = "",
    settings: Mapping[str, Any] | None = None,
    metapaths: Sequence[str] = (),
    seed: int = 0,
    root: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    loss: LossFunction | None = None,
    metrics: Mapping[str, MetricFunction] | None = None,
) -> Fitted:
    """Trains a model on a graph and returns it, ready to answer.

    The task is audited first: no held-out information may reach what the model reads.

    Args:
        model: Name of the model, see ``hetgraph models``.
        data: A :class:`~hetgraph.data.HeteroGraph`, a ``HeteroData`` of PyG, a
            :class:`~hetgraph.catalog.Dataset`, or a name: ``"collection/name"`` or
            ``"format:path"``.
        target: What is to be predicted: ``("paper", labels)``, an edge type whose links are to be
            predicted, a :class:`~hetgraph.catalog.Target`, or the name of a target of the data;
            see :func:`hetgraph.io.as_dataset`. ``None``: what the data have.
        split: Training, validation and test; see :func:`hetgraph.io.as_dataset`.
        task: Family of tasks, such as ``"recommendation"``; empty: the target's own.
        settings: Values by section (``model``, ``train``, ``task``, ``seeds``, ``data``) and name.
        metapaths: Meta-paths for a model that takes some: names, texts or YAML files.
        seed: Seed of all sources of chance.
        root: Folder of the data sets.
        out: Folder that the run is written to, new or empty; ``None``: nothing is written, see
            :meth:`Fitted.save`.
        resume: Whether to continue the run in ``out``.
        progress: Whether to show progress on stderr.
        callbacks: Functions that are called with a :class:`~hetgraph.train.Epoch` after each
            epoch; one may raise :class:`~hetgraph.train.StopTraining`.
        loss: ``loss(outputs, target)`` in place of the task's, a scalar mean over the samples.
        metrics: Further metrics ``metric(predictions, target)`` by name.

    Raises:
        UserError: If a name, a value or the data are wrong, before training starts.

    Example:
        >>> import pandas as pd
        >>> import hetgraph
        >>> from hetgraph.io import NodeTable
        >>> users = pd.DataFrame({"id": list("abcdefgh"), "age": [20, 30, 40, 50, 60, 70, 25, 35]})
        >>> likes = pd.DataFrame({"src": list("abcdefgh"), "dst": list("bcdefgha")})
        >>> nodes = {"user": NodeTable(users, features=["age"])}
        >>> graph = hetgraph.from_tables(nodes, {("user", "likes", "user"): likes})
        >>> plan = {"a": "free", "b": "paid", "c": "free", "d": "paid", "e": "free", "f": "paid"}
        >>> settings = {"train": {"max_epochs": 3}}
        >>> fitted = hetgraph.fit(
        ...     "rgcn", graph, target=("user", plan), settings=settings, progress=False
        ... )
        >>> fitted.predict(["g", "h"]).column("id").to_pylist()
        ['g', 'h']
    """
    functions = Functions(loss, dict(metrics or {}), tuple(callbacks))
    chosen = merge(settings or {}, {"task": {"kind": task}} if task else {})
    given: Dataset | None = None
    if isinstance(data, str):
        name, chosen = data, merge(chosen, asked_by_name(data, target, split))
    else:
        given = as_dataset(data, target, split, family=task)
        name = given.name
    plan = _plan(model, name, functions, seed, chosen, metapaths, given)
    if out is not None:
        return execute(
            plan,
            functions,
            given=given,
            root=root,
            out=Path(out),
            resume=resume,
            progress=progress,
        )
    if resume:
        raise ConfigError("resume=True needs out=, the folder of the run to continue.")
    with TemporaryDirectory(prefix="hetgraph-") as folder:
        fitted = execute(
            plan, functions, given=given, root=root, out=Path(folder) / "run", progress=progress
        )
    record = replace(fitted.record, out=None)
    run = replace(fitted.run, folder=None, record=record)
    return Fitted(record, fitted.model, run, root=root)


def _plan(
    model: str,
    name: str,
    functions: Functions,
    seed: int,
    settings: Mapping[str, Any],
    metapaths: Sequence[str],
    given: Dataset | None = None,
    experiment: bool = True,
) -> Plan:
    """Makes a plan of what a user asked for."""
    chosen = dict(settings)
    functions.check(chosen.pop("functions", None) or functions.names)
    cls = models.get(model)
    return make_plan(
        cls,
        name,
        seed=seed,
        settings=chosen,
        metapaths=metapaths,
        given=given,
        experiment=experiment,
    )


def asked_by_name(data: str, target: TargetRequest, split: SplitRequest) -> dict[str, Any]:
    """Returns target and split of a data set with a name, as settings."""
    settings: dict[str, Any] = {}
    if target is not None:
        if not isinstance(target, str):
            raise ConfigError(
                f"{data} has targets of its own: name one of them, or load it with "
                "hetgraph.load_dataset and give the data set."
            )
        settings["task" if target in families() else "data"] = (
            {"kind": target} if target in families() else {"target": target}
        )
    if split is not None:
        if not isinstance(split, str):
            raise ConfigError(
                f"{data} has splits of its own: name one of them, or load it with "
                "hetgraph.load_dataset and give the data set."
            )
        settings["task"] = {**settings.get("task", {}), "split": split}
    return settings


def settings_from(
    model: str,
    config: Path | None = None,
    assignments: Sequence[str] = (),
    dataset: str = "",
) -> dict[str, Any]:
    """Returns the settings of a ``--config`` file with ``--set`` words laid over them.

    Args:
        model: Name of the model.
        config: YAML file with the sections ``model``, ``train``, ``task``, ``seeds``, ``data``.
        assignments: ``["train.lr=0.01", "dropout=0.5"]``.
        dataset: Name of the data set, if it is known; it tells which options the task has.

    Raises:
        ConfigError: If a name or a value is wrong.

    Example:
        >>> settings_from("rgcn", assignments=["train.lr=0.01", "dropout=0.5"])
        {'train': {'lr': '0.01'}, 'model': {'dropout': '0.5'}}
    """
    return user_settings(models.get(model), config, assignments, dataset)


def run(
    model: str,
    dataset: str = DEFAULT_DATASET,
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    metapaths: Sequence[str] = (),
    experiment: bool = True,
    root: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    loss: LossFunction | None = None,
    metrics: Mapping[str, MetricFunction] | None = None,
) -> Record:
    """Trains a model on a data set and writes the outcome to a folder.

    The folder gets ``config.yaml`` at once, ``metrics.jsonl`` (and ``tensorboard/``) while it
    trains, then ``predictions.safetensors``, ``model/`` and, last, ``result.json``.

    Args:
        model: Name of the model.
        dataset: ``"collection/name"`` or ``"format:path"``.
        seed: Seed of all four sources of chance; ``settings["seeds"]`` sets single ones.
        settings: Values by section and name; they win over the experiment file of the pair, which
            wins over the defaults of the classes. The key ``functions``, as :func:`settings_from`
            reads it from the ``config.yaml`` of a run, demands the same functions.
        metapaths: Meta-paths for a model that takes some: names, texts or YAML files.
        experiment: Whether the experiment file of the pair counts, if there is one.
        root: Folder of the data sets.
        out: Folder of the run, new or empty; ``None`` takes a new one below ``runs``.
        resume: Whether to continue the run in ``out``. A finished one is returned as it is.
        progress: Whether to show progress on stderr.
        callbacks: Functions that are called with a :class:`~hetgraph.train.Epoch` after each
            epoch; one may raise :class:`~hetgraph.train.StopTraining`.
        loss: ``loss(logits, target)`` in place of the task's, a scalar mean over the samples.
        metrics: Further metrics ``metric(predictions, target)`` by name. The record holds the
            names of all functions; a run with functions can only be repeated from Python.

    Returns:
        The record of the run.

    Raises:
        UserError: If a name, a value, a file or the folder is wrong, before training starts.

    Example:
        >>> import tempfile
        >>> settings = {"data": {"num_nodes": 200}, "train": {"max_epochs": 2, "device": "cpu"}}
        >>> seen = []
        >>> record = run(
        ...     "mlp",
        ...     settings=settings,
        ...     out=tempfile.mkdtemp(),
        ...     progress=False,
        ...     callbacks=[lambda epoch: seen.append(epoch.epoch)],
        ... )
        >>> seen, record.epochs, sorted(record.metrics)
        ([1, 2], 2, ['test', 'train', 'valid'])
    """
    functions = Functions(loss, dict(metrics or {}), tuple(callbacks))
    plan = _plan(model, dataset, functions, seed, settings or {}, metapaths, None, experiment)
    fitted = execute(
        plan,
        functions,
        root=root,
        out=None if out is None else Path(out),
        resume=resume,
        progress=progress,
    )
    return fitted.record
