"""Published rows and our records side by side, with the outcome of every comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from hetgraph.leaderboards.groups import Group, latest_groups, override_text
from hetgraph.leaderboards.paired import PairedTest, paired_test
from hetgraph.leaderboards.record import RunRecord
from hetgraph.leaderboards.spec import Benchmark, DatasetSpec, Metric, PublishedRow, Variant
from hetgraph.leaderboards.verdict import Comparison, Sample, Verdict, combine, compare

__all__ = ["Board", "Row", "build_boards"]

Key = tuple[str, str]
"""Names of a variant and a metric."""


@dataclass(frozen=True)
class Row:
    """A model in one dataset's table: published values, our runs, or both.

    ``samples`` and ``comparisons`` are keyed by variant and metric, ``verdicts`` by variant. A
    model of ours without a published row, or with overrides, has no verdict. ``paired`` is by
    metric, where the benchmark compares its rows with one of them.
    """

    title: str
    published: PublishedRow | None
    group: Group | None = None
    samples: Mapping[Key, Sample] = field(default_factory=dict)
    comparisons: Mapping[Key, Comparison] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    paired: Mapping[str, PairedTest] = field(default_factory=dict)


@dataclass(frozen=True)
class Board:
    """The table of one dataset: rows, best first, and remarks about our records in it."""

    benchmark: Benchmark
    dataset: DatasetSpec
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def rank_by(self) -> str:
        """The metric that orders the rows."""
        name = self.benchmark.rank_by
        return name if name in self.dataset.metrics else self.dataset.metrics[0]


def build_boards(benchmark: Benchmark, records: Iterable[RunRecord]) -> list[Board]:
    """One board for each dataset of the benchmark, from the latest group of every model."""
    groups = latest_groups(records)
    boards = []
    for dataset in benchmark.datasets.values():
        found = [group for group in groups if group.first.dataset == dataset.name]
        rows = _with_pairs(benchmark, dataset, list(_rows(benchmark, dataset, found)))
        notes = tuple(note for group in found for note in _notes(group, benchmark, dataset))
        board = Board(benchmark, dataset, tuple(rows), notes)
        ranked = sorted(rows, key=lambda row: _rank(row, board))
        boards.append(Board(benchmark, dataset, tuple(ranked), notes))
    return boards


def _rows(benchmark: Benchmark, dataset: DatasetSpec, groups: list[Group]) -> Iterable[Row]:
    plain = {group.first.model: group for group in groups if not group.first.overrides}
    shown = set()
    for published in benchmark.published:
        if dataset.name not in published.results:
            continue
        group = plain.get(published.ours) if published.ours else None
        if group is not None:
            shown.add(group.first.model)
        yield _row(published.model, benchmark, dataset, published, group)
    for group in groups:
        if group.first.overrides or group.first.model not in shown:
            yield _row(_title(benchmark, dataset, group), benchmark, dataset, None, group)


def _title(benchmark: Benchmark, dataset: DatasetSpec, group: Group) -> str:
    """The benchmark's own name for these settings here, else the model and what is changed."""
    model, changed = group.first.model, override_text(group.first.overrides)
    for row in (one for one in benchmark.rows if one.is_on(dataset.name)):
        if (row.model, override_text(row.settings)) == (model, changed):
            return row.label
    return f"{model} ({changed})" if changed else model


def _with_pairs(benchmark: Benchmark, dataset: DatasetSpec, rows: list[Row]) -> list[Row]:
    """Adds the paired tests that the benchmark asks for."""
    paired = benchmark.paired
    if paired is None:
        return rows
    against = next((row.group for row in rows if row.group and row.title == paired.against), None)
    if against is None:
        return rows
    metrics = [benchmark.metrics[name] for name in dataset.metrics]

    def tests(group: Group) -> dict[str, PairedTest]:
        found = {
            one.name: paired_test(group, against, one.part, one.key, paired.period)
            for one in metrics
        }
        return {name: test for name, test in found.items() if test is not None}

    return [
        row if row.group is None or row.group is against else replace(row, paired=tests(row.group))
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
        found: list[Verdict] = []
        for name in dataset.metrics:
            metric = benchmark.metrics[name]
            sample = _sample(group, metric, variant)
            if sample is not None:
                samples[variant.name, name] = sample
            outcome = _compare(benchmark, dataset, published, metric, sample)
            if outcome is not None and _comparable(benchmark, published, variant):
                comparisons[variant.name, name] = outcome
                found.append(outcome.verdict)
        if set(found) - {"not run"}:
            verdicts[variant.name] = combine(found)
    if published is not None and group is None:
        verdicts = {variant.name: "not run" for variant in benchmark.variants}
    return Row(title, published, group, samples, comparisons, verdicts)


def _sample(group: Group | None, metric: Metric, variant: Variant) -> Sample | None:
    if group is None:
        return None
    return Sample.of(group.values(metric.part, metric.key + variant.suffix))


def _comparable(benchmark: Benchmark, published: PublishedRow | None, variant: Variant) -> bool:
    """Whether a published row was scored, or may have been, as this variant scores."""
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
    """The comparison of one metric; None where nothing is published."""
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
    """Sort key: our main value or else the published one, best first, rows without one last."""
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
    seeds = ", ".join(map(str, group.seeds))
    yield f"{name}: seeds {seeds}; hetgraph {first.version}, {where}."
    if group.others:
        yield (
            f"{name}: {group.others} more records under another configuration, data hash or "
            "version are kept but not part of the mean."
        )
    if group.duplicates:
        yield f"{name}: {group.duplicates} earlier records of the same runs; the latest count."
    if differing := group.differing_environment():
        yield f"{name}: the runs differ in their environment ({', '.join(differing)})."
    for metric in (benchmark.metrics[key] for key in dataset.metrics):
        for variant in benchmark.variants:
            key = metric.key + variant.suffix
            reported = len(group.values(metric.part, key))
            if 0 < reported < len(group.records):
                yield f"{name}: only {reported} of {len(group.records)} records report {key}."
