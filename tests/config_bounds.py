"""The numbers of configs, found by their types, with the bounds that they have."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from runtime.config import Between


class Number(NamedTuple):
    """A number somewhere in a model: the keys that lead to it, its type, its bounds if any."""

    path: tuple[str, ...]
    kind: type
    bounds: Between | None


def numbers(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[Number]:
    """Yield every number that `model` and the models in it can hold."""
    for name, field in model.model_fields.items():
        yield from _within(field.annotation, field.metadata, (*path, name))


def _within(annotation: Any, metadata: list[Any], path: tuple[str, ...]) -> Iterator[Number]:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from _within(inner, [*metadata, *more], path)
    elif annotation in (int, float):
        bounds = next((item for item in metadata if isinstance(item, Between)), None)
        yield Number(path, annotation, bounds)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from numbers(annotation, path)
    elif get_origin(annotation) in (Union, UnionType, tuple, dict, list):
        for part in get_args(annotation):
            yield from _within(part, [], path)
