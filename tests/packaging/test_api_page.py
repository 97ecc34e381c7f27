"""The overview of the public API in the documents is the one of the code.

``python tests/packaging/test_api_page.py`` writes it anew.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

PAGE = Path(__file__).parents[2] / "docs/api.md"
TABLE = re.compile(r"(<!-- (hetgraph[\w.]*) -->\n)(?:\n(?:\|.*\n)+)?")


def choices(value: Any) -> tuple[str, ...]:
    """The words of a ``Literal`` of texts; empty for anything else."""
    words = get_args(value)
    return words if all(isinstance(word, str) for word in words) else ()


def summary(value: Any) -> str:
    """The first sentence of a docstring; of a choice of words the words."""
    if words := choices(value):
        return "one of " + ", ".join(f"`{word}`" for word in words)
    first = (inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " ")
    # Roles of cross-references and double backticks are for Python's help, not for Markdown.
    plain = re.sub(r":\w+:`[~.]?(?:[\w.]*\.)?(\w+)`", r"`\1`", first).replace("``", "`")
    sentence = re.split(r"(?<=\.)\s", plain)[0].removesuffix(".")
    return sentence.partition("; see ")[0].replace("|", "\\|")


def table(package: str) -> str:
    """One row per public name of a package."""

    def rows() -> Iterator[str]:
        module = import_module(package)
        for name in sorted(module.__all__, key=str.lower):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value) or choices(value):
                yield f"| `{name}` | {summary(value)} |\n"

    return "| name | is or does |\n|---|---|\n" + "".join(rows())


def current(page: str) -> str:
    """The page with the tables of the code at hand."""
    return TABLE.sub(lambda match: f"{match[1]}\n{table(match[2])}", page)


def test_the_page_lists_the_public_names() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "| `spmm` |" in page
    assert page == current(page), (
        "docs/api.md is older than the code; run: python tests/packaging/test_api_page.py"
    )


def test_every_public_name_says_what_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert not re.findall(r"^\| `\w+` \|\s+\|$", page, re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(current(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
