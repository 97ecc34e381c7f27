"""`hetgraph tune MODEL [DATASET]`: a search of settings by their validation score."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hetgraph.cli.options import add_metapath, add_root, add_set, add_task
from hetgraph.cli.parser import Commands, UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from hetgraph.runs.tuning import Comparison, Trial, Tuning

_MOST_TRIALS = 8
"""Trials in the printed table; the file has all of them."""
_MOST_METRICS = 3
"""Metrics in the table of a comparison; the file has all of them."""
_WIDTH = 24
"""Widest value that is printed in one line."""


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "tune",
        help="search the settings of a model, or compare tuned models",
        description="Searches settings of MODEL by its score on the validation split of DATASET;\n"
        "the test split is never read. DIR gets best.yaml (for `hetgraph train --config`),\n"
        "trials.csv and tuning.png. The same command again goes on.\n"
        "Several models, separated by commas, are compared at equal budgets.",
        epilog="examples:\n"
        "  hetgraph tune hgt hgb/IMDB --trials 5\n"
        "  hetgraph tune rgcn tables:./shop --time 30m --set train.max_epochs=50\n"
        "  hetgraph tune hgt,rgcn,mlp hgb/IMDB --trials 20\n"
        "  hetgraph train hgt hgb/IMDB --config tunings/hgt-hgb-IMDB/best.yaml",
    )
    add = parser.add_argument
    add("words", metavar="MODEL [DATASET]", nargs="*", help="as for `hetgraph train`")
    add("--model", metavar="A,B,C", help="the models, if they are not the first word")
    add("--trials", type=int, metavar="N", help="trials in all, of each model (default: 20)")
    add("--time", metavar="T", help="time of all trials of each model: 90s, 30m, 2h")
    add(
        "--space",
        type=Path,
        metavar="FILE",
        help="YAML file with what to search (default: the model's own)",
    )
    add_task(parser)
    add("--seed", type=int, default=0, metavar="N", help="seed of the search (default: 0)")
    add_set(parser)
    add_metapath(parser)
    add("--config", type=Path, metavar="FILE", help="YAML file with settings of all trials")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the search (default: ./tunings/MODEL-DATASET)",
    )
    add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Searches and prints what was found."""
    from hetgraph.heartbeat import told

    with told("starting", first=3.0):  # torch is imported, which a slow disk makes long
        from hetgraph.cli.console import stdout
        from hetgraph.runs import DEFAULT_DATASET
        from hetgraph.runs.tuning import compare, tune

    models, dataset = _asked(args)
    settings = _settings(args, models, dataset)
    dataset = dataset or settings.get("dataset") or DEFAULT_DATASET
    options: dict[str, Any] = {
        "trials": args.trials,
        "time": args.time,
        "settings": settings,
        "metapaths": tuple(args.metapaths),
        "seed": args.seed,
        "out": args.out or _folder(models, dataset),
        "root": args.root,
    }
    _check_packages()
    console = stdout()
    if len(models) == 1:
        _show(console, tune(models[0], dataset, space=_space(args.space), **options))
        return 0
    if args.space is not None:
        raise UsageError("--space is for one model; leave it out to compare several.")
    comparison = compare(models, dataset, **options)
    for tuning in comparison.tunings:
        _show(console, tuning)
    console.print(_compared(comparison))
    _say(
        console,
        f"Compared by validation {comparison.monitor} at equal budgets.\n"
        "The test split was not looked at: it stays for one last run of the method you choose.",
    )
    return 0


def _asked(args: argparse.Namespace) -> tuple[list[str], str]:
    """Returns the models and the data set; the data set is empty if it is not named."""
    words = list(args.words)
    named = args.model or (words.pop(0) if words else "")
    models = list(dict.fromkeys(word.strip() for word in named.split(",") if word.strip()))
    if not models:
        raise UsageError("no model is named; write `hetgraph tune MODEL DATASET`.")
    if len(words) > 1:
        hint = " --model names the models already." if args.model else ""
        raise UsageError(f"one argument too many: {words[-1]!r}.{hint}")
    return models, words[0] if words else ""


def _settings(args: argparse.Namespace, models: list[str], dataset: str) -> dict[str, Any]:
    """Returns the settings of all trials; every model must have them."""
    from hetgraph.cli.train import _asked as task_setting
    from hetgraph.runs import settings_from

    assignments = [*args.assignments, *task_setting(args.task)]
    read = [settings_from(model, args.config, assignments, dataset) for model in models]
    return read[0]


def _space(path: Path | None) -> Mapping[str, Any] | None:
    from hetgraph.errors import ConfigError
    from hetgraph.yamlfile import read_yaml

    if path is None:
        return None
    content = read_yaml(path, ConfigError)
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold names of settings, such as train.lr: [0.01, 0.001].")
    return content


