"""An argument parser whose errors are one line that tells how to mend them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

from hetgraph.errors import UserError, suggest


class UsageError(UserError):
    """An invalid command line."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps line ends, and puts an option and its help on the same line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)
        self._action_max_length = 16  # argparse forgets that commands are indented


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` that raises `UsageError` and suggests the nearest word.

    Attributes:
        notes: Sentences that are appended to every error of this parser.
    """

    notes: Sequence[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", _Formatter)
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Raises `UsageError` instead of printing the usage and exiting."""
        sentences = [
            text if text.endswith((".", "?")) else f"{text}." for text in (message, *self.notes)
        ]
        raise UsageError(f"{' '.join(sentences)} See `{self.prog} --help`.")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses and refuses unknown arguments, so that each parser suggests its own options."""
        parsed, extra = super().parse_known_args(args, namespace)
        if extra:
            name = extra[0].split("=", 1)[0]
            if not name.startswith("-"):
                self.error(f"one argument too many: {name!r}")
            options = [text for text in self._option_string_actions if text.startswith("--")]
            self.error(f"unknown option {name!r}.{suggest(name, options)}")
        return parsed, extra

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Checks a value against the choices of its argument; argparse calls this."""
        if action.choices is not None and value not in action.choices:
            what = str(action.metavar or action.dest).lower()
            self.error(f"unknown {what} {value!r}.{suggest(str(value), action.choices)}")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
