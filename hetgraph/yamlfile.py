"""YAML files that people write: read safely, checked against a class, refused in one line."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from hetgraph.errors import UserError, suggest

__all__ = ["checked", "read_yaml"]

T = TypeVar("T")

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "array": "a list",
    "object": "names with values below it",
    "null": "nothing",
}
_HIDDEN = "<"
"""Start of the names of fields that a file does not have: a reader fills them in."""

_STEP = re.compile(r"\.(\w+)|\[(\.\.\.|\d+)\]")
_EXPECTED = re.compile(r"Expected `(?P<types>[^`]+)`(?P<limit>.*)")
_NAMED = re.compile(r"Object (?P<what>contains unknown|missing required) field `(?P<name>[^`]*)`")


class _Loader(yaml.SafeLoader):
    """Safe loading that refuses a key given twice instead of keeping the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Builds a mapping, or says which key is there twice."""
        keys = [key.value for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"key {twice!r} is given twice in the mapping at line {line}")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, error: type[UserError]) -> Any:
    """Returns what a YAML file holds; None if it is empty. Nothing in it can run code.

    Args:
        path: The file, in UTF-8.
        error: Class of the error.

    Raises:
        UserError: If the file cannot be read, is not YAML, or has a key twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as reason:
        raise error(f"{path} cannot be read as YAML: {' '.join(str(reason).split())}") from reason


def checked(content: Any, form: type[T], where: object, error: type[UserError]) -> T:
    """Returns what was read as a value of a class, of the exact types that it declares.

    Args:
        content: Dicts, lists and scalars, as from :func:`read_yaml`.
        form: A ``msgspec.Struct``, or another type that msgspec can check.
        where: The file, for messages.
        error: Class of the error.

    Raises:
        UserError: If a key is unknown (with a suggestion) or missing, or a value has another type;
            the message names the file, the key, the value and what was expected.

    Example:
        >>> class Point(msgspec.Struct, forbid_unknown_fields=True):
        ...     x: int
        >>> checked({"x": 3}, Point, "a.yaml", UserError)
        Point(x=3)
        >>> checked({"x": "left"}, Point, "a.yaml", UserError)
        Traceback (most recent call last):
        ...
        hetgraph.errors.UserError: a.yaml: x is 'left', expected a whole number.
    """
    try:
        return msgspec.convert(content, form)
    except msgspec.ValidationError as reason:
        raise error(f"{where}{_explained(content, form, str(reason))}") from None


def _explained(content: Any, form: Any, message: str) -> str:
    """Returns the end of our message for one of msgspec's, with the key it belongs to."""
    text, _, path = message.partition(" - at ")
    keys = _keys(content, form, message, path)
    value = content
    for key in keys:
        value = value[key]
    here = ".".join(map(str, keys))
    if named := _NAMED.fullmatch(text):
        name = named["name"]
        full = repr(f"{here}.{name}" if here else name)
        if named["what"] == "missing required":
            return f": the key {full} is missing."
        known = _field_names(_type_at(form, keys))
        return f": unknown key {full}.{suggest(name, known)}"
    if path.startswith("`key`"):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        return f": the key {wrong!r}{f' of {here}' if here else ''} is no text; put it in quotes."
    if text.startswith("Invalid enum value"):
        options = ", ".join(map(repr, _options(_type_at(form, keys))))
        return f": {here} is {reprlib.repr(value)}, expected one of {options}."
    if not (expected := _EXPECTED.fullmatch(text)):
        return f": {f'{here}: ' if here else ''}{text}."
    if not keys and "object" in expected["types"]:
        known = _field_names(_type_at(form, ()))
        return f" must hold keys such as {' and '.join(known[:2])}."
    if described := _description(form, keys):
        return f": {here} is {reprlib.repr(value)}, expected {described}."
    wanted = " or ".join(_WORDS.get(name, name) for name in expected["types"].split(" | "))
    limit = "" if expected["limit"].startswith(", got") else expected["limit"]
    return f": {here or 'the content'} is {reprlib.repr(value)}, expected {wanted}{limit}."


def _keys(content: Any, form: Any, message: str, path: str) -> list[Any]:
    """Returns the keys that lead to a mistake; msgspec does not tell those of mappings."""
    keys: list[Any] = []
    value = content
    for name, index in _STEP.findall(path):
        if name:
            key: Any = name
        elif index.isdigit():
            key = int(index)
        else:
            # The entry that is to blame is the one that fails alike without its neighbours.
            entries = ((name, _only(content, keys, name)) for name in value)
            key = next(name for name, alone in entries if _fails(alone, form, message))
        keys.append(key)
        value = value[key]
    return keys


def _fails(content: Any, form: Any, message: str) -> bool:
    try:
        msgspec.convert(content, form)
    except msgspec.ValidationError as reason:
        return str(reason) == message
    return False


def _only(content: Any, keys: Sequence[Any], key: Any) -> Any:
    """Returns the content with one entry alone in the mapping that the keys lead to."""
    if not keys:
        return {key: content[key]}
    copy = content.copy()
    copy[keys[0]] = _only(content[keys[0]], keys[1:], key)
    return copy


def _type_at(form: Any, keys: Sequence[Any]) -> msgspec.inspect.Type:
    """Returns the type of the value that the keys lead to, without a ``None`` beside it."""
    info = _annotated_type_at(form, keys)
    return info.type if isinstance(info, msgspec.inspect.Metadata) else info


def _description(form: Any, keys: Sequence[Any]) -> str:
    """Returns the description in the ``msgspec.Meta`` of a type, if there is one."""
    info = _annotated_type_at(form, keys)
    schema = info.extra_json_schema if isinstance(info, msgspec.inspect.Metadata) else None
    return str((schema or {}).get("description", ""))


def _annotated_type_at(form: Any, keys: Sequence[Any]) -> msgspec.inspect.Type:
    info = _without_none(msgspec.inspect.type_info(form))
    for key in keys:
        info = info.type if isinstance(info, msgspec.inspect.Metadata) else info
        if isinstance(info, msgspec.inspect.StructType):
            info = next(field.type for field in info.fields if field.encode_name == key)
        elif isinstance(info, msgspec.inspect.DictType):
            info = info.value_type
        elif isinstance(info, (msgspec.inspect.ListType, msgspec.inspect.VarTupleType)):
            info = info.item_type
        elif isinstance(info, msgspec.inspect.TupleType):
            info = info.item_types[key]
        info = _without_none(info)
    return info


def _without_none(info: msgspec.inspect.Type) -> msgspec.inspect.Type:
    if isinstance(info, msgspec.inspect.UnionType):
        return next(t for t in info.types if not isinstance(t, msgspec.inspect.NoneType))
    return info


def _field_names(info: msgspec.inspect.Type) -> list[str]:
    """Returns the keys that a mapping of a class may have."""
    fields = info.fields if isinstance(info, msgspec.inspect.StructType) else ()
    return [field.encode_name for field in fields if not field.encode_name.startswith(_HIDDEN)]


def _options(info: msgspec.inspect.Type) -> tuple[Any, ...]:
    """Returns the values of a ``Literal``."""
    return tuple(info.values) if isinstance(info, msgspec.inspect.LiteralType) else ()
