"""An argument parser whose errors are one line that names the repair."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

from hetgraph.errors import UserError, suggest


class UsageError(UserError):
    """A command line that cannot be understood."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps line ends, and gives options and their help a line in common."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)
        self._action_max_length = 16  # argparse forgets that commands are indented


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` that raises `UsageError` and suggests the nearest word."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", _Formatter)
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Raises `UsageError` instead of printing the usage and leaving."""
        end = "" if message.endswith((".", "?")) else "."
        raise UsageError(f"{message}{end} See `{self.prog} --help`.")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses, and refuses what is left over; the parser that met it knows its own options."""
        parsed, extra = super().parse_known_args(args, namespace)
        if extra:
            name = extra[0].split("=", 1)[0]
            if not name.startswith("-"):
                self.error(f"one argument too many: {name!r}")
            options = [o for o in self._option_string_actions if o.startswith("--")]
            self.error(f"unknown option {name!r}.{suggest(name, options)}")
        return parsed, extra

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Checks a word against an argument's choices (argparse calls this for every value)."""
        if action.choices is not None and value not in action.choices:
            what = str(action.metavar or action.dest).lower()
            self.error(f"unknown {what} {value!r}.{suggest(str(value), action.choices)}")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
