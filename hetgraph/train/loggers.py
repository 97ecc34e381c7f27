"""Where the numbers of each epoch go: JSON lines, TensorBoard."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from hetgraph.errors import ConfigError
from hetgraph.files import OutputError, explain_os_error

__all__ = ["LOG", "JsonlLogger", "Logger", "TensorBoardLogger", "make_loggers"]

LOG = "metrics.jsonl"
"""Name of the log in the folder of a run."""


class Logger(Protocol):
    """A sink for one row per epoch: nested dicts of numbers, with ``stage`` and ``epoch``."""

    def log(self, row: Mapping[str, Any], step: int) -> None:
        """Writes the row of the ``step``-th epoch of the run."""

    def close(self) -> None:
        """Ends the log."""


class JsonlLogger:
    """One JSON object a line, on disk when :meth:`log` returns.

    Args:
        path: The file.
        keep: Rows to keep of a file that is there: those before the checkpoint from which a run
            continues. The rest is cut off.

    Raises:
        OutputError: If the file cannot be written.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("r+b" if keep and path.is_file() else "wb")
            if keep:
                for _ in range(keep):
                    self._file.readline()
                self._file.truncate()
        except OSError as error:
            raise self._failure(error) from error

    def log(self, row: Mapping[str, Any], step: int) -> None:
        """Writes one line."""
        try:
            self._file.write(json.dumps(row).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Closes the file; a row that could not be written was reported by :meth:`log`."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _failure(self, error: OSError) -> OutputError:
        words = explain_os_error(error) or error.strerror or str(error)
        return OutputError(f"cannot write {self._path}: {words}.")


class TensorBoardLogger:
    """Scalars named ``stage/split/metric`` over the epochs of the run.

    Args:
        folder: Where the event files go.
        first: Number of the first epoch to come; later ones of an earlier session are hidden.

    Raises:
        ImportError: If TensorBoard is not installed.
    """

    def __init__(self, folder: Path, first: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(
            str(folder), purge_step=first if first else None, flush_secs=30
        )

    def log(self, row: Mapping[str, Any], step: int) -> None:
        """Writes every number of the row."""
        for name, value in _flatten(row, str(row.get("stage", ""))):
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flushes and closes the event file."""
        self._writer.close()


def make_loggers(out: Path | None, tensorboard: bool | None, rows: int) -> list[Logger]:
    """Opens the logs of a run that has ``rows`` epochs behind it.

    Args:
        out: Folder of the run; ``None`` logs nowhere.
        tensorboard: ``None``: if it is installed.
        rows: Epochs already logged.

    Raises:
        ConfigError: If TensorBoard is asked for and missing.
    """
    if out is None:
        return []
    loggers: list[Logger] = [JsonlLogger(out / LOG, keep=rows)]
    if tensorboard is not False:
        try:
            loggers.append(TensorBoardLogger(out / "tensorboard", first=rows))
        except ImportError as error:
            if tensorboard:
                raise ConfigError(
                    "train.tensorboard is true, but TensorBoard is not installed; "
                    "install it with `pip install tensorboard`."
                ) from error
    return loggers


def _flatten(row: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}/{key}")
        elif isinstance(value, (int, float)) and key != "epoch":
            yield f"{prefix}/{key}", float(value)
