"""Errors that the user can fix; the command line prints them as one line and exits with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = [
    "BudgetError",
    "ConfigError",
    "ConfigProblemsError",
    "DataError",
    "FileFormatError",
    "LeakageError",
    "MetaPathError",
    "SchemaError",
    "UserError",
    "suggest",
]


class UserError(ValueError):
    """A mistake in the user's input; the message says what was expected and how to fix it."""


class SchemaError(UserError):
    """A node type, edge type or declaration that contradicts the schema."""


class DataError(UserError):
    """Data that contradicts its declaration: counts, ranges, dtypes, NaN."""


class FileFormatError(UserError):
    """A file that is incomplete, truncated or not in the expected format."""


class MetaPathError(UserError):
    """A meta-path that cannot be parsed or does not match the schema."""


class BudgetError(UserError):
    """An operation whose estimated memory exceeds the given budget."""


class ConfigError(UserError):
    """An unknown name or an invalid setting."""


class ConfigProblemsError(ConfigError):
    r"""Several mistakes in one file of settings; the message has a line for each.

    Args:
        messages: One message per mistake.

    Example:
        >>> str(ConfigProblemsError(["lr is 'x'.", "epochs is 0."]))
        "2 problems:\nlr is 'x'.\nepochs is 0."
    """

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__("\n".join([f"{len(messages)} problems:", *messages]))
        self.messages = tuple(messages)


class LeakageError(UserError):
    """Held-out information that would leak into the input of a model."""


def suggest(name: str, options: Iterable[str], *, limit: int = 12) -> str:
    """Returns a sentence that suggests a known name for a misspelt one.

    Args:
        name: The name that the user gave.
        options: The known names.
        limit: Maximum number of names to list if none is close.

    Returns:
        ``" Did you mean 'x'?"`` if a name is close, else ``" Known: a, b, c."``, with a leading
        space, to be appended to a message.

    Example:
        >>> suggest("papr", ["author", "paper"]), suggest("venue", ["author", "paper"])
        (" Did you mean 'paper'?", ' Known: author, paper.')
    """
    known = sorted(set(options))
    if not known:
        return " None is known."
    lowered = {option.lower(): option for option in reversed(known)}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f" Did you mean {lowered[close[0]]!r}?"
    shown = ", ".join(known[:limit])
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return f" Known: {shown}{more}."
