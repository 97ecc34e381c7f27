"""Mistakes are collected, each once, and a single one keeps its class."""

from __future__ import annotations

import pytest

from hetgraph.errors import ConfigError, DataError
from hetgraph.io.problems import Problems, ProblemsError


def test_what_follows_a_mistake_is_still_read() -> None:
    problems, read = Problems(), []
    for number in range(4):
        with problems.of_part():
            if number % 2:
                raise DataError(f"row {number}")
            read.append(number)
    assert read == [0, 2]
    assert problems.messages == ("row 1", "row 3")
    with pytest.raises(ProblemsError) as caught:
        problems.check()
    assert caught.value.messages == ("row 1", "row 3")
    assert str(caught.value) == "2 problems:\nrow 1\nrow 3"


def test_a_single_mistake_keeps_its_class() -> None:
    problems = Problems()
    with problems.of_part():
        raise ConfigError("a")
    with pytest.raises(ConfigError, match=r"^a$"):
        problems.check()


def test_several_of_a_part_are_several_and_each_is_told_once() -> None:
    problems = Problems()
    problems.add(ProblemsError(["a", "b"]))
    problems.add(DataError("b"))
    assert problems.messages == ("a", "b")


def test_faults_of_the_library_are_not_mistakes_of_the_user() -> None:
    problems = Problems()
    with pytest.raises(ZeroDivisionError), problems.of_part():
        raise ZeroDivisionError
    assert not problems
    problems.check()
