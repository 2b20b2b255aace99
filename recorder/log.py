"""A file that grows by whole records, and can be read after a cut or damage at any byte.

A record is a mark, the length of its content, the content's CRC-32, and the content: the name of
its stream, when it arrived, and the bytes of the message as it was on the bus.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MARK: Final = b"\xe7EHR"
_HEAD = struct.Struct("<4sII")  # mark, length and checksum of the content
_ARRIVAL = struct.Struct("<qB")  # arrival in ns, length of the stream's name
_LONGEST: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it arrived."""

    stream: str
    t_arrival_ns: int
    data: memoryview  # the codec's bytes


@dataclass(slots=True)
class Reading:
    """What came of reading a log."""

    damaged: int = 0  # places where records were skipped
    whole_bytes: int = 0  # up to the end of the last whole record


def packed(stream: str, t_arrival_ns: int, data: bytes) -> list[bytes]:
    """Return the pieces of a record, to be written one after the other."""
    name = stream.encode()
    content_head = _ARRIVAL.pack(t_arrival_ns, len(name)) + name
    checksum = zlib.crc32(data, zlib.crc32(content_head))
    head = _HEAD.pack(_MARK, len(content_head) + len(data), checksum)
    return [head, content_head, data]


def records(path: Path, reading: Reading | None = None) -> Iterator[Record]:
    """Yield the whole records of a log in the order of writing; damaged ones are skipped.

    Args:
        path: of the log.
        reading: told how it went, as far as it got.

    Raises:
        OSError: the log cannot be read.
    """
    reading = Reading() if reading is None else reading
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        offset, size = 0, len(mapped)
        while offset < size:
            content = _content(mapped, offset)
            if content is None:
                offset = _next_whole(mapped, offset + 1)
                # What is torn at the end is a cut, not damage.
                reading.damaged += offset < size
                continue
            offset += _HEAD.size + len(content)
            reading.whole_bytes = offset
            t_arrival_ns, length = _ARRIVAL.unpack_from(content)
            begin = _ARRIVAL.size + length
            stream = content[_ARRIVAL.size : begin].decode(errors="replace")
            yield Record(stream, t_arrival_ns, memoryview(content)[begin:])


def _content(mapped: mmap.mmap, offset: int) -> bytes | None:
    """Return the content of the record at `offset`, None if no whole one is there."""
    if offset + _HEAD.size > len(mapped):
        return None
    mark, length, checksum = _HEAD.unpack_from(mapped, offset)
    begin = offset + _HEAD.size
    if mark != _MARK or not _ARRIVAL.size <= length <= _LONGEST or begin + length > len(mapped):
        return None
    content = mapped[begin : begin + length]
    return content if zlib.crc32(content) == checksum else None


def _next_whole(mapped: mmap.mmap, offset: int) -> int:
    """Return where the next whole record begins, or the size if there is none."""
    while (offset := mapped.find(_MARK, offset)) >= 0:
        if _content(mapped, offset) is not None:
            return offset
        offset += 1
    return len(mapped)
