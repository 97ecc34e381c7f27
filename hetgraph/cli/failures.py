"""Turns an exception into an exit code and one line on stderr."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import TextIO

from hetgraph.errors import DataError, UserError
from hetgraph.files import explain_os_error

OK = 0
FAULT = 1
MISTAKE = 2
INTERRUPTED = 130


def report(error: BaseException, *, debug: bool = False, stream: TextIO | None = None) -> int:
    """Writes what went wrong to stderr.

    Args:
        error: What a command raised.
        debug: Whether to show the traceback of a user's mistake, too.
        stream: Where to write; default stderr.

    Returns:
        The exit code: 2 for a user's mistakes, which are one line each, 130 for Ctrl-C, 1 for an
        internal fault, whose traceback is always shown.
    """
    stream = stream or sys.stderr
    message = _mistake(error)
    several: Sequence[str] = getattr(error, "messages", ())
    if isinstance(error, KeyboardInterrupt):
        code, line = INTERRUPTED, "interrupted"
    elif message is not None:
        code, line = MISTAKE, f"error: {message}"
    else:
        code, line = FAULT, f"internal fault: {type(error).__name__}: {_one_line(error)}"
    if debug or code == FAULT:
        traceback.print_exception(error, file=stream)
    for mistake in several:
        stream.write(f"hetgraph: error: {' '.join(mistake.split())}\n")
    if several:
        line = f"{len(several)} problems; mend them"
        if isinstance(error, DataError):  # of a source, which `check` reads without training
            line += ", `hetgraph check SOURCE` lists them again"
    stream.write(f"hetgraph: {line}\n")
    return code


def _mistake(error: BaseException) -> str | None:
    """Returns the one-line message of a failure that the user can mend, None for any other.

    Besides `UserError` these are errors of the operating system, such as a full disk or a folder
    without write permission.
    """
    if isinstance(error, UserError):
        return _one_line(error) or type(error).__name__
    words = explain_os_error(error)
    if words is None:
        return None
    path = getattr(error, "filename", None)
    return f"{path}: {words}." if path else f"{words}."


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
