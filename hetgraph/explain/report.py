"""What `hetgraph explain` makes from a run: the table, its file and the figures."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.errors import ConfigError, suggest
from hetgraph.explain import style
from hetgraph.explain.flow import flow_data
from hetgraph.explain.heatmap import class_heat_data, heat_data, heat_figure
from hetgraph.explain.scatter import Scatter, scatter_data, scatter_figure
from hetgraph.explain.schema import schema_data
from hetgraph.explain.table import split_classes, to_csv
from hetgraph.files import atomic_path
from hetgraph.metapaths.requests import requested_path
from hetgraph.methods import RelevanceRow
from hetgraph.runs.reopen import OpenRun, reopen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Explanation", "embedding_data", "explain"]

TABLE = "relevance.csv"
FIGURES = "explain"

ORDERS_DIFFER = "Weights of different orders are not comparable unless the method says so."


@dataclass(frozen=True)
class Explanation:
    """What a model relied on, and the files that show it.

    Args:
        model: Name of the method.
        dataset: Name of the data set.
        rows: Relevance in the order of the model; empty if the method has none.
        class_names: Names of the classes; empty if the data set has none.
        files: Paths of the written files, the table first.
        notes: Sentences about what is missing and why.
    """

    model: str
    dataset: str
    rows: tuple[RelevanceRow, ...]
    class_names: tuple[str, ...]
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def explain(
    run_dir: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    *,
    by_class: bool = False,
    formats: Sequence[str] = ("png", "svg"),
) -> Explanation:
    """Writes ``relevance.csv`` and a folder ``explain`` with figures into the folder of a run.

    Without matplotlib there are no figures, and a note says so. A method without relevance has no
    table, heat map or flow; a task without classes has no embedding figure.

    Args:
        run_dir: Folder of a finished run.
        root: Folder of the data sets.
        by_class: Whether to add weights by class, over training and validation nodes.
        formats: Formats of the figures: ``"png"``, ``"svg"``, ``"pdf"``; empty for no figures.

    Raises:
        ConfigError: If the folder holds no run, or a format is unknown.
        OutputError: If a file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import hetgraph
        >>> with TemporaryDirectory() as folder:
        ...     settings = {"train": {"max_epochs": 1}}
        ...     record = hetgraph.run("rphgnn", out=f"{folder}/run", settings=settings)
        ...     explanation = explain(f"{folder}/run", formats=())
        >>> explanation.dataset, explanation.rows[0].node_type
        ('synthetic/academic', 'author')
    """
    for kind in formats:
        if kind not in style.FORMATS:
            raise ConfigError(f"unknown figure format {kind!r}.{suggest(kind, style.FORMATS)}")
    run = reopen(run_dir, root)
    rows = run.relevance(by_class=by_class)
    notes, files = [*_remarks(run, rows, by_class), *_named_paths(run, rows)], []
    if rows:
        files.append(Path(run_dir) / TABLE)
        with atomic_path(files[0]) as path:
            path.write_text(to_csv(rows), encoding="utf-8")
    if formats:
        try:
            style.require_matplotlib()
        except ConfigError as error:
            notes.append(f"No figures: {error}")
        else:
            files += _write_figures(run, rows, Path(run_dir) / FIGURES, formats)
    return Explanation(
        run.record.model,
        run.record.dataset,
        tuple(rows),
        _class_names(run),
        tuple(files),
        tuple(notes),
    )


def embedding_data(run: OpenRun) -> dict[str, Scatter]:
    """Projects the representations of all splits to two dimensions, with visible labels only.

    Returns:
        Intermediate representations by name, then the final ones under ``""``.
    """
    splits = run.task.open_splits()
    by_name: dict[str, dict[str, Tensor]] = {}
    with torch.no_grad():
        for split in splits:
            made = {**run.model.earlier(run.inputs, split), "": run.model.embed(run.inputs, split)}
            for name, vectors in made.items():
                by_name.setdefault(name, {})[split] = vectors
    labels = {split: run.task.labels[ids] for split, ids in splits.items()}
    return {
        name: scatter_data(vectors, labels, seed=run.record.seed)
        for name, vectors in by_name.items()
    }


def _write_figures(
    run: OpenRun, rows: Sequence[RelevanceRow], folder: Path, formats: Sequence[str]
) -> list[Path]:
    from hetgraph.explain.flow_picture import flow_figure
    from hetgraph.explain.reliability_picture import reliability_data, reliability_figure
    from hetgraph.explain.schema_picture import schema_figure

    about = f"{run.record.model} on {run.record.dataset}"
    several = len({row.order for row in rows}) > 1
    notes = [ORDERS_DIFFER] if several else []
    graph, target, names = run.task.graph, run.task.spec.target, _class_names(run)
    made: dict[str, Callable[[], Figure]] = {}
    if rows:
        made["relevance"] = lambda: heat_figure(
            heat_data(rows),
            f"Relevance: {about}",
            axis="order (hop, iteration or layer)",
            notes=notes,
        )
        made["flow"] = lambda: flow_figure(
            flow_data(rows, graph.schema),
            f"Relation flow: {about}",
            types=graph.node_types,
            notes=notes,
        )
    if by_class := class_heat_data(rows, names):
        made["relevance-by-class"] = lambda: heat_figure(
            by_class, f"Relevance by class: {about}", axis="class", notes=notes
        )
    for name, data in embedding_data(run).items() if _has_classes(run) else ():
        title = f"Representations of {target}{name and f', {name}'}: {about}"
        made["-".join(["embedding", *name.split()])] = partial(scatter_figure, data, title, names)
    made["schema"] = lambda: schema_figure(
        schema_data(graph), f"Schema of {run.record.dataset}", target=target
    )
    if told := reliability_data(run.record):
        made["reliability"] = partial(reliability_figure, told, f"Reliability: {about}")
    paths = []
    with style.look():
        for name, draw in made.items():
            paths += style.save(draw(), folder, name, formats)
    return paths


def _remarks(run: OpenRun, rows: Sequence[RelevanceRow], by_class: bool) -> list[str]:
    name = run.record.model
    if not rows:
        return [f"{name} weighs no relations, so there is no relevance table."]
    if by_class and not split_classes(rows)[1]:
        return [f"{name} has the same weights for all nodes, so there are no weights by class."]
    return []


def _named_paths(run: OpenRun, rows: Sequence[RelevanceRow]) -> list[str]:
    """Returns a line for each meta-path that the rows call by its name."""
    schema = run.task.graph.schema
    shown = {re.sub(r"^label: |^\(self\) \(beside |\)$", "", row.relation) for row in rows}
    requests: Sequence[str] = getattr(run.model.config, "metapaths", None) or ()
    lines = []
    for request in requests:
        name, path = request.partition("=")[0].strip(), requested_path(schema, request)
        if path is not None and name in shown and name != request:
            lines.append(f"{name} is {path}")
    return lines


def _has_classes(run: OpenRun) -> bool:
    return run.task.spec.kind in ("node-classification", "few-shot")


def _class_names(run: OpenRun) -> tuple[str, ...]:
    return run.dataset.labels.class_names if run.dataset.labels else ()
