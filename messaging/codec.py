"""Messages to bytes and back: a msgpack header, then the raw arrays, in one part.

Layout: uint32 header length, msgpack `[type, version, [field, ...]]`, then each array's bytes at
the next multiple of 8. An array's header field is its shape; its dtype and rank are the schema's.
Decoding copies no array: it returns read-only views into the received buffer.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import fields
from math import prod
from operator import attrgetter
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgpack
import numpy as np

from messaging.messages import Layout, Message

M = TypeVar("M", bound=Message)

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_MOST_ITEMS = 1000  # of a tuple or dict: a forged header must not make the decoder allocate more
_LENGTH = struct.Struct("<I")
_ALIGNMENT = 8  # so that float64 views start on their natural boundary


class CodecError(ValueError):
    """A message that does not fit its schema; says which field, what was given and expected."""


class VersionError(CodecError):
    """A message of another type or of another version of its type."""


def encode(message: Message) -> bytes:
    """Return `message` as bytes; raises CodecError for a field of the wrong type or shape."""
    schema = _SCHEMAS[type(message)]
    values: list[Any] = []
    arrays: list[np.ndarray[Any, Any]] = []
    for (name, layout, check), value in zip(schema.fields, schema.values(message), strict=True):
        if layout is None:
            values.append(check(value))
        else:
            arrays.append(_checked_array(value, layout, name))
            values.append(value.shape)
    try:
        header = msgpack.packb([schema.name, schema.version, values])
    except (OverflowError, ValueError) as error:
        raise CodecError(f"{schema.name}: cannot be written ({error})") from error
    parts: list[Any] = [_LENGTH.pack(len(header)), header]
    size = _LENGTH.size + len(header)
    for array in arrays:
        padding = -size % _ALIGNMENT
        parts += [bytes(padding), array.data.cast("B") if array.size else b""]
        size += padding + array.nbytes
    if size > MAX_MESSAGE_BYTES:
        raise CodecError(f"{schema.name} of {size} bytes exceeds {MAX_MESSAGE_BYTES}")
    return b"".join(parts)


def decode(data: bytes | memoryview, expected: type[M]) -> M:
    """Return the message in `data`, its arrays read-only views into it.

    Raises VersionError, by name, for another type or version; CodecError for anything malformed.
    """
    schema = _SCHEMAS[expected]
    values, offset = _header(data, schema)
    items = {dtype: _items(data, dtype) for dtype in schema.dtypes}
    arguments: list[Any] = []
    for (name, layout, check), value in zip(schema.fields, values, strict=True):
        if layout is None:
            arguments.append(check(value))
            continue
        shape = _checked_shape(value, layout, name)
        offset += -offset % _ALIGNMENT
        # Slices of one array: to make each from the buffer costs ten times as much.
        whole = items[layout.dtype]
        first, count = offset // whole.itemsize, prod(shape)
        array = whole[first : first + count]
        if array.size != count:
            raise CodecError(f"{name}: truncated, shape {shape} needs more bytes")
        arguments.append(array if len(shape) == 1 else array.reshape(shape))
        offset += array.nbytes
    if offset != len(data):
        raise CodecError(f"{schema.name}: {len(data) - offset} bytes too many")
    return expected(*arguments)


class _Schema:
    """How one message type looks on the wire; built once per type."""

    def __init__(self, message: type[Message]) -> None:
        hints = get_type_hints(message, include_extras=True)
        self.name = message.__name__
        self.fields: list[tuple[str, Layout | None, Callable[[Any], Any]]] = []
        described = [self.name]
        for declared in fields(message):
            hint = hints[declared.name]
            where = f"{self.name}.{declared.name}"
            layout = next((part for part in get_args(hint) if isinstance(part, Layout)), None)
            self.fields.append((where, layout, _unchecked if layout else _checker(hint, where)))
            described.append(f"{declared.name}:{layout or hint}")
        self.version = zlib.crc32("\n".join(described).encode())
        self.values = attrgetter(*(declared.name for declared in fields(message)))
        self.dtypes = {layout.dtype for _, layout, _ in self.fields if layout}


def _items(data: bytes | memoryview, dtype: str) -> np.ndarray[Any, Any]:
    """Return all of `data` as one read-only array, leaving out an incomplete last item."""
    array = np.frombuffer(data, dtype, len(data) // np.dtype(dtype).itemsize)
    if not array.flags.aligned:
        array = array.copy()  # ZeroMQ hands small messages out of one buffer, back to back
    array.flags.writeable = False
    return array


def _header(data: bytes | memoryview, schema: _Schema) -> tuple[list[Any], int]:
    if not _LENGTH.size <= len(data) <= MAX_MESSAGE_BYTES:
        raise CodecError(f"{schema.name}: a message of {len(data)} bytes")
    (length,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + length
    if end > len(data):
        raise CodecError(f"{schema.name}: truncated, its header alone needs {end} bytes")
    try:
        name, version, values = msgpack.unpackb(
            memoryview(data)[_LENGTH.size : end],
            max_array_len=_MOST_ITEMS,
            max_map_len=_MOST_ITEMS,
        )
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise CodecError(f"{schema.name}: no readable header ({error})") from error
    if name != schema.name:
        raise VersionError(f"expected a {schema.name}, got {name!r:.40}")
    if version != schema.version:
        raise VersionError(
            f"{name} of version {version!r:.40} refused, this process speaks {schema.version}: "
            "run both ends from the same checkout"
        )
    if not isinstance(values, list) or len(values) != len(schema.fields):
        raise CodecError(f"{schema.name}: expected {len(schema.fields)} fields")
    return values, end


def _checked_array(value: Any, layout: Layout, where: str) -> np.ndarray[Any, Any]:
    if not isinstance(value, np.ndarray) or value.dtype.str != layout.dtype:
        given = value.dtype.str if isinstance(value, np.ndarray) else type(value).__name__
        raise CodecError(f"{where}: expected an array of {layout.dtype}, got {given}")
    if value.ndim not in layout.ranks:
        raise CodecError(f"{where}: expected {_ranks(layout)} dimensions, got shape {value.shape}")
    return value if value.flags.c_contiguous else np.ascontiguousarray(value)


def _checked_shape(value: Any, layout: Layout, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) not in layout.ranks:
        raise CodecError(f"{where}: expected {_ranks(layout)} extents, got {value!r:.80}")
    for extent in value:
        if type(extent) is not int or not 0 <= extent <= MAX_MESSAGE_BYTES:
            raise CodecError(f"{where}: expected {_ranks(layout)} extents, got {value!r:.80}")
    return tuple(value)


def _ranks(layout: Layout) -> str:
    return " or ".join(map(str, layout.ranks))


def _unchecked(value: Any) -> Any:
    return value


def _checker(hint: Any, where: str) -> Callable[[Any], Any]:
    """Return a function that passes a value of type `hint` on and refuses any other."""
    if get_origin(hint) is tuple:
        return _Texts(where)
    if get_origin(hint) is dict:
        kind = get_args(hint)[1]
        return lambda value: {
            _item(key, str, where): _item(part, kind, where)
            for key, part in _mapping(value, where).items()
        }
    if hint not in (int, float, str, bool):
        raise TypeError(f"{where}: the codec knows no {hint}")
    return lambda value: _item(value, hint, where)


class _Texts:
    """Passes a list of texts on as a tuple; most are the same in each message, names of joints."""

    def __init__(self, where: str) -> None:
        self._where = where
        # What was found to be right the last time, and what it became: one, as threads share it.
        self._newest: tuple[Any, tuple[str, ...]] = ((), ())

    def __call__(self, value: Any) -> tuple[str, ...]:
        right, passed = self._newest
        if _plain(value, self._where) != right:
            passed = tuple(_item(text, str, self._where) for text in value)
            self._newest = (type(value)(value), passed)  # a list may be changed by its owner
        return passed


def _item(value: Any, kind: type, where: str) -> Any:
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(value, np.generic):
        raise CodecError(f"{where}: expected {kind.__name__}, got numpy's {type(value).__name__}")
    raise CodecError(f"{where}: expected {kind.__name__}, got {value!r:.80}")


def _plain(value: Any, where: str) -> Any:
    if not isinstance(value, (list, tuple)) or len(value) > _MOST_ITEMS:
        raise CodecError(f"{where}: expected at most {_MOST_ITEMS} items, got {value!r:.80}")
    return value


def _mapping(value: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict) or len(value) > _MOST_ITEMS:
        raise CodecError(
            f"{where}: expected a mapping of at most {_MOST_ITEMS} items, got {value!r:.80}"
        )
    return value


_SCHEMAS: dict[type, _Schema] = {message: _Schema(message) for message in get_args(Message)}
