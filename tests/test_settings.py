from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from hetgraph.errors import ConfigError
from hetgraph.settings import (
    additive,
    config_from_dict,
    config_to_dict,
    field_names,
    harmless,
    later,
    merge,
    parse_assignments,
    settings_that_count,
)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Inner:
    depth: int = 1


@dataclass(frozen=True)
class Config:
    width: int = 8
    rate: float = 0.1
    patience: int | None = 3
    kind: Literal["sum", "mean"] = "sum"
    flag: bool = False
    title: str = ""
    layers: tuple[int, ...] = (1,)
    paths: tuple[str, ...] = ()
    inner: Inner = field(default_factory=Inner)
    colour: Colour = Colour.RED

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ConfigError(f"width is {self.width}, expected at least 1.")


@dataclass(frozen=True)
class Other:
    rate: float = 0.0
    depth: int = 0


@dataclass(frozen=True)
class Needy:
    size: int


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("rate", "3e-3", 0.003),
        ("rate", 1, 1.0),
        ("width", "12", 12),
        ("patience", "null", None),
        ("patience", "none", None),
        ("patience", None, None),
        ("patience", "7", 7),
        ("kind", "mean", "mean"),
        ("flag", "true", True),
        ("title", "12", "12"),
        ("title", "a: b", "a: b"),
        ("title", "[x", "[x"),
        ("layers", "[2, 3]", (2, 3)),
        ("layers", "2,3", (2, 3)),
        ("layers", [4], (4,)),
        ("paths", "a-b-a, b-a-b", ("a-b-a", "b-a-b")),
        ("paths", ("x",), ("x",)),
        ("inner", {"depth": "4"}, Inner(4)),
        ("inner", Inner(5), Inner(5)),
        ("colour", "BLUE", Colour.BLUE),
    ],
)
def test_values_are_parsed_by_the_type_of_their_field(name, given, expected):
    value = getattr(config_from_dict(Config, {name: given}), name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"widht": 3}, r"unknown setting 'model.widht'. Did you mean 'width'\?"),
        ({"width": "wide"}, r"model.width is 'wide', expected a whole number\."),
        ({"width": 1.5}, r"model.width is 1.5, expected a whole number"),
        ({"width": True}, r"model.width is True, expected a whole number"),
        ({"width": None}, r"model.width is None, expected a whole number"),
        ({"rate": "fast"}, r"model.rate is 'fast', expected a number"),
        ({"patience": "x"}, r"model.patience is 'x', expected a whole number or null"),
        ({"kind": "max"}, r"model.kind is 'max', expected one of 'sum', 'mean'"),
        ({"flag": "maybe"}, r"model.flag is 'maybe', expected true or false"),
        ({"title": 3}, r"model.title is 3, expected text"),
        ({"layers": "a,b"}, r"model.layers is '\[a,b\]', expected"),
        ({"inner": 3}, r"model.inner is 3, expected a section"),
        ({"inner": {"dept": 3}}, r"unknown setting 'model.inner.dept'. Did you mean 'depth'\?"),
        ({"width": 0}, r"width is 0, expected at least 1"),
    ],
)
def test_wrong_values_say_what_was_expected(values, message):
    with pytest.raises(ConfigError, match=message):
        config_from_dict(Config, values, "model")


def test_a_setting_without_default_is_asked_for():
    with pytest.raises(ConfigError, match="'size' has no default"):
        config_from_dict(Needy, {})


def test_to_dict_and_back():
    config = Config(layers=(3, 4), inner=Inner(2), colour=Colour.BLUE, patience=None)
    values = config_to_dict(config)
    assert values["layers"] == [3, 4]
    assert values["colour"] == "BLUE"
    assert config_from_dict(Config, values) == config


def test_paths_become_text():
    @dataclass(frozen=True)
    class Place:
        where: Path | None = None

    assert config_to_dict(Place(Path("a/b"))) == {"where": "a/b"}


def test_merge_joins_sections_and_lets_the_last_win():
    low = {"train": {"lr": 1, "epochs": 2}, "model": {"width": 3}}
    high = {"train": {"lr": 9}, "task": {"test": "half"}}
    assert merge(low, high, {}) == {
        "train": {"lr": 9, "epochs": 2},
        "model": {"width": 3},
        "task": {"test": "half"},
    }
    assert low["train"] == {"lr": 1, "epochs": 2}


