"""Config errors for people: the key, what was given, what is allowed, and the near miss."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runtime.yaml_text import KeyPath, dotted

Place = Callable[[KeyPath], str]
_LONGEST = 100  # characters of what was given


class ConfigError(ValueError):
    """A config that cannot be used; says which key, what was given and what was expected."""


def nowhere(_: KeyPath) -> str:
    """Return that the place of a key is not known."""
    return ""


def explained(
    error: ValidationError,
    model: type[BaseModel],
    where: str,
    place: Place = nowhere,
) -> str:
    """Return what is wrong in `where`, one line a key.

    Args:
        error: what pydantic found.
        model: what was to be made.
        where: what it was made of.
        place: says in which file and line a key stands, empty if that is not known.
    """
    lines = [f"{where}:"]
    for problem in error.errors():
        location = tuple(part for part in problem["loc"] if part != "[key]")
        key = dotted(location)
        origin = place(location)
        lines.append(f"  {key}: {_wrong(problem, model)}{f' ({origin})' if origin else ''}")
    return "\n".join(lines)


def _wrong(problem: ErrorDetails, model: type[BaseModel]) -> str:
    kind, given = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        return f"no such key; {_siblings(model, problem['loc'])}"
    if kind == "missing":
        return "missing, it has no default"
    if kind == "value_error":
        # Our own words, which say what was given: the input is a whole section of the config.
        return str(problem["ctx"]["error"])
    shown = repr(given)
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}..."
    if kind in ("string_type", "literal_error") and isinstance(given, int | float):
        return f"got {shown}; {problem['msg']}: text in quotes"
    return f"got {shown}; {problem['msg']}"


def _siblings(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Return which keys exist where `location` points, and which of them was probably meant."""
    here: Any = model
    for part in location[:-1]:
        here = _within(here, part)
    names = sorted(here.model_fields) if _is_model(here) else []
    near = difflib.get_close_matches(str(location[-1]), names, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"there are: {', '.join(names)}{meant}"


def _within(annotation: Any, part: int | str) -> Any:
    """Return the type found under key `part` of something of type `annotation`."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next((choice for choice in get_args(annotation) if _is_model(choice)), None)
    if _is_model(annotation):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field else None
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return None


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
