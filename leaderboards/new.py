"""Writes a benchmark file to start from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hetgraph.catalog.loading import dataset_info, dataset_task, format_of
from hetgraph.errors import ConfigError
from hetgraph.files import OutputError, atomic_path
from hetgraph.leaderboards.spec import available
from hetgraph.registry import models as registered
from hetgraph.tasks.factory import DEFAULT_FAMILY, families, task_class

__all__ = ["write_benchmark"]

_DATASET = "synthetic/academic"
_MODELS = ("mlp", "rgcn", "hgt", "lightgcn", "popularity", "degree")
"""Candidates for the rows: simple ones first; a family of tasks has at least two of them."""
_FIRST = 3
_F1 = {"micro_f1": "Micro-F1", "macro_f1": "Macro-F1"}
_METRICS: Mapping[str, Mapping[str, str]] = {
    "node-classification": _F1,
    "few-shot": _F1,
    "edge-classification": _F1,
    "link-prediction": {"mrr": "MRR"},
    "recommendation": {"recall@20": "Recall@20", "ndcg@20": "NDCG@20"},
    "node-regression": {"rmse": "RMSE", "mae": "MAE"},
    "edge-regression": {"rmse": "RMSE", "mae": "MAE"},
    "node-importance": {"spearman": "Spearman", "rmse": "RMSE"},
}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class _Draft:
    """What the file is about.

    Args:
        name: Name of the benchmark.
        datasets: Data sets to load, by name in the benchmark.
        models: Names of the models.
        family: Family of the task.
        asked: The task, if one was asked for.
    """

    name: str
    datasets: Mapping[str, str]
    models: Sequence[str]
    family: str
    asked: str

    @property
    def metrics(self) -> Mapping[str, str]:
        """Labels by metric."""
        monitor = task_class(self.family).default_monitor
        return _METRICS.get(self.family, {monitor: monitor})

    @property
    def percent(self) -> bool:
        """Whether the metrics are fractions that are shown as percent."""
        errors = {*task_class(self.family).errors, "spearman"}
        return not errors & {*self.metrics}


def write_benchmark(
    path: Path,
    datasets: Sequence[str] = (),
    models: Sequence[str] = (),
    *,
    task: str = "",
) -> Path:
    """Writes a valid benchmark file with comments, to be edited.

    Args:
        path: The file, new; ``.yaml`` is added to a name without it.
        datasets: ``"collection/name"`` or ``"format:path"``; empty: a small generated graph.
        models: Models to compare; empty: a few simple ones that are for the task.
        task: A declared target, or a family of tasks; empty: the task of the data sets.

    Returns:
        The path of the file.

    Raises:
        ConfigError: If a data set or model is unknown, or they do not fit together.
        OutputError: If there is such a file already, or it cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from hetgraph.leaderboards import load_benchmark
        >>> with TemporaryDirectory() as folder:
        ...     written = write_benchmark(Path(folder, "mine"), models=["rgcn"])
        ...     benchmark = load_benchmark(written)
        >>> benchmark.name, list(benchmark.datasets), [row.model for row in benchmark.rows]
        ('mine', ['synthetic/academic'], ['rgcn'])
    """
    path = path if path.suffix == ".yaml" else path.with_name(f"{path.name}.yaml")
    if not _NAME.fullmatch(path.stem):
        raise ConfigError(
            f"the name {path.stem!r} is not of letters, digits, '-', '_' and '.'; choose another."
        )
    if path.stem in available():
        raise ConfigError(f"{path.stem!r} is a benchmark of hetgraph; choose another name.")
    if path.exists():
        raise OutputError(f"{path} exists; choose another name or remove it.")
    wanted = {_short(name): name for name in datasets or [_DATASET]}
    if len(wanted) < len(set(datasets)):
        raise ConfigError(f"two of the data sets {', '.join(datasets)} have the same name.")
    family = _family(list(wanted.values()), task)
    draft = _Draft(path.stem, wanted, _rows(models, family), family, task)
    with atomic_path(path) as temporary:
        temporary.write_text(_text(draft), encoding="utf-8")
    return path


def _short(name: str) -> str:
    """Returns a name for a data set: that of the user's own folder or file is enough."""
    prefix, colon, path = name.partition(":")
    return Path(path).resolve().stem if colon and "/" not in prefix else name


def _family(datasets: Sequence[str], task: str) -> str:
    """Returns the family of the task, the same one on all data sets."""
    by_family: dict[str, str] = {}
    for name in datasets:
        prefix, colon, path = name.partition(":")
        if colon and "/" not in prefix:
            format_of(prefix, path)
        else:
            dataset_info(name)
        if task not in families():
            by_family.setdefault(dataset_task(name, target=task) or DEFAULT_FAMILY, name)
    if task in families():
        return task
    if len(by_family) > 1:
        told = ", ".join(f"{name} is for {family}" for family, name in by_family.items())
        raise ConfigError(f"{told}; a benchmark is about one task: name it with --task.")
    return next(iter(by_family))