def test_assignments_find_their_section():
    sections = {"model": Config, "train": Other, "data": None}
    words = ["width=3", "train.rate=0.5", "model.inner.depth=2", "data.size=big", "title=a=b"]
    assert parse_assignments(words, sections) == {
        "model": {"width": "3", "inner": {"depth": "2"}, "title": "a=b"},
        "train": {"rate": "0.5"},
        "data": {"size": "big"},
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("width", "cannot read the setting 'width'; write key=value"),
        ("=3", "cannot read the setting"),
        ("rate=3", "'rate' is ambiguous; write model.rate or train.rate"),
        ("widht=3", r"unknown setting 'widht'. Did you mean 'width'\?"),
        ("train.rat=3", r"unknown setting 'train.rat'. Did you mean 'rate'\?"),
        ("tran.rate=3", r"unknown setting 'tran.rate'. Did you mean 'train.rate'\?"),
    ],
)
def test_wrong_assignments_say_how_to_mend_them(word, message):
    with pytest.raises(ConfigError, match=message):
        parse_assignments([word], {"model": Config, "train": Other, "data": None})


def test_field_names():
    assert field_names(Other) == ("rate", "depth")


@dataclass(frozen=True)
class Grown:
    old: int = 1
    new: int | None = later(None)


def test_what_came_later_is_told_where_it_is_used() -> None:
    assert config_to_dict(Grown()) == {"old": 1}
    assert config_to_dict(Grown(new=3)) == {"old": 1, "new": 3}
    assert config_from_dict(Grown, {"old": 1}) == Grown()
    assert field_names(Grown) == ("old", "new")


def test_the_order_of_a_union_is_kept() -> None:
    """Equal as types, but the first kind that fits is taken."""

    @dataclass(frozen=True)
    class Whole:
        value: int | float = 0

    @dataclass(frozen=True)
    class Real:
        value: float | int = 0

    for cls, kind in ((Whole, int), (Real, float), (Whole, int)):
        assert type(config_from_dict(cls, {"value": "3"}).value) is kind


@dataclass(frozen=True)
class Marked:
    rate: float = 0.1
    more: bool = additive(False)
    save_every: int = harmless(10)


def test_settings_that_change_no_number_are_marked_at_the_field() -> None:
    values = config_to_dict(Marked(more=True, save_every=3))
    assert values == {"rate": 0.1, "more": True, "save_every": 3}
    assert settings_that_count(Marked, values) == {"rate": 0.1, "more": True}
    assert settings_that_count(Marked, values, with_additive=False) == {"rate": 0.1}
    assert settings_that_count(Marked, {"gone": 1}) == {"gone": 1}
    assert Marked() == Marked(0.1, False, 10)


def test_a_word_beside_a_list_is_a_word() -> None:
    @dataclass(frozen=True)
    class Weighted:
        weights: Literal["balanced"] | tuple[float, ...] | None = None

    for text, value in (
        ("balanced", "balanced"),
        ("1, 2", (1.0, 2.0)),
        ([1, 2], (1.0, 2.0)),
        ("null", None),
    ):
        assert config_from_dict(Weighted, {"weights": text}).weights == value
    with pytest.raises(ConfigError, match="expected one of 'balanced' or"):
        config_from_dict(Weighted, {"weights": "balancd"})


def test_params_are_read_and_set_as_in_scikit_learn():
    from hetgraph.settings import get_params, set_params
    from hetgraph.train import TrainConfig

    config = TrainConfig(lr=0.01)
    assert get_params(config)["lr"] == 0.01
    assert set_params(config) == config
    changed = set_params(config, lr="3e-3", max_epochs=5)
    assert (changed.lr, changed.max_epochs, config.lr) == (0.003, 5, 0.01)
    with pytest.raises(ConfigError, match=r"unknown setting 'lrr'\. Did you mean 'lr'"):
        set_params(config, lrr=1)
    with pytest.raises(ConfigError, match="lr"):
        set_params(config, lr="fast")
