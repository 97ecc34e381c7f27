"""Collects the mistakes in a user's tables, so that all are told at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hetgraph.errors import DataError, UserError

__all__ = ["Problems", "ProblemsError"]


class ProblemsError(DataError):
    r"""Several mistakes; the message has a line for each.

    Args:
        messages: One message per mistake.

    Example:
        >>> str(ProblemsError(["no id 7.", "no id 9."]))
        '2 problems:\nno id 7.\nno id 9.'
    """

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join([f"{len(messages)} problems:", *messages]))
        self.messages = tuple(messages)


class Problems:
    """The mistakes that were found so far.

    Each independent part - a column, a relation, a target - is read in a block of its own:

    Example:
        >>> problems = Problems()
        >>> for name in ("year", "pages"):
        ...     with problems.of_part():
        ...         raise DataError(f"column {name!r} is missing.")
        >>> problems.messages
        ("column 'year' is missing.", "column 'pages' is missing.")
    """

    def __init__(self) -> None:
        self._errors: list[UserError] = []

    @contextmanager
    def of_part(self) -> Iterator[None]:
        """Keeps the mistake that ends the block; the code after the block goes on."""
        try:
            yield
        except UserError as error:
            self._errors.append(error)

    def add(self, error: UserError) -> None:
        """Keeps a mistake."""
        self._errors.append(error)

    def __bool__(self) -> bool:
        return bool(self._errors)

    @property
    def messages(self) -> tuple[str, ...]:
        """One message per mistake, each once, in the order in which they were found."""
        lines = [
            message
            for error in self._errors
            for message in getattr(error, "messages", None) or (str(error),)
        ]
        return tuple(dict.fromkeys(lines))

    def check(self) -> None:
        """Fails if there was a mistake; a single one keeps its class.

        Raises:
            UserError: The only mistake, or :class:`ProblemsError`.
        """
        if not self._errors:
            return
        if len(self._errors) == 1:
            raise self._errors[0]
        raise ProblemsError(list(self.messages))
