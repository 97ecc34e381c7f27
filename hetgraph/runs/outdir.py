"""The folder of a run: claimed before anything slow happens."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.files import OutputError, atomic_path, explain_os_error
from hetgraph.renamed import current_settings
from hetgraph.settings import settings_that_count
from hetgraph.train.checkpoint import CHECKPOINT
from hetgraph.train.config import TrainConfig
from hetgraph.train.loggers import LOG
from hetgraph.train.made_from import check_same

__all__ = [
    "CHECKPOINT",
    "CONFIG",
    "LOG",
    "MODEL",
    "PREDICTIONS",
    "RESULT",
    "WORK",
    "abandon",
    "check_settings",
    "claim",
    "write_settings",
]

CONFIG = "config.yaml"
DATA = "data"
MODEL = "model"
PREDICTIONS = "predictions.safetensors"
RESULT = "result.json"
WORK = "work"


def claim(out: Path | None, name: str, *, resume: bool) -> Path:
    """Makes the folder of a new run, or checks that of a run to resume.

    Args:
        out: The folder; ``None`` takes the first free ``runs/<name>-<number>``.
        name: For example ``"rphgnn-hgb-DBLP-seed0"``.
        resume: Whether a run in ``out`` shall go on.

    Raises:
        ConfigError: If the folder is in use, or holds nothing to resume.
        OutputError: If it cannot be made.
    """
    if out is None:
        if resume:
            raise ConfigError("--resume needs --out DIR, the folder of the run to continue.")
        return _first_free(Path("runs"), re.sub(r"[^\w.-]+", "-", name))
    if resume:
        if not (out / CONFIG).is_file():
            raise ConfigError(f"{out} holds no run to resume; leave --resume out to start one.")
        return out
    _make(out, exist_ok=True)
    if any(out.iterdir()):
        raise ConfigError(_in_use(out))
    return out


def abandon(folder: Path) -> None:
    """Takes back the claim on a folder if no epoch was trained and no checkpoint written in it.

    Only what a run itself writes is removed; the folder was empty when it was claimed.
    """
    log = folder / LOG
    if (folder / CHECKPOINT).exists() or (log.is_file() and log.stat().st_size):
        return
    for name in ("tensorboard", WORK):
        shutil.rmtree(folder / name, ignore_errors=True)
    with contextlib.suppress(OSError):
        log.unlink(missing_ok=True)
        (folder / CONFIG).unlink(missing_ok=True)
        folder.rmdir()


def write_settings(folder: Path, settings: Mapping[str, Any], command: str) -> None:
    """Writes the settings of a run, with the command that repeats it.

    Raises:
        OutputError: If the folder cannot be written to.
    """
    body = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)
    with atomic_path(folder / CONFIG) as temporary:
        temporary.write_text(f"# Repeat this run: {command}\n{body}", encoding="utf-8")


def check_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Compares the settings of a run to resume with those it was started with.

    Raises:
        ConfigError: Naming the first difference.
        FileFormatError: If the file is damaged.
    """
    path = folder / CONFIG
    try:
        saved = yaml.safe_load(path.read_text(encoding="utf-8"))
        saved = current_settings(saved, str(saved.get("method", "")))
        before = dict(_flatten(_counting(saved)))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        raise FileFormatError(f"{path} is damaged ({error}); start in another folder.") from error
    check_same(before, dict(_flatten(_counting(settings))))


def _counting(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a run without those of the trainer that change no number."""
    train = settings.get("train", {})
    return {**settings, "train": settings_that_count(TrainConfig, train)}


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the values of a tree by dotted name."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _first_free(parent: Path, name: str) -> Path:
    for number in count(1):
        folder = parent / f"{name}-{number}"
        if not folder.exists():
            with contextlib.suppress(FileExistsError):  # Another run was faster.
                _make(folder, exist_ok=False)
                return folder
    raise AssertionError  # pragma: no cover (count() has no end)


def _make(folder: Path, *, exist_ok: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        if folder.is_dir():
            raise
        raise OutputError(f"cannot write to {folder}: it is a file; choose a folder.") from None
    except OSError as error:
        words = explain_os_error(error) or str(error)
        raise OutputError(f"cannot make the folder {folder}: {words}.") from error


def _in_use(out: Path) -> str:
    if (out / RESULT).is_file():
        return f"{out} holds a finished run; choose another --out, or remove the folder first."
    if (out / CONFIG).is_file():
        return f"{out} holds an unfinished run; continue it with --resume, or choose another --out."
    return f"{out} is not empty; choose another --out, an empty or a new folder."
