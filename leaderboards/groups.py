"""Which records may share a mean: same model, dataset, configuration, data, version and code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from hetgraph.leaderboards.record import RunRecord

__all__ = ["Group", "group_records", "latest_groups", "override_text"]


@dataclass(frozen=True)
class Group:
    """Records that differ in nothing but the seed, one per seed, ordered by seed.

    Args:
        records: The records.
        duplicates: Further records of the same seeds, of which the latest one is kept.
        others: Records of the same model, dataset, overrides and protocol with another
            configuration, data hash, version or code, which are in no mean here.
        waiting: Those of ``others`` that differ in newer code alone, but are too few.
        older: Whether the code at hand is not the code that made the records.
    """

    records: tuple[RunRecord, ...]
    duplicates: int = 0
    others: int = 0
    waiting: int = 0
    older: bool = False

    @property
    def first(self) -> RunRecord:
        """A record of the group; all agree in what identifies the group."""
        return self.records[0]

    @property
    def refit(self) -> bool:
        """Whether the models were trained once more on training and validation targets."""
        return self.first.refit

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in order."""
        return tuple(record.seed for record in self.records)

    def values(self, split: str, key: str) -> list[float]:
        """A metric over the seeds that report it."""
        values = (record.metrics.get(split, {}).get(key) for record in self.records)
        return [value for value in values if value is not None]

    def mean_seconds(self, phase: str) -> float | None:
        """Mean seconds of a phase; None if no record has it."""
        times = [record.seconds[phase] for record in self.records if phase in record.seconds]
        return sum(times) / len(times) if times else None

    @property
    def peak_memory_bytes(self) -> int | None:
        """The largest peak of the group's runs."""
        return max((r.peak_memory_bytes for r in self.records if r.peak_memory_bytes), default=None)

    @property
    def parameters(self) -> int | None:
        """Number of parameters, if all records agree."""
        counts = {record.parameters for record in self.records}
        return counts.pop() if len(counts) == 1 else None

    def differing_environment(self) -> tuple[str, ...]:
        """Keys of the environment whose values differ between the records."""
        keys = sorted({key for record in self.records for key in record.environment})
        return tuple(key for key in keys if self._differs(key))

    def _differs(self, key: str) -> bool:
        values = (record.environment.get(key) for record in self.records)
        return len({json.dumps(value, sort_keys=True, default=str) for value in values}) > 1


def group_records(records: Iterable[RunRecord]) -> list[Group]:
    """Groups records; the group whose latest record is oldest comes first."""
    by_code: dict[tuple[object, ...], list[RunRecord]] = {}
    for record in records:
        key = (*_settings(record), record.code.get("total", ""))
        by_code.setdefault((*_subject(record), *key), []).append(record)
    groups = []
    for members in by_code.values():
        by_seed = {r.seed: r for r in sorted(members, key=lambda r: r.recorded)}
        chosen = tuple(by_seed[seed] for seed in sorted(by_seed))
        groups.append(Group(chosen, duplicates=len(members) - len(chosen)))
    return sorted(groups, key=_age)


def latest_groups(
    records: Iterable[RunRecord],
    min_runs: int = 1,
    is_current: Callable[[RunRecord], bool] = lambda record: True,
) -> list[Group]:
    """The group to show of each model, dataset, set of overrides and protocol.

    It is the one recorded last. Where the same configuration, data and version were run by
    different code, the newest code with enough runs is taken: the code at hand before any other,
    then by time. If none has enough, the newest is taken. A mean never mixes two groups.

    Args:
        records: All records of a benchmark.
        min_runs: How many runs are enough.
        is_current: Whether a record was made by the code at hand.
    """
    by_subject: dict[tuple[object, ...], list[Group]] = {}
    for group in group_records(records):
        by_subject.setdefault(_subject(group.first), []).append(group)
    return [_latest(groups, min_runs, is_current) for groups in by_subject.values()]


def _latest(groups: list[Group], min_runs: int, is_current: Callable[[RunRecord], bool]) -> Group:
    """Of groups in order of age, the one to show."""
    settings = _settings(groups[-1].first)
    rivals = [group for group in groups if _settings(group.first) == settings]
    rivals.sort(key=lambda group: is_current(group.first))  # stable: then by age
    complete = [index for index, group in enumerate(rivals) if len(group.records) >= min_runs]
    chosen = complete[-1] if complete else len(rivals) - 1
    shown = rivals[chosen]
    return replace(
        shown,
        others=sum(len(group.records) for group in groups) - len(shown.records),
        waiting=sum(len(group.records) for group in rivals[chosen + 1 :]),
        older=not is_current(shown.first),
    )


def override_text(overrides: Mapping[str, object], prefix: str = "") -> str:
    """Overrides on one line: ``model.dropout=0.5, train.lr=0.01``."""
    parts = []
    for key, value in sorted(overrides.items()):
        name = f"{prefix}{key}"
        nested = isinstance(value, Mapping)
        parts.append(override_text(value, f"{name}.") if nested else f"{name}={value}")  # type: ignore[arg-type]
    return ", ".join(part for part in parts if part)


def _subject(record: RunRecord) -> tuple[object, ...]:
    """What has a row of its own; training once more on more targets is another protocol."""
    return (record.model, record.dataset, override_text(record.overrides), record.refit)


def _settings(record: RunRecord) -> tuple[str, ...]:
    return (record.config_sha256, record.data_sha256, record.version)


def _age(group: Group) -> str:
    return max(record.recorded for record in group.records)
