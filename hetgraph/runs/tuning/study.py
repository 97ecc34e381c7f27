"""The trials of a search: kept by optuna, in memory or in a folder that a search goes on from."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.files import OutputError
from hetgraph.optional import require
from hetgraph.runs.tuning.result import Trial
from hetgraph.runs.tuning.space import SearchSpace

__all__ = ["STUDY", "Study", "opened", "require_optuna"]

STUDY = "study.sqlite3"
_LOCK = ".lock"
_NAME = "hetgraph"
_WARM_TRIALS = 5
"""Complete trials before one is pruned."""
_RANDOM_TRIALS = 8
"""Trials before the sampler learns from them."""


def require_optuna() -> Any:
    """Imports optuna.

    Raises:
        ConfigError: If it is not installed. The message gives the command that installs it.
    """
    return require("optuna", "hetgraph[hpo]")


class Study:
    """The trials so far, and the next one.

    Args:
        inner: The optuna study.
        space: What is searched.
        seed: Seed of the draws. Each draw has a seed of its own, so that a search that was stopped
            and goes on makes the draws that it would have made.
    """

    def __init__(self, inner: Any, space: SearchSpace, seed: int) -> None:
        self._optuna = require_optuna()
        self._inner = inner
        self._space = space
        self._seed = seed

    def trials(self) -> tuple[Trial, ...]:
        """Returns the trials that are over; what was killed or stopped does not count."""
        kept = (t for t in self._inner.get_trials(deepcopy=False) if self._is_over(t))
        return tuple(
            Trial(number, **json.loads(trial.user_attrs["result"]))
            for number, trial in enumerate(kept, start=1)
        )

    def ask(self, start: Mapping[str, Any] | None) -> Any:
        """Returns the next optuna trial.

        Args:
            start: Values of the first trial; ``None`` draws them.
        """
        number = len(self.trials())
        if number == 0 and start is not None and not self._has_waiting():
            self._inner.enqueue_trial(self._space.stored(start))
        self._inner.sampler = self._optuna.samplers.TPESampler(
            seed=(self._seed + number) % 2**32, n_startup_trials=_RANDOM_TRIALS
        )
        return self._inner.ask()

    def tell(self, trial: Any, result: Mapping[str, Any]) -> None:
        """Keeps how a trial ended: the fields of :class:`Trial` without the number."""
        states = self._optuna.trial.TrialState
        trial.set_user_attr("result", json.dumps(result))
        if result["outcome"] == "complete":
            self._inner.tell(trial, result["value"])
        else:
            # The sampler learns from a pruned trial, which a failed one of optuna's it ignores.
            self._inner.tell(trial, state=states.PRUNED)

    def drop(self, trial: Any) -> None:
        """Marks a trial that was stopped; another one takes its place."""
        self._inner.tell(trial, state=self._optuna.trial.TrialState.FAIL, skip_if_finished=True)

    def importance(self) -> dict[str, float]:
        """Returns how much each setting mattered; empty if too little is known."""
        complete = [trial for trial in self.trials() if trial.outcome == "complete"]
        if len(complete) < 4 or len({trial.value for trial in complete}) < 2:
            return {}
        try:
            shares = self._optuna.importance.get_param_importances(self._inner)
        except (ValueError, RuntimeError):  # Such as settings that all trials have in common.
            return {}
        return {name: float(share) for name, share in shares.items() if share == share}

    def _has_waiting(self) -> bool:
        waiting = self._optuna.trial.TrialState.WAITING
        return bool(self._inner.get_trials(deepcopy=False, states=(waiting,)))

    def _is_over(self, trial: Any) -> bool:
        states = self._optuna.trial.TrialState
        return trial.state in (states.COMPLETE, states.PRUNED) and "result" in trial.user_attrs


@contextlib.contextmanager
def opened(
    folder: Path | None,
    space: SearchSpace,
    *,
    seed: int,
    about: Mapping[str, Any],
    warmup: int,
) -> Iterator[Study]:
    """Opens the trials of a folder, or begins with none.

    Args:
        folder: Where they are kept; ``None`` keeps them in memory.
        space: What is searched.
        seed: Seed of the draws.
        about: Plain values that all trials of a folder must agree in.
        warmup: Epochs before which no trial is pruned.

    Raises:
        ConfigError: If the folder holds something else, a search about something else, or another
            process is at work in it.
        FileFormatError: If the file is damaged.
        OutputError: If it cannot be written.
    """
    optuna = require_optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    options = {
        "study_name": _NAME,
        "direction": "maximize",
        "pruner": optuna.pruners.MedianPruner(_WARM_TRIALS, n_warmup_steps=warmup),
        "load_if_exists": True,
    }
    if folder is None:
        yield Study(optuna.create_study(**options), space, seed)
        return
    path = folder / STUDY
    with _locked(folder), _readable(path):
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        try:
            inner = optuna.create_study(storage=storage, **options)
            _check_same(inner, about, folder)
            _drop_stale(inner, optuna)
            yield Study(inner, space, seed)
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _check_same(inner: Any, about: Mapping[str, Any], folder: Path) -> None:
    now = json.loads(json.dumps(about))
    before = inner.user_attrs.get("about")
    if before is None:
        inner.set_user_attr("about", now)
        return
    differences = [
        f"{name} was {_brief(before.get(name))} and is now {_brief(now.get(name))}"
        for name in dict.fromkeys([*now, *before])
        if before.get(name) != now.get(name)
    ]
    if differences:
        raise ConfigError(
            f"{folder} holds a search that asks something else: {'; '.join(differences)}. Choose "
            "another --out, or give the same command to go on."
        )


def _drop_stale(inner: Any, optuna: Any) -> None:
    """Marks trials that were running when their process was killed."""
    states = optuna.trial.TrialState
    for trial in inner.get_trials(deepcopy=False, states=(states.RUNNING,)):
        inner.tell(trial.number, state=states.FAIL)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Claims the folder for this process; the lock ends with it, even if it is killed."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write to {folder}: it is a file; choose a folder.")
    # A process that was killed early leaves nothing but its lock.
    others = {path.name for path in folder.iterdir()} - {_LOCK} if folder.is_dir() else set()
    if others and STUDY not in others:
        raise ConfigError(f"{folder} is not empty and holds no search; choose another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"another process searches in {folder}; wait for it, or choose another --out."
            ) from error
        yield


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns errors of the database into one line."""
    optuna, sql = require_optuna(), require("sqlalchemy", "hetgraph[hpo]")
    try:
        yield
    except (optuna.exceptions.StorageInternalError, sql.exc.SQLAlchemyError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        if "not a database" in reason or "malformed" in reason:
            raise FileFormatError(
                f"{path} is damaged ({reason}); remove it, or choose another --out."
            ) from error
        raise OutputError(f"cannot write {path}: {reason}.") from error


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
