"""From a benchmark's YAML to the structures of :mod:`hetgraph.leaderboards.spec`, strictly.

Types and bounds are declared in the structures; what relates two places of a file, such as the
name of a source, is checked here. Every mistake names the file and the place, such as
``published.3.results.hgb/DBLP``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hetgraph.errors import ConfigError, ConfigProblemsError, suggest
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
from hetgraph.yamlfile import all_mistakes, kept, read_yaml

__all__ = ["parse_benchmark"]

_NUMBER = r"(\d+(?:\.\d+)?)"
_VALUE = re.compile(rf"{_NUMBER}\s*(?:(?:±|\+-|\+/-)\s*{_NUMBER})?")
_ABSENT = ("oom", "unknown")
_SECTIONS = ("metrics", "datasets", "sources")
T = TypeVar("T")


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
    sources: dict[str, Source] = {}
    published: tuple[_Published, ...] = ()
    summary: str = ""
    rank_by: str | None = None
    variants: dict[str, Variant] | None = None
    settings: dict[str, Any] = {}
    rows: tuple[OwnRow, ...] = ()
    paired: Paired | None = None


_EMPTY: Mapping[str, Any] = {
    **{"name": "", "title": "", "unit": "percent", "protocol": [], "metrics": {}, "datasets": {}},
    "verdict": {"alpha": 0.05, "min_runs": 2, "assumed_runs": 2, "margin_reason": ""},
}
"""Stands for required parts with mistakes, so that the other parts can still be checked."""


def parse_benchmark(path: Path) -> Benchmark:
    """Reads one benchmark file.

    Raises:
        ConfigError: If the YAML or a declaration in it is not valid; all mistakes at once.
    """
    content = read_yaml(path, ConfigError)
    lines, left = all_mistakes(content, _File)
    mistakes = _Mistakes(path, content, [f"{path.name}{line}" for line in lines])
    if not isinstance(content, Mapping):
        mistakes.check()
    file = msgspec.convert({**_EMPTY, **left}, _File)
    return _benchmark(path, file, mistakes)


@dataclass(frozen=True)
class _Mistakes:
    """The mistakes in a file so far.

    Args:
        path: The file.
        content: What was read.
        lines: One message per mistake.
    """

    path: Path
    content: Any
    lines: list[str]

    @contextmanager
    def of_part(self) -> Iterator[None]:
        """Keeps the mistake that ends the block; the code after the block goes on."""
        try:
            yield
        except ConfigError as error:
            self.lines.append(str(error))

    def names(self, section: str) -> Collection[str]:
        """Returns the names that a section declares, those with mistakes included."""
        declared = self.content.get(section)
        return [str(name) for name in declared] if isinstance(declared, Mapping) else []

    def rows(self, section: str, form: type[Any], rows: Sequence[T]) -> Iterator[tuple[str, T]]:
        """Yields place and row of a list, under its number in the file."""
        numbers = kept(self.content.get(section), form)
        yield from ((f"{section}.{i}", row) for i, row in zip(numbers, rows, strict=True))

    def check(self) -> None:
        """Fails if there was a mistake."""
        lines = list(dict.fromkeys(self.lines))
        if lines:
            raise ConfigError(lines[0]) if len(lines) == 1 else ConfigProblemsError(lines)


def _benchmark(path: Path, file: _File, mistakes: _Mistakes) -> Benchmark:
    """Checks what relates two places of a file, and returns the benchmark."""
    content = mistakes.content
    part, named = mistakes.of_part, {name: mistakes.names(name) for name in _SECTIONS}
    if "name" in content and file.name and file.name != path.stem:
        with part():
            _fail(path, "", f"name is {file.name!r}, but the file is called {path.name}")
    if file.variants == {} and content["variants"] == {}:
        with part():
            _fail(path, "", "variants is empty; leave it out, or declare at least one")
    scale = 100.0 if file.unit == "percent" else 1.0
    metrics = {
        key: replace(metric, name=key, key=metric.key or key)
        for key, metric in file.metrics.items()
    }
    rank_by = file.rank_by or next(iter(metrics), "")
    with part():
        _check_known(path, "rank_by", "metric", [rank_by] if metrics else [], named["metrics"])
    datasets: dict[str, DatasetSpec] = {}
    for key, dataset in file.datasets.items():
        with part():
            margins = content["datasets"][key]["margins"]
            datasets[key] = _dataset(path, key, dataset, named["metrics"], margins, scale)
    published = []
    for place, row in mistakes.rows("published", _Published, file.published):
        with part():
            published.append(_published(path, place, row, file, datasets, mistakes))
    for place, own in mistakes.rows("rows", OwnRow, file.rows):
        with part():
            _check_known(path, place, "dataset", own.datasets or (), named["datasets"])
    if file.paired is not None:
        titles = [row.model for row in file.published] + [row.label for row in file.rows]
        with part():
            _check_known(path, "paired", "row", [file.paired.against], titles)
    mistakes.check()
    return Benchmark(
        name=file.name,
        title=file.title,
        summary=file.summary,
        unit=file.unit,
        protocol=file.protocol,
        metrics=metrics,
        variants=tuple(
            replace(variant, name=key)
            for key, variant in (file.variants or {"full": Variant(label="test")}).items()
        ),
        datasets=datasets,
        sources={key: replace(source, key=key) for key, source in file.sources.items()},
        rule=file.verdict,
        rank_by=rank_by,
        settings=current_settings(file.settings),
        rows=tuple(
            replace(row, settings=current_settings(row.settings, row.model)) for row in file.rows
        ),
        paired=file.paired,
        published=tuple(published),
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
    path: Path, key: str, dataset: DatasetSpec, metrics: Collection[str], margins: Any, scale: float
) -> DatasetSpec:
    place = f"datasets.{key}"
    names = dataset.metrics or tuple(metrics)
    _check_known(path, place, "metric", names, metrics)
    for name in names:
        if name not in margins:
            _fail(path, "", f"the key '{place}.margins.{name}' is missing")
    return replace(
        dataset,
        name=key,
        label=dataset.label or key,
        metrics=names,
        margins={name: dataset.margins.get(name, scale) / scale for name in names},
        settings=current_settings(dataset.settings),
    )


def _published(
    path: Path,
    place: str,
    row: _Published,
    file: _File,
    datasets: Mapping[str, DatasetSpec],
    mistakes: _Mistakes,
) -> PublishedRow:
    if row.runs is not None and row.assumed_runs is not None:
        with mistakes.of_part():
            _fail(path, place, "give runs (established) or assumed_runs, not both")
    with mistakes.of_part():
        _check_known(path, place, "dataset", row.results, mistakes.names("datasets"))
    known = mistakes.names("sources")
    with mistakes.of_part():
        _check_known(path, place, "source", [row.source], known)
    known = [*known, row.source]  # Told once, not for each of its cells.
    results = {}
    for key in (key for key in row.results if key in datasets):
        where, source = f"{place}.results.{key}", row.source
        with mistakes.of_part():
            results[key] = _cells(path, where, row.results[key], source, datasets[key], file, known)
    return PublishedRow(
        model=row.model,
        ours=row.ours,
        source=row.source,
        labels=row.labels,
        test=row.test,
        runs=row.runs or row.assumed_runs or file.verdict.assumed_runs,
        runs_assumed=row.runs is None,
        results=results,
        parameters=row.parameters,
        notes=row.notes,
        not_run=row.not_run,
    )


def _cells(
    path: Path,
    place: str,
    values: Any,
    source: str,
    dataset: DatasetSpec,
    file: _File,
    declared: Collection[str],
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
        _check_known(path, place, "source", [key], declared)
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
