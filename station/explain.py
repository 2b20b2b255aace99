"""Config errors for people: the key, what was given, what is allowed, and the near miss."""

from __future__ import annotations

import difflib
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError


def explained(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Return what is wrong in `where`, one line a key."""
    lines = [f"{where}:"]
    for problem in error.errors():
        location = problem["loc"]
        key = ".".join(map(str, location))
        if problem["type"] == "extra_forbidden":
            lines.append(f"  {key}: no such key; {_siblings(model, location)}")
        elif problem["type"] == "missing":
            lines.append(f"  {key}: missing, it has no default")
        elif problem["type"] == "value_error":
            # Our own words, which say what was given: the input is a whole section of the config.
            lines.append(f"  {key}: {problem['ctx']['error']}")
        else:
            lines.append(f"  {key}: got {problem['input']!r}; {problem['msg']}")
    return "\n".join(lines)


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