def _rows(wanted: Sequence[str], family: str) -> Sequence[str]:
    for name in wanted:
        if reason := registered.get(name).refuses(family):
            raise ConfigError(f"the model {name!r} is not for {family}: {reason}")
    names = registered.names()
    fitting = [
        name for name in _MODELS if name in names and not registered.get(name).refuses(family)
    ]
    return tuple(dict.fromkeys(wanted)) or tuple(fitting[:_FIRST])


def _text(draft: _Draft) -> str:
    """Returns the file."""
    lower = {*task_class(draft.family).errors}
    metrics = [
        f"  {_quoted(name)}: {{label: {_quoted(label)}"
        f"{', better: lower' if name in lower else ''}}}"
        for name, label in draft.metrics.items()
    ]
    margin = 1.0 if draft.percent else 0.05
    margins = ", ".join(f"{_quoted(name)}: {margin}" for name in draft.metrics)
    datasets = []
    for name, source in draft.datasets.items():
        datasets += [f"  {_quoted(name)}:", f"    label: {_quoted(name.rsplit('/', 1)[-1])}"]
        if source != name:
            datasets.append(
                f"    of: {_quoted(source)}  # what is loaded, seen from where it is run"
            )
        datasets.append(f"    margins: {{{margins}}}")
    rows = [f"  - {{label: {_quoted(name)}, model: {name}}}" for name in draft.models]
    return "\n".join(
        [
            f"# A benchmark. Run it: hetgraph leaderboard run {draft.name}.yaml --seeds 5",
            f"# Show the table:      hetgraph leaderboard show {draft.name}.yaml",
            f"name: {_quoted(draft.name)}  # that of the file",
            f"title: {_quoted(draft.name)}",
            "summary: One line for the list of benchmarks.",
            f"unit: {'percent' if draft.percent else 'raw'}  # percent: fractions are shown as "
            "percent; raw: as they are",
            "",
            "protocol:  # shown above the tables",
            f"  - The task is {draft.family}; the splits are those of the data sets.",
            "  - Settings and the stopping epoch are chosen on the validation split alone.",
            "",
            "metrics:  # names as in result.json; `better: lower` for errors",
            *metrics,
            f"rank_by: {_quoted(next(iter(draft.metrics)))}",
            "",
            *_settings(draft),
            "# When our mean counts as equal to a published one: the difference lies within the",
            "# margin of the data set (in the unit above). Decide on it before you run anything.",
            "verdict:",
            "  alpha: 0.05      # level of the tests",
            "  min_runs: 5      # fewer seeds of ours: undecided",
            "  assumed_runs: 5  # of a published row that does not say how many runs it had",
            "  margin_reason: Say why these margins are what counts as equal.",
            "",
            "datasets:",
            *datasets,
            "",
            "rows:  # models to run; `settings` are changes to their defaults",
            *rows,
            f"  # - {{label: smaller, model: {draft.models[0]}, "
            "settings: {train: {max_epochs: 50}}}",
            "",
            *_published(draft),
        ]
    )


def _quoted(text: str) -> str:
    """Returns a text for YAML: as it is if that is plain, else in the quotes of JSON."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)


def _settings(draft: _Draft) -> list[str]:
    """Returns the settings of all runs; those that ask for a task, or an example."""
    if not draft.asked:
        return ["# settings: {train: {max_epochs: 200}}  # of every run", ""]
    kind = "task: {kind" if draft.asked in families() else "data: {target"
    return [f"settings: {{{kind}: {_quoted(draft.asked)}}}}}  # of every run", ""]


def _published(draft: _Draft) -> list[str]:
    """Returns an example of a published row, as comments."""
    number = "71.2 ± 0.4" if draft.percent else "0.712 ± 0.004"
    cells = ", ".join(f"{_quoted(name)}: {number}" for name in draft.metrics)
    dataset = _quoted(next(iter(draft.datasets)))
    return [
        "# Numbers of others, each with its source; `ours` is our model that is compared with it.",
        "# sources:",
        "#   paper: {title: The paper, url: https://example.org/paper}",
        "# published:",
        f"#   - model: {draft.models[0].upper()}",
        f"#     ours: {draft.models[0]}",
        "#     source: paper",
        "#     labels: free  # used: training labels are an input; unknown",
        "#     test: full",
        "#     runs: 5",
        f"#     results: {{{dataset}: {{{cells}}}}}",
        "",
    ]
