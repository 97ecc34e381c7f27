"""Which records may share a mean: same model, dataset, configuration, data and version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hetgraph.leaderboards.record import RunRecord

__all__ = ["Group", "group_records", "latest_groups", "override_text"]


@dataclass(frozen=True)
class Group:
    """Records that differ in nothing but the seed, one a seed, ordered by seed.

    ``duplicates`` counts further records of the same seeds (the latest one is kept), ``others``
    the records of the same model, dataset and overrides under another configuration, data hash or
    version, which are left out of every mean here.
    """

    records: tuple[RunRecord, ...]
    duplicates: int = 0
    others: int = 0

    @property
    def first(self) -> RunRecord:
        """Any record of the group: they agree in all that identifies it."""
        return self.records[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in order."""
        return tuple(record.seed for record in self.records)

    def values(self, split: str, key: str) -> list[float]:
        """A metric over the seeds that report it."""
        found = (record.metrics.get(split, {}).get(key) for record in self.records)
        return [value for value in found if value is not None]

    def mean_seconds(self, phase: str) -> float | None:
        """Mean seconds of a phase; None if no record has it."""
        found = [r.seconds[phase] for r in self.records if phase in r.seconds]
        return sum(found) / len(found) if found else None

    @property
    def peak_memory_bytes(self) -> int | None:
        """The largest peak of the group's runs."""
        return max((r.peak_memory_bytes for r in self.records if r.peak_memory_bytes), default=None)

    @property
    def parameters(self) -> int | None:
        """Number of parameters, if all records agree."""
        found = {record.parameters for record in self.records}
        return found.pop() if len(found) == 1 else None

    def differing_environment(self) -> tuple[str, ...]:
        """Keys of the environment that are not the same in all records."""
        keys = sorted({key for record in self.records for key in record.environment})
        return tuple(key for key in keys if self._differs(key))

    def _differs(self, key: str) -> bool:
        values = (record.environment.get(key) for record in self.records)
        return len({json.dumps(value, sort_keys=True, default=str) for value in values}) > 1


def group_records(records: Iterable[RunRecord]) -> list[Group]:
    """Groups records, oldest group first (by the time of its latest record)."""
    found: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        key = (record.config_sha256, record.data_sha256, record.version)
        found.setdefault((*_subject(record), *key), []).append(record)
    groups = []
    for members in found.values():
        by_seed = {r.seed: r for r in sorted(members, key=lambda r: r.recorded)}
        chosen = tuple(by_seed[seed] for seed in sorted(by_seed))
        groups.append(Group(chosen, duplicates=len(members) - len(chosen)))
    return sorted(groups, key=_age)


def latest_groups(records: Iterable[RunRecord]) -> list[Group]:
    """The latest group of each model, dataset and set of overrides, never a mix of several."""
    groups = group_records(records)
    by_subject: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        by_subject.setdefault(_subject(group.first), []).append(group)
    return [
        Group(rest[-1].records, rest[-1].duplicates, sum(len(g.records) for g in rest[:-1]))
        for rest in by_subject.values()
    ]


def override_text(overrides: Mapping[str, object], prefix: str = "") -> str:
    """Overrides on one line: ``model.dropout=0.5, train.lr=0.01``."""
    parts = []
    for key, value in sorted(overrides.items()):
        name = f"{prefix}{key}"
        nested = isinstance(value, Mapping)
        parts.append(override_text(value, f"{name}.") if nested else f"{name}={value}")  # type: ignore[arg-type]
    return ", ".join(split for split in parts if split)


def _subject(record: RunRecord) -> tuple[str, str, str]:
    return (record.model, record.dataset, override_text(record.overrides))


def _age(group: Group) -> str:
    return max(record.recorded for record in group.records)
