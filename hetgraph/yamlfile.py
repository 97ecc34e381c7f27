"""YAML files that people write: read safely, checked against a class, refused in one line."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from hetgraph.errors import UserError, suggest

__all__ = ["all_mistakes", "checked", "kept", "read_yaml"]

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

_WRONG: Any = object()
"""Stands for a part with mistakes."""

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
        if isinstance(reason, FileNotFoundError):
            raise error(f"{path} does not exist; give the path of a YAML file.") from reason
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


def all_mistakes(content: Any, form: type[Any]) -> tuple[list[str], Any]:
    """Returns every mistake in what was read, and what is left without the parts that are wrong.

    Args:
        content: Dicts, lists and scalars, as from :func:`read_yaml`.
        form: A ``msgspec.Struct``.

    Returns:
        Ends of messages, to be put behind the name of a file, and the content without unknown
        keys and wrong values; entries that lack a required key are left out as a whole.

    Example:
        >>> class Point(msgspec.Struct, forbid_unknown_fields=True):
        ...     x: int
        ...     y: int = 0
        >>> all_mistakes({"x": 3, "y": "top", "z": 1}, Point)
        ([": y is 'top', expected a whole number.", ": unknown key 'z'. Known: x, y."], {'x': 3})
    """
    lines: list[str] = []
    left = _mended(content, form, (), lines)
    return lines, {} if left is _WRONG else left


def kept(items: Any, form: type[Any]) -> list[int]:
    """Returns the numbers of the entries of a list that :func:`all_mistakes` leaves in it."""
    if not isinstance(items, Sequence):
        return []
    return [i for i, item in enumerate(items) if _mended(item, form, (i,), []) is not _WRONG]


def _mended(content: Any, form: Any, place: tuple[Any, ...], lines: list[str]) -> Any:
    """Returns the content without wrong parts, whose mistakes are appended to the lines."""
    try:
        msgspec.convert(content, form)
    except msgspec.ValidationError as reason:
        message = str(reason)
    else:
        return content
    before = len(lines)
    kind, inner = _structure(form)
    left: Any = _WRONG
    if kind is msgspec.Struct and isinstance(content, Mapping):
        left = _mended_struct(content, inner, place, lines)
    elif kind is Mapping and isinstance(content, Mapping):
        texts = {key: value for key, value in content.items() if isinstance(key, str)}
        parts = {k: _mended(value, inner, (*place, k), lines) for k, value in texts.items()}
        lines += [_no_text(key, place) for key in content if key not in texts]
        left = {key: part for key, part in parts.items() if part is not _WRONG}
    elif kind is Sequence and isinstance(content, (list, tuple)):
        made = [_mended(value, inner, (*place, i), lines) for i, value in enumerate(content)]
        left = [part for part in made if part is not _WRONG]
    if len(lines) == before:  # The mistake is none of a part.
        lines.append(_explained(content, form, message, place))
        return _WRONG
    return left


def _mended_struct(
    content: Mapping[Any, Any], cls: Any, place: tuple[Any, ...], lines: list[str]
) -> Any:
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
    known = [name for name in fields if not name.startswith(_HIDDEN)]
    left = {}
    meant = set()
    for key, value in content.items():
        if not isinstance(key, str):
            lines.append(_no_text(key, place))
        elif key not in known:
            hint = suggest(key, known)
            meant |= {name for name in known if hint == f" Did you mean {name!r}?"}
            lines.append(f": unknown key {'.'.join(map(str, (*place, key)))!r}.{hint}")
        elif (part := _mended(value, fields[key].type, (*place, key), lines)) is not _WRONG:
            left[key] = part
    required = [name for name in known if fields[name].required]
    lines += [
        f": the key {'.'.join(map(str, (*place, name)))!r} is missing."
        for name in required
        if name not in content and name not in meant
    ]
    return left if not place or all(name in left for name in required) else _WRONG


def _structure(form: Any) -> tuple[Any, Any]:
    """Returns whether a type is a struct, a mapping or a sequence, and the type inside."""
    while get_origin(form) in (Annotated, Union, UnionType):
        form = next(part for part in get_args(form) if part is not type(None))
    if isinstance(form, type) and issubclass(form, msgspec.Struct):
        return msgspec.Struct, form
    origin, inner = get_origin(form), get_args(form)
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(inner) == 2:
        return Mapping, inner[1]
    if origin in (list, tuple) and inner and (len(inner) == 1 or inner[1] is Ellipsis):
        return Sequence, inner[0]
    return None, form


def _no_text(key: Any, place: Sequence[Any]) -> str:
    here = ".".join(map(str, place))
    return f": the key {key!r}{f' of {here}' if here else ''} is no text; put it in quotes."


def _explained(content: Any, form: Any, message: str, place: Sequence[Any] = ()) -> str:
    """Returns the end of our message for one of msgspec's, with the key it belongs to.

    Args:
        content: What was read.
        form: Its type.
        message: Of msgspec.
        place: Keys that lead to the content.
    """
    text, _, path = message.partition(" - at ")
    keys = _keys(content, form, message, path)
    value = content
    for key in keys:
        value = value[key]
    here = ".".join(map(str, (*place, *keys)))
    if named := _NAMED.fullmatch(text):
        name = named["name"]
        full = repr(f"{here}.{name}" if here else name)
        if named["what"] == "missing required":
            return f": the key {full} is missing."
        known = _field_names(_type_at(form, keys))
        return f": unknown key {full}.{suggest(name, known)}"
    if path.startswith("`key`"):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        return _no_text(wrong, (*place, *keys))
    if text.startswith("Invalid enum value"):
        options = ", ".join(map(repr, _options(_type_at(form, keys))))
        return f": {here} is {reprlib.repr(value)}, expected one of {options}."
    if not (expected := _EXPECTED.fullmatch(text)):
        return f": {f'{here}: ' if here else ''}{text}."
    if not here and "object" in expected["types"]:
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
