"""From a benchmark's YAML to the structures of :mod:`hetgraph.leaderboards.spec`, strictly.

Types and bounds are declared in the structures; what relates two places of a file, such as the
name of a source, is checked here. Every mistake names the file and the place, such as
``published.3.results.hgb/DBLP``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from hetgraph.errors import ConfigError, suggest
from hetgraph.leaderboards.spec import (
    Benchmark,
    Cell,
    DatasetSpec,
    Labels,
    Metric,
    OwnRow,
    Paired,
    PublishedRow,
    Rule,
    Source,
    TestSet,
    Variant,
)
from hetgraph.renamed import current_settings
from hetgraph.yamlfile import checked, read_yaml

__all__ = ["parse_benchmark"]

_NUMBER = r"(\d+(?:\.\d+)?)"
_VALUE = re.compile(rf"{_NUMBER}\s*(?:(?:±|\+-|\+/-)\s*{_NUMBER})?")
_ABSENT = ("oom", "unknown")


class _Published(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A published row as it is written; see :class:`PublishedRow`."""

    model: str
    source: str
    labels: Labels
    results: dict[str, Any]
    ours: str | None = None
    test: TestSet = "unknown"
    runs: int | None = None
    assumed_runs: int | None = None
    parameters: int | None = None
    notes: str = ""
    not_run: str = ""


class _File(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A benchmark file as it is written; see :class:`Benchmark`."""

    name: str
    title: str
    unit: Literal["percent", "raw"]
    protocol: tuple[str, ...]
    metrics: dict[str, Metric]
    verdict: Rule
    datasets: dict[str, DatasetSpec]
    sources: dict[str, Source]
    published: tuple[_Published, ...]
    summary: str = ""
    rank_by: str | None = None
    variants: dict[str, Variant] | None = None
    settings: dict[str, Any] = {}
    rows: tuple[OwnRow, ...] = ()
    paired: Paired | None = None


def parse_benchmark(path: Path) -> Benchmark:
    """Reads one benchmark file.

    Raises:
        ConfigError: If the YAML or a declaration in it is not valid.
    """
    file = checked(read_yaml(path, ConfigError), _File, path.name, ConfigError)
    if file.name != path.stem:
        _fail(path, "", f"name is {file.name!r}, but the file is called {path.name}")
    if file.variants == {}:
        _fail(path, "", "variants is empty; leave it out, or declare at least one")
    scale = 100.0 if file.unit == "percent" else 1.0
    metrics = {
        key: replace(metric, name=key, key=metric.key or key)
        for key, metric in file.metrics.items()
    }
    rank_by = file.rank_by or next(iter(metrics), "")
    _check_known(path, "rank_by", "metric", [rank_by], metrics)
    datasets = {
        key: _dataset(path, key, dataset, metrics, scale) for key, dataset in file.datasets.items()
    }
    published = tuple(
        _published(path, f"published.{i}", row, file, datasets)
        for i, row in enumerate(file.published)
    )
    for i, row in enumerate(file.rows):
        _check_known(path, f"rows.{i}", "dataset", row.datasets or (), datasets)
    if file.paired is not None:
        titles = [row.model for row in file.published] + [row.label for row in file.rows]
        _check_known(path, "paired", "row", [file.paired.against], titles)
    variants = file.variants or {"full": Variant(label="test")}
    return Benchmark(
        name=file.name,
        title=file.title,
        summary=file.summary,
        unit=file.unit,
        protocol=file.protocol,
        metrics=metrics,
        variants=tuple(replace(variant, name=key) for key, variant in variants.items()),
        datasets=datasets,
        sources={key: replace(source, key=key) for key, source in file.sources.items()},
        rule=file.verdict,
        rank_by=rank_by,
        settings=current_settings(file.settings),
        rows=tuple(
            replace(row, settings=current_settings(row.settings, row.model)) for row in file.rows
        ),
        paired=file.paired,
        published=published,
    )


def _fail(path: Path, place: str, message: str) -> NoReturn:
    """Raises a ConfigError that names the file and the place."""
    end = "" if message.endswith(("?", ".")) else "."
    raise ConfigError(f"{path.name}: {f'{place}: ' if place else ''}{message}{end}")


def _check_known(
    path: Path, place: str, what: str, names: Collection[str], known: Collection[str]
) -> None:
    for name in names:
        if name not in known:
            _fail(path, place, f"{what} {name!r} is not declared.{suggest(name, known)}")


def _dataset(
    path: Path, key: str, dataset: DatasetSpec, metrics: Mapping[str, Metric], scale: float
) -> DatasetSpec:
    place = f"datasets.{key}"
    names = dataset.metrics or tuple(metrics)
    _check_known(path, place, "metric", names, metrics)
    for name in names:
        if name not in dataset.margins:
            _fail(path, "", f"the key '{place}.margins.{name}' is missing")
    return replace(
        dataset,
        name=key,
        label=dataset.label or key,
        metrics=names,
        margins={name: dataset.margins[name] / scale for name in names},
        settings=current_settings(dataset.settings),
    )


def _published(
    path: Path, place: str, row: _Published, file: _File, datasets: Mapping[str, DatasetSpec]
) -> PublishedRow:
    if row.runs is not None and row.assumed_runs is not None:
        _fail(path, place, "give runs (established) or assumed_runs, not both")
    _check_known(path, place, "dataset", row.results, datasets)
    return PublishedRow(
        model=row.model,
        ours=row.ours,
        source=row.source,
        labels=row.labels,
        test=row.test,
        runs=row.runs or row.assumed_runs or file.verdict.assumed_runs,
        runs_assumed=row.runs is None,
        results={
            key: _cells(path, f"{place}.results.{key}", value, row.source, datasets[key], file)
            for key, value in row.results.items()
        },
        parameters=row.parameters,
        notes=row.notes,
        not_run=row.not_run,
    )


def _cells(
    path: Path, place: str, values: Any, source: str, dataset: DatasetSpec, file: _File
) -> dict[str, Cell]:
    """The published values of a row on a dataset by metric, in the order of the metrics."""
    if values in _ABSENT:
        values = dict.fromkeys(dataset.metrics, values)
    if not isinstance(values, Mapping):
        _fail(path, place, f"expected values by metric, 'oom' or 'unknown', found {values!r}")
    known = (*dataset.metrics, "sources")
    for key in values:
        if key not in known:
            _fail(path, place, f"unknown key {key!r}.{suggest(str(key), known)}")
    sources = values.get("sources", {})
    if not isinstance(sources, Mapping):
        _fail(path, place, f"sources is {sources!r}, expected a mapping of metrics to sources")
    cells = {}
    for metric in (name for name in dataset.metrics if name in values):
        key = sources.get(metric, source)
        _check_known(path, place, "source", [key], file.sources)
        cells[metric] = _cell(path, place, metric, str(values[metric]).strip(), key, file.unit)
    return cells


def _cell(path: Path, place: str, metric: str, text: str, source: str, unit: str) -> Cell:
    if text in _ABSENT:
        return Cell(status=text, source=source)  # type: ignore[arg-type]
    match = _VALUE.fullmatch(text)
    if match is None:
        _fail(path, place, f"{metric} is {text!r}, expected 'mean ± std', 'oom' or 'unknown'")
    mean, std = (None if number is None else float(number) for number in match.groups())
    assert mean is not None
    if unit == "raw":
        return Cell("value", source, mean, std)
    if mean > 100.0:
        _fail(path, place, f"{metric} is {text!r}: more than 100 percent")
    return Cell("value", source, mean / 100.0, None if std is None else std / 100.0)
