"""Published rows and our runs side by side, with the outcome of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hetgraph.leaderboards.code import is_current as code_is_current
from hetgraph.leaderboards.groups import Group, latest_groups, override_text
from hetgraph.leaderboards.paired import PairedTest, paired_test
from hetgraph.leaderboards.record import RunRecord
from hetgraph.leaderboards.spec import Benchmark, DatasetSpec, Metric, PublishedRow, Variant
from hetgraph.leaderboards.verdict import Comparison, Sample, Verdict, combine, compare
from hetgraph.settings import merge

__all__ = ["Board", "Row", "build_boards"]

Key = tuple[str, str]
"""Names of a variant and of a metric."""


@dataclass(frozen=True)
class Row:
    """A model in one dataset's table: published values, our runs, or both.

    ``samples`` and ``comparisons`` are keyed by variant and metric, ``verdicts`` by variant,
    ``paired`` by metric. A model of ours without a published row, or with overrides, has no
    verdict. ``paired`` is empty unless the benchmark names a row to compare the others with.
    """

    title: str
    published: PublishedRow | None
    group: Group | None = None
    samples: Mapping[Key, Sample] = field(default_factory=dict)
    comparisons: Mapping[Key, Comparison] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    paired: Mapping[str, PairedTest] = field(default_factory=dict)

    @property
    def marked_title(self) -> str:
        """The title, with a dagger where our runs were made by older code."""
        return f"{self.title} †" if self.group is not None and self.group.older else self.title

    def is_compared(self, variant: str, metric: str) -> bool:
        """Whether our runs are compared with a published value of this metric."""
        return (variant, metric) in self.comparisons and (variant, metric) in self.samples


@dataclass(frozen=True)
class Board:
    """The table of one dataset: its rows, best first, and notes about our records in it."""

    benchmark: Benchmark
    dataset: DatasetSpec
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def rank_by(self) -> str:
        """The metric that orders the rows."""
        name = self.benchmark.rank_by
        return name if name in self.dataset.metrics else self.dataset.metrics[0]


def build_boards(
    benchmark: Benchmark,
    records: Iterable[RunRecord],
    is_current: Callable[[RunRecord], bool] | None = None,
) -> list[Board]:
    """One board per dataset of the benchmark, from the latest group of every model.

    Args:
        benchmark: The benchmark.
        records: All its records.
        is_current: Whether a record was made by the code at hand; None compares its digests.
    """
    groups = latest_groups(records, benchmark.rule.min_runs, is_current or _is_current)
    boards = []
    for dataset in benchmark.datasets.values():
        own = [group for group in groups if group.first.dataset == dataset.name]
        rows = _with_pairs(benchmark, dataset, list(_rows(benchmark, dataset, own)))
        notes = tuple(note for group in own for note in _notes(group, benchmark, dataset))
        board = Board(benchmark, dataset, tuple(rows), notes)
        ranked = sorted(rows, key=lambda row: _rank(row, board))
        boards.append(Board(benchmark, dataset, tuple(ranked), notes))
    return boards


def _is_current(record: RunRecord) -> bool:
    return code_is_current(record.model, record.code)


def _rows(benchmark: Benchmark, dataset: DatasetSpec, groups: list[Group]) -> Iterable[Row]:
    """Published rows with our runs of the same method and protocol, then our other rows."""
    refit = _refits(benchmark, dataset)
    plain = {
        group.first.model: group
        for group in groups
        if not group.first.overrides and group.refit == refit
    }
    shown = []
    for published in benchmark.published:
        if dataset.name not in published.results:
            continue
        group = plain.get(published.ours) if published.ours else None
        if group is not None:
            shown.append(group)
        yield _row(published.model, benchmark, dataset, published, group)
    for group in groups:
        if not any(group is other for other in shown):
            yield _row(_title(benchmark, dataset, group), benchmark, dataset, None, group)


def _refits(benchmark: Benchmark, dataset: DatasetSpec) -> bool:
    """Whether the benchmark itself trains once more on training and validation targets."""
    train = merge(benchmark.settings, dataset.settings).get("train", {})
    return bool(train.get("refit", False))


def _title(benchmark: Benchmark, dataset: DatasetSpec, group: Group) -> str:
    """The benchmark's own name for these settings here, else the model and what is changed."""
    model, overrides = group.first.model, group.first.overrides
    if label := _label(benchmark, dataset, model, overrides):
        return label
    other = ""
    if group.refit != _refits(benchmark, dataset):
        other = "refit" if group.refit else "no refit"
        train = {key: v for key, v in overrides.get("train", {}).items() if key != "refit"}
        overrides = {**overrides, "train": train}
        if override_text(overrides) and (label := _label(benchmark, dataset, model, overrides)):
            return f"{label} ({other})"
    changed = ", ".join(text for text in (override_text(overrides), other) if text)
    return f"{model} ({changed})" if changed else model


def _label(
    benchmark: Benchmark, dataset: DatasetSpec, model: str, overrides: Mapping[str, Any]
) -> str:
    """The label of the row with these settings; empty if the benchmark declares none."""
    wanted = (model, override_text(overrides))
    rows = (row for row in benchmark.rows if row.is_on(dataset.name))
    return next(
        (row.label for row in rows if (row.model, override_text(row.settings)) == wanted), ""
    )


