"""One line for each mistake in a YAML file: file, key, value, what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from hetgraph.errors import ConfigError
from hetgraph.yamlfile import checked, read_yaml


class Wheel(msgspec.Struct, forbid_unknown_fields=True):
    spokes: Annotated[int, msgspec.Meta(ge=3)]
    colour: str = "red"
    size: Literal["big", "small"] | None = None
    maker: str = msgspec.field(default="", name="<maker>")

    def __post_init__(self) -> None:
        if self.colour == "pink":
            raise ValueError("colour is 'pink', which is sold out")


class Bicycle(msgspec.Struct, forbid_unknown_fields=True):
    wheels: dict[str, Wheel] = {}
    spare: list[Wheel] | None = None
    owner: str | None = None
    notes: dict[str, Any] = {}


def test_right_content_becomes_a_value() -> None:
    bicycle = checked({"wheels": {"front": {"spokes": 20}}}, Bicycle, "b.yaml", ConfigError)
    assert bicycle == Bicycle(wheels={"front": Wheel(20)})


def front(**values: Any) -> dict[str, Any]:
    """A right wheel behind a right one, with some of its values replaced."""
    return {"wheels": {"back": {"spokes": 9}, "front": {"spokes": 9, **values}}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (front(spokes="x"), "wheels.front.spokes is 'x', expected a whole number."),
        (front(spokes=2), "wheels.front.spokes is 2, expected a whole number >= 3."),
        (front(spokes=True), "wheels.front.spokes is True, expected a whole number."),
        (front(spoke=9), "unknown key 'wheels.front.spoke'. Did you mean 'spokes'?"),
        (front(size="tiny"), "wheels.front.size is 'tiny', expected one of 'big', 'small'."),
        (front(maker="M"), "unknown key 'wheels.front.maker'. Known: colour, size, spokes."),
        (front(colour="pink"), "wheels.front: colour is 'pink', which is sold out."),
        ({"wheels": {"a": None}}, "wheels.a is None, expected names with values below it."),
        ({"wheels": {"a": {}}}, "the key 'wheels.a.spokes' is missing."),
        ({"spare": [{"spokes": 9}, {"colour": "blue"}]}, "the key 'spare.1.spokes' is missing."),
        ({"spare": [{"spokes": 9, "color": 1}]}, "unknown key 'spare.0.color'. Did you mean 'col"),
        ({"owner": 3}, "owner is 3, expected text or nothing."),
        ({"notes": {"a": 1, 7: 2}}, "the key 7 of notes is no text; put it in quotes."),
        ({7: 2}, "the key 7 is no text; put it in quotes."),
        ({"ownr": "x"}, "unknown key 'ownr'. Did you mean 'owner'?"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_key(content: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(content, Bicycle, "b.yaml", ConfigError)
    assert str(caught.value).startswith(f"b.yaml: {message}")


@pytest.mark.parametrize("content", [None, [], "text", 3])
def test_content_that_is_no_mapping_is_told_what_belongs_there(content: Any) -> None:
    with pytest.raises(ConfigError, match=r"^b.yaml must hold keys such as wheels and spare\.$"):
        checked(content, Bicycle, "b.yaml", ConfigError)


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    with pytest.raises(ConfigError, match=r"b\.yaml does not exist; give the path"):
        read_yaml(path, ConfigError)
    for bad in (
        b"a: 1\na: 2\n",
        b"a: {b: 1, b: 1}\n",
        b"a: [\n",
        b"\xff\xfe\x00",
        b"!!python/object/apply:os.getcwd []",
    ):
        path.write_bytes(bad)
        with pytest.raises(ConfigError, match="cannot be read as YAML") as caught:
            read_yaml(path, ConfigError)
        assert "\n" not in str(caught.value)