def _folder(models: list[str], dataset: str) -> Path:
    """Returns the folder of a search; the same words give the same one."""
    first = models[0] if len(models) == 1 else "compare"
    return Path("tunings") / "-".join(re.findall(r"\w[\w.-]*", f"{first}-{dataset}"))


def _check_packages() -> None:
    """Tells what is missing before the work."""
    from rich.console import Console

    from hetgraph.errors import ConfigError
    from hetgraph.explain.style import require_matplotlib
    from hetgraph.runs.tuning.study import require_optuna

    require_optuna()
    try:
        require_matplotlib()
    except ConfigError as error:
        Console(stderr=True).print(f"note: no picture: {error}", markup=False, soft_wrap=True)


def _show(console: Console, tuning: Tuning) -> None:
    """Prints the best trials, the best settings and the files; draws the picture."""
    console.print(_trials(tuning))
    console.print(_best(tuning))
    counts, complete = _counts(tuning.trials), _complete(tuning)
    _say(console, f"{counts}, {tuning.seconds:.0f} s. The test split was not looked at.")
    if tuning.importance:
        text = "Importance (PED-ANOVA): how much a setting tells the best trials from the others"
        _say(console, f"{text},\nfrom {complete} complete trials; few trials tell little.")
    if tuning.out is None:
        return
    from hetgraph.errors import ConfigError
    from hetgraph.explain.tuning_picture import save_tuning_figure

    files = ["trials.csv"]
    with contextlib.suppress(ConfigError):  # A note told before the work that there is no picture.
        files += [path.name for path in save_tuning_figure(tuning, tuning.out)]
    _say(console, f"written to {tuning.out}: best.yaml, {', '.join(files)}")
    best = tuning.out / "best.yaml"
    _say(console, f"next: hetgraph train {tuning.model} {tuning.dataset} --config {best}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _trials(tuning: Tuning) -> Table:
    """Returns the best trials, the best first, then those without a score."""
    from hetgraph.cli.console import plain, table

    numbers = (tuning.monitor, "epochs", "seconds")
    title = f"{tuning.model} on {tuning.dataset}, validation split"
    made = table(
        "trial", tuning.monitor, "outcome", "epochs", "seconds", title=title, right=numbers
    )
    order = sorted(tuning.trials, key=lambda t: (t.outcome != "complete", -_or_low(t.value)))
    for trial in order[:_MOST_TRIALS]:
        is_start = dict(trial.values) == dict(tuning.start)
        made.add_row(
            f"{trial.number} (before)" if is_start else str(trial.number),
            _number(tuning.shown(trial.value)),
            plain(trial.outcome),
            str(trial.epochs),
            f"{trial.seconds:.1f}",
        )
    if len(order) > _MOST_TRIALS:
        made.caption = f"the best {_MOST_TRIALS} of {len(order)}"
    return made


def _best(tuning: Tuning) -> Table:
    """Returns a row for each searched setting: its value before and after, and what it mattered."""
    from hetgraph.cli.console import plain, table

    made = table(
        "setting", "before", "best", "importance", title="best settings", right=("importance",)
    )
    best = tuning.best.values
    order = sorted(best, key=lambda name: -tuning.importance.get(name, 0.0))
    for name in order:
        importance = tuning.importance.get(name)
        made.add_row(
            plain(name),
            plain(_text(tuning.start.get(name))),
            plain(_text(best[name])),
            "" if importance is None else f"{importance:.2f}",
        )
    return made


def _compared(comparison: Comparison) -> Table:
    """Returns a row for each method, the best first."""
    from hetgraph.cli.console import plain, table

    found = dict.fromkeys(name for t in comparison.tunings for name in t.best.metrics)
    rest = [name for name in found if name != comparison.monitor]
    metrics = [comparison.monitor, *rest][:_MOST_METRICS]
    numbers = (*metrics, "trials", "pruned", "seconds")
    title = f"tuned methods on {comparison.dataset}, validation split"
    made = table("method", *numbers, title=title, right=numbers)
    for tuning in comparison.tunings:
        shown = {**tuning.best.metrics, tuning.monitor: tuning.shown(tuning.value)}
        made.add_row(
            plain(tuning.model),
            *(_number(shown.get(name)) for name in metrics),
            str(len(tuning.trials)),
            str(sum(trial.outcome == "pruned" for trial in tuning.trials)),
            f"{tuning.seconds:.0f}",
        )
    return made


def _counts(trials: tuple[Trial, ...]) -> str:
    outcomes = dict.fromkeys(trial.outcome for trial in trials)
    listed = (f"{sum(t.outcome == name for t in trials)} {name}" for name in outcomes)
    return f"{len(trials)} trials: {', '.join(listed)}" if len(trials) != 1 else "1 trial"


def _complete(tuning: Tuning) -> int:
    return sum(trial.outcome == "complete" for trial in tuning.trials)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _or_low(value: float | None) -> float:
    return float("-inf") if value is None else value


def _text(value: object) -> str:
    from hetgraph.runs.tuning import value_text

    text = value_text(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
