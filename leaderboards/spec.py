"""What a benchmark declares: protocol, metrics, datasets, margins and published rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hetgraph.errors import ConfigError, suggest

__all__ = [
    "Benchmark",
    "Cell",
    "DatasetSpec",
    "Metric",
    "OwnRow",
    "Paired",
    "PublishedRow",
    "Rule",
    "Source",
    "Variant",
    "available",
    "load_benchmark",
]

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Metric:
    """A column: ``metrics[part][key + variant suffix]`` of a record."""

    name: str
    label: str
    part: Literal["test", "valid"] = "test"
    key: str = ""
    higher_is_better: bool = True


@dataclass(frozen=True)
class Variant:
    """A way to score the same run, such as all or half of the test nodes."""

    name: str
    label: str
    suffix: str = ""


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset of the benchmark; margins are fractions, one for each metric.

    ``of`` is the data set that is loaded, where the benchmark has it under several names with
    ``settings`` of their own, such as one for each number of labels.
    """

    name: str
    label: str
    metrics: tuple[str, ...]
    margins: Mapping[str, float]
    runnable: bool = True
    note: str = ""
    of: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> str:
        """The data set to load."""
        return self.of or self.name


@dataclass(frozen=True)
class Source:
    """Where published values were read."""

    key: str
    title: str
    url: str
    note: str = ""


@dataclass(frozen=True)
class Rule:
    """How a verdict is reached; see :mod:`hetgraph.leaderboards.verdict`."""

    alpha: float
    min_runs: int
    assumed_runs: int
    margin_reason: str


@dataclass(frozen=True)
class Cell:
    """One published value as a fraction, or the reason why there is none."""

    status: Literal["value", "oom", "unknown"]
    source: str
    mean: float | None = None
    std: float | None = None


@dataclass(frozen=True)
class PublishedRow:
    """A published model: its values by dataset and metric, and under which protocol.

    ``ours`` is the name of the same model in hetgraph's registry. ``labels`` tells whether
    training labels are an input of the model, ``test`` which test nodes were scored. ``runs`` is
    assumed, not established, where ``runs_assumed``. ``not_run`` tells why there is no run of ours.
    """

    model: str
    ours: str | None
    source: str
    labels: Literal["free", "used", "unknown"]
    test: Literal["full", "half", "unknown"]
    runs: int
    runs_assumed: bool
    results: Mapping[str, Mapping[str, Cell]]
    parameters: int | None = None
    notes: str = ""
    not_run: str = ""


@dataclass(frozen=True)
class OwnRow:
    """A row of ours under a name of its own: a control, an ablation, another setting.

    ``settings`` are changes to the model's configuration, by section; ``datasets`` those it is run
    on, all of them for None.
    """

    label: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    datasets: tuple[str, ...] | None = None

    def is_on(self, dataset: str) -> bool:
        """Whether the row belongs to a dataset's table."""
        return self.datasets is None or dataset in self.datasets


@dataclass(frozen=True)
class Paired:
    """Every row of ours is compared with the one titled ``against``, seed by seed.

    Where seeds that are equal modulo ``period`` are runs of one task, their mean counts once.
    """

    against: str
    period: int | None = None


@dataclass(frozen=True)
class Benchmark:
    """A whole benchmark file.

    Means, stds and margins are stored as in records and printed times ``scale``. Rows are ranked
    by the metric ``rank_by`` where a dataset has it, else by its first metric. ``settings`` are
    sections of settings that belong to the protocol and so hold for every run. ``rows`` are run
    and shown beside the models as they are.
    """

    name: str
    title: str
    summary: str
    unit: Literal["percent", "raw"]
    protocol: tuple[str, ...]
    metrics: Mapping[str, Metric]
    variants: tuple[Variant, ...]
    datasets: Mapping[str, DatasetSpec]
    sources: Mapping[str, Source]
    rule: Rule
    published: tuple[PublishedRow, ...]
    rank_by: str
    settings: Mapping[str, Any]
    rows: tuple[OwnRow, ...] = ()
    paired: Paired | None = None

    @property
    def scale(self) -> float:
        """Factor from a stored fraction to the printed number."""
        return 100.0 if self.unit == "percent" else 1.0

    @property
    def main_variant(self) -> Variant:
        """The variant whose verdict counts: the first one declared."""
        return self.variants[0]

    def select(self, datasets: Sequence[str] | None) -> tuple[DatasetSpec, ...]:
        """Datasets by name (full, or the part after the slash), all of them for None.

        Raises:
            ConfigError: If a name is not in this benchmark.
        """
        if datasets is None:
            return tuple(self.datasets.values())
        short = {name.rsplit("/", 1)[-1]: name for name in self.datasets}
        chosen = []
        for name in datasets:
            full = name if name in self.datasets else short.get(name)
            if full is None:
                hint = suggest(name, self.datasets)
                raise ConfigError(f"{name!r} is not a dataset of benchmark {self.name!r}.{hint}")
            chosen.append(self.datasets[full])
        return tuple(chosen)


def available(folder: Path | None = None) -> tuple[str, ...]:
    """Names of the benchmarks that ship with hetgraph, or lie in ``folder``."""
    return tuple(sorted(path.stem for path in (folder or FOLDER).glob("*.yaml")))


def load_benchmark(name: str | Path) -> Benchmark:
    """Loads and validates a benchmark by name, or from the path of a YAML file.

    Raises:
        ConfigError: If there is no such benchmark, or its file is not valid.
    """
    from hetgraph.leaderboards.parse import parse_benchmark

    path = Path(name)
    if path.suffix != ".yaml":
        if str(name) not in available():
            raise ConfigError(f"Unknown benchmark {str(name)!r}.{suggest(str(name), available())}")
        path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"Benchmark file {path} does not exist; give a name or a .yaml file.")
    return parse_benchmark(path)