def _with_pairs(benchmark: Benchmark, dataset: DatasetSpec, rows: list[Row]) -> list[Row]:
    """Adds the paired tests that the benchmark declares."""
    paired = benchmark.paired
    if paired is None:
        return rows
    against = next((row.group for row in rows if row.group and row.title == paired.against), None)
    if against is None:
        return rows
    metrics = [benchmark.metrics[name] for name in dataset.metrics]

    def tests(group: Group) -> dict[str, PairedTest]:
        outcomes = {
            metric.name: paired_test(group, against, metric.split, metric.key, paired.period)
            for metric in metrics
        }
        return {name: test for name, test in outcomes.items() if test is not None}

    return [
        replace(row, paired=tests(row.group))
        if row.group is not None and row.group is not against and row.group.refit == against.refit
        else row
        for row in rows
    ]


def _row(
    title: str,
    benchmark: Benchmark,
    dataset: DatasetSpec,
    published: PublishedRow | None,
    group: Group | None,
) -> Row:
    samples: dict[Key, Sample] = {}
    comparisons: dict[Key, Comparison] = {}
    verdicts: dict[str, Verdict] = {}
    for variant in benchmark.variants:
        reached: list[Verdict] = []
        for name in dataset.metrics:
            metric = benchmark.metrics[name]
            sample = _sample(group, metric, variant)
            if sample is not None:
                samples[variant.name, name] = sample
            outcome = _compare(benchmark, dataset, published, metric, sample)
            if outcome is not None and _comparable(benchmark, published, variant):
                comparisons[variant.name, name] = outcome
                reached.append(outcome.verdict)
        if set(reached) - {"not run"}:
            verdicts[variant.name] = combine(reached)
    if published is not None and group is None:
        verdicts = {variant.name: "not run" for variant in benchmark.variants}
    return Row(title, published, group, samples, comparisons, verdicts)


def _sample(group: Group | None, metric: Metric, variant: Variant) -> Sample | None:
    if group is None:
        return None
    return Sample.of(group.values(metric.split, metric.key + variant.suffix))


def _comparable(benchmark: Benchmark, published: PublishedRow | None, variant: Variant) -> bool:
    """Whether a published row was scored, or may have been scored, as in this variant."""
    if published is None:
        return False
    return variant.name == published.test or published.test not in {
        other.name for other in benchmark.variants
    }


def _compare(
    benchmark: Benchmark,
    dataset: DatasetSpec,
    published: PublishedRow | None,
    metric: Metric,
    ours: Sample | None,
) -> Comparison | None:
    """The comparison of one metric; None without a published value."""
    cell = published.results[dataset.name].get(metric.name) if published else None
    if published is None or cell is None or cell.mean is None:
        return None
    rule = benchmark.rule
    return compare(
        ours,
        Sample(cell.mean, cell.std, published.runs),
        margin=dataset.margins[metric.name],
        alpha=rule.alpha,
        min_runs=rule.min_runs,
        higher_is_better=metric.higher_is_better,
    )


def _rank(row: Row, board: Board) -> tuple[bool, float]:
    """Sort key: our main value, else the published one; best first, rows without a value last."""
    metric = board.benchmark.metrics[board.rank_by]
    sample = row.samples.get((board.benchmark.main_variant.name, metric.name))
    value = sample.mean if sample else None
    if value is None and row.published is not None:
        cell = row.published.results[board.dataset.name].get(metric.name)
        value = cell.mean if cell else None
    if value is None:
        return (True, 0.0)
    return (False, -value if metric.higher_is_better else value)


def _notes(group: Group, benchmark: Benchmark, dataset: DatasetSpec) -> Iterable[str]:
    """What a reader must know about the records behind a mean."""
    first = group.first
    name = _title(benchmark, dataset, group)
    where = f"configuration {first.config_sha256}, data {first.data_sha256[:12]}"
    if total := first.code.get("total"):
        where += f", code {total}"
    seeds = ", ".join(map(str, group.seeds))
    yield f"{name}: seeds {seeds}; hetgraph {first.version}, {where}."
    if group.others:
        yield (
            f"{name}: {group.others} more records under another configuration, data hash, version "
            "or code are kept but not part of the mean."
        )
    if group.waiting:
        yield (
            f"{name}: {group.waiting} of them are of newer code; they are shown once there are "
            f"{benchmark.rule.min_runs}."
        )
    if group.duplicates:
        yield f"{name}: {group.duplicates} earlier records of the same runs; the latest count."
    if differing := group.differing_environment():
        yield f"{name}: the runs differ in their environment ({', '.join(differing)})."
    for metric in (benchmark.metrics[key] for key in dataset.metrics):
        for variant in benchmark.variants:
            key = metric.key + variant.suffix
            reported = len(group.values(metric.split, key))
            if 0 < reported < len(group.records):
                yield f"{name}: only {reported} of {len(group.records)} records report {key}."
