"""What a benchmark file declares: protocol, metrics, datasets, margins and published rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from hetgraph.errors import ConfigError, suggest

__all__ = [
    "Benchmark",
    "Cell",
    "DatasetSpec",
    "Labels",
    "Metric",
    "OwnRow",
    "Paired",
    "PublishedRow",
    "Rule",
    "Source",
    "TestSet",
    "Variant",
    "available",
    "load_benchmark",
]

FOLDER = Path(__file__).resolve().parent


Labels = Literal["free", "used", "unknown"]
"""Whether training labels are an input of a published model."""

TestSet = Literal["full", "half", "unknown"]
"""Which test nodes a published row was scored on."""

AtLeastTwo = Annotated[int, Meta(ge=2)]


class _Declared(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mapping in a benchmark file, with the fields as keys.

    A field that is renamed to ``"<...>"`` is no key of the file; the reader fills it in.
    """


class Metric(_Declared, frozen=True, rename={"name": "<name>"}):
    """A column: ``metrics[split][key + variant suffix]`` of a record."""

    label: str
    split: Literal["test", "valid"] = "test"
    key: str = ""
    better: Literal["higher", "lower"] = "higher"
    name: str = ""

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value is better."""
        return self.better == "higher"


class Variant(_Declared, frozen=True, rename={"name": "<name>"}):
    """A way to score the same run, such as all or half of the test nodes."""

    label: str
    suffix: str = ""
    name: str = ""


class DatasetSpec(_Declared, frozen=True, rename={"name": "<name>"}):
    """A dataset of the benchmark; margins are fractions, one per metric.

    ``of`` is the data set that is loaded, if the benchmark has it under several names with
    different ``settings``, such as one per number of labels.
    """

    margins: dict[str, Annotated[float, Meta(gt=0)]]
    label: str = ""
    metrics: tuple[str, ...] = ()
    runnable: bool = True
    note: str = ""
    of: str = ""
    settings: dict[str, Any] = {}
    name: str = ""

    @property
    def data(self) -> str:
        """The data set to load."""
        return self.of or self.name


class Source(_Declared, frozen=True, rename={"key": "<key>"}):
    """Where published values were taken from."""

    title: str
    url: str
    note: str = ""
    key: str = ""


class Rule(_Declared, frozen=True):
    """How a verdict is reached; see :mod:`hetgraph.leaderboards.verdict`."""

    alpha: Annotated[float, Meta(gt=0, lt=0.5)]
    min_runs: AtLeastTwo  # one run has no standard deviation
    assumed_runs: AtLeastTwo
    margin_reason: str


@dataclass(frozen=True)
class Cell:
    """One published value as a fraction, or why there is none."""

    status: Literal["value", "oom", "unknown"]
    source: str
    mean: float | None = None
    std: float | None = None


@dataclass(frozen=True)
class PublishedRow:
    """A published model: its values by dataset and metric, and under which protocol.

    ``ours`` is the name of the same model in hetgraph's registry. ``labels`` says whether
    training labels are an input of the model, ``test`` which test nodes were scored. With
    ``runs_assumed``, ``runs`` is an assumption. ``not_run`` says why there is no run of ours.
    """

    model: str
    ours: str | None
    source: str
    labels: Labels
    test: TestSet
    runs: int
    runs_assumed: bool
    results: Mapping[str, Mapping[str, Cell]]
    parameters: int | None = None
    notes: str = ""
    not_run: str = ""


class OwnRow(_Declared, frozen=True):
    """A row of ours under a name of its own: a control, an ablation, another setting.

    ``settings`` are changes to the model's configuration, by section; ``datasets`` are those it is
    run on, None for all.
    """

    label: str
    model: str
    settings: dict[str, Any] = {}
    datasets: tuple[str, ...] | None = None

    def is_on(self, dataset: str) -> bool:
        """Whether the row belongs to a dataset's table."""
        return self.datasets is None or dataset in self.datasets


class Paired(_Declared, frozen=True):
    """Every row of ours is compared with the row titled ``against``, seed by seed.

    Seeds that are equal modulo ``period`` are runs of one task; their mean counts as one pair.
    """

    against: str
    period: AtLeastTwo | None = None


@dataclass(frozen=True)
class Benchmark:
    """A whole benchmark file.

    Means, standard deviations and margins are stored as in records and multiplied by ``scale`` for
    printing. Rows are ranked by the metric ``rank_by`` if a dataset has it, else by its first
    metric. ``settings`` belong to the protocol and apply to every run. ``rows`` are run and shown
    in addition to the models with their own settings.
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
        """The first variant declared; its verdict counts."""
        return self.variants[0]

    def select(self, datasets: Sequence[str] | None) -> tuple[DatasetSpec, ...]:
        """Datasets by name (full, or what follows the slash), all of them for None.

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
    """Returns the names of the benchmarks that ship with hetgraph, or of those in ``folder``.

    Example:
        >>> "link-prediction" in available()
        True
    """
    return tuple(sorted(path.stem for path in (folder or FOLDER).glob("*.yaml")))


def load_benchmark(name: str | Path) -> Benchmark:
    """Loads and validates a benchmark by name, or from the path of a YAML file.

    Raises:
        ConfigError: If there is no such benchmark, or its file is not valid.

    Example:
        >>> load_benchmark("link-prediction").name
        'link-prediction'
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
