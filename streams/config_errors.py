"""A validator's sentence -> an error that names the key, what was expected and what was found."""

import difflib
import math
import re
from typing import Final, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from detectors.errors import ConfigError

_PATH: Final = re.compile(r" - at `(?:key in )?\$(?P<path>.*)`$")
_UNKNOWN: Final = re.compile(r"unknown field `(?P<key>.*)`")
_MISSING: Final = re.compile(r"missing required field `(?P<key>.*)`")
_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_SHOWN_LENGTH_MAX: Final = 80
# TOML's words for what the validator names in Python's.
WORDS: Final[dict[str, str]] = {
    "`object`": "a table",
    "`array`": "a list",
    "`str`": "a text",
    "`int`": "an integer",
    "`float`": "a number",
    "`bool`": "true or false",
    "`datetime` with a timezone component": "a time with an offset",
    "`datetime`": "a time",
}


def config_error(sentence: str, document: dict[str, object], kind: type[Struct]) -> ConfigError:
    """Return the error for msgspec's `sentence` about `document`, which should be a `kind`."""
    place = _PATH.search(sentence)
    path = place["path"].removeprefix(".") if place else ""
    problem = sentence[: place.start()] if place else sentence
    if unknown := _UNKNOWN.search(problem):
        key = unknown["key"]
        return ConfigError(_joined(path, key), _unknown(key, _type_at(path, kind)))
    if missing := _MISSING.search(problem):
        return ConfigError(_joined(path, missing["key"]), "expected, but absent")
    if "enum value" in problem:
        allowed = ", ".join(map(repr, _literals(_type_at(path, kind))))
        problem = f"expected one of {allowed}"
    if ", got " not in problem:
        problem += _got(document, path)
    return ConfigError(path, _plain(problem))


def refuse_infinite(value: object, path: str = "") -> None:
    """Refuse the first inf or nan: TOML can write them, no setting means them.

    Raises:
        ConfigError: there is one; the error names its key.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(path, f"expected a finite number, got {value}")
    if isinstance(value, dict):
        for key, inner in value.items():
            refuse_infinite(inner, _joined(path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            refuse_infinite(inner, f"{path}[{place}]")


def struct_in(annotation: object) -> type[Struct] | None:
    """Return the struct that an annotation allows, directly or as one of a union."""
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return annotation
    parts = (struct_in(part) for part in get_args(annotation))
    return next((part for part in parts if part is not None), None)


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _plain(problem: str) -> str:
    for word, plain in WORDS.items():
        problem = problem.replace(word, plain)
    return problem[:1].lower() + problem[1:]


def _unknown(key: str, annotation: object) -> str:
    """Return what is known in place of an unknown key."""
    here = struct_in(annotation)
    known = list(here.__struct_encode_fields__) if here is not None else []
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"unknown key; did you mean {close[0]}?"
    return f"unknown key; expected one of {', '.join(known)}"


def _type_at(path: str, kind: type[Struct]) -> object:
    """Return the annotation of what stands at `path`."""
    annotation: object = kind
    for step, _ in _STEP.findall(path):
        here = struct_in(annotation)
        fields = msgspec.structs.fields(here) if here is not None else ()
        annotation = next((field.type for field in fields if field.encode_name == step), annotation)
    return annotation


def _literals(annotation: object) -> tuple[object, ...]:
    """Return the values that an annotation allows by name."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for part in get_args(annotation) for value in _literals(part))


def _got(document: dict[str, object], path: str) -> str:
    """Return what stands at `path`, as far as it can be shown."""
    here: object = document
    for name, place in _STEP.findall(path):
        if name and isinstance(here, dict) and name in here:
            here = here[name]
        elif place.isdecimal() and isinstance(here, list):
            here = here[int(place)]
        else:
            return ""
    shown = str(here) if hasattr(here, "isoformat") else repr(here)
    return f", got {shown[:_SHOWN_LENGTH_MAX]}"
