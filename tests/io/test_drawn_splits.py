"""Splits drawn at random, by class and by time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Split
from hetgraph.errors import ConfigError, DataError
from hetgraph.io.drawn_splits import DrawnSplit, as_drawn


def whole(split: Split) -> list[int]:
    assert split.valid is not None
    parts: list[int] = torch.cat([split.train, split.valid, split.test]).tolist()
    return parts


def test_a_random_split_has_its_fractions_and_depends_on_the_seed_alone() -> None:
    ids = torch.arange(0, 2000, 2)
    first = DrawnSplit("random", valid=0.1, test=0.3).of(ids)
    assert first.valid is not None
    assert [part.numel() for part in (first.train, first.valid, first.test)] == [600, 100, 300]
    assert sorted(whole(first)) == ids.tolist()
    again = DrawnSplit("random", valid=0.1, test=0.3).of(ids.flip(0))
    assert again.test.tolist() != []
    assert set(again.test.tolist()) == set(first.test.tolist())  # the order of the ids is nothing
    other = DrawnSplit("random", valid=0.1, test=0.3, seed=1).of(ids)
    assert set(other.test.tolist()) != set(first.test.tolist())


def test_a_stratified_split_keeps_the_fractions_of_every_class() -> None:
    classes = torch.tensor([0] * 80 + [1] * 20)
    split = DrawnSplit("stratified", valid=0.2, test=0.2).of(torch.arange(100), classes=classes)
    assert split.valid is not None
    for part, rare in ((split.train, 12), (split.valid, 4), (split.test, 4)):
        assert int(classes[part].sum()) == rare
    assert sorted(whole(split)) == list(range(100))


@pytest.mark.parametrize("seed", range(40))
def test_no_target_is_later_than_those_of_the_next_split(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    size = int(torch.randint(30, 200, (1,), generator=generator))
    time = torch.randint(0, 25, (size,), generator=generator)
    split = DrawnSplit("time", valid=0.2, test=0.2).of(torch.arange(size), time=time)
    assert split.valid is not None
    assert int(time[split.train].max()) < int(time[split.valid].min())
    assert int(time[split.valid].max()) < int(time[split.test].min())
    assert sorted(whole(split)) == list(range(size))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"split": "time", "valid": 0.6, "test": 0.5}, "leave nothing for training"),
        ({"split": "time", "valid": 0}, "valid is 0, expected a fraction"),
        ({"split": "random", "test": True}, "test is True, expected a fraction"),
        ({"split": "random", "seed": -1}, "seed is -1"),
        ({"valid": 0.1}, "valid without split"),
        ({"split": "part", "test": 0.1}, "test without split"),
    ],
)
def test_wrong_options(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        as_drawn(options, "labels")


def test_all_wrong_options_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"valid is 'x'.*test is 7.*seed is"):
        as_drawn({"split": "random", "valid": "x", "test": 7, "seed": "y"}, "labels")


def test_a_column_is_no_drawn_split() -> None:
    assert as_drawn({"split": "part"}, "labels") is None
    assert as_drawn({}, "labels") is None


@pytest.mark.parametrize(
    ("how", "time", "expected"),
    [
        ("time", None, "have no times"),
        ("stratified", None, "no single class per row"),
        ("time", torch.zeros(50), "the training split of 50 targets of 1 different times is empty"),
    ],
)
def test_what_cannot_be_drawn(how: str, time: Tensor | None, expected: str) -> None:
    drawn = as_drawn({"split": how}, "values")
    assert drawn is not None
    with pytest.raises((ConfigError, DataError), match=expected):
        drawn.of(torch.arange(50), time=time)
