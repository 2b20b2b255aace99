"""The one way in which YAML is read: strictly, with the line of every key.

What YAML allows and people do not mean is an error that says the file, the line, what it was read
as and what to write: a key given twice, text that looks like a number, a number that looks like
text, tags, circles. `<<:` may merge mappings, and a key beside it overrides what it brings.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from runtime.yaml_values import ScalarError, key, scalar, unread

KeyPath = tuple[str | int, ...]

MOST_BYTES: Final = 1_000_000
MOST_DEPTH: Final = 32
MOST_VALUES: Final = 50_000  # once all aliases are written out
_MERGE: Final = "tag:yaml.org,2002:merge"
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class YamlError(ValueError):
    """YAML that cannot be read as it is; says where, what it was read as and what to write."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML text says.

    Attributes:
        name: of the file, or of whatever else the text comes from.
        value: made of dict, list, str, int, float, bool and None, nothing of it shared.
        lines: the line of every key and list item, by the keys that lead to it, from 1.
        ended: whether the text ends with the end of a line, as a file does that is whole.
    """

    name: str
    value: Any
    lines: dict[KeyPath, int]
    ended: bool = True


def read(path: Path) -> Document:
    """Return what a YAML file says; None if it is empty.

    Raises:
        YamlError: it cannot be read; says where, and what to write.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise YamlError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise YamlError(f"cannot read {path}: more than {MOST_BYTES} bytes are no config")
    return parsed(_decoded(data, path), str(path))


def parsed(text: str, name: str) -> Document:
    """Return what a YAML `text` says, which comes from `name`; None if it is empty.

    Raises:
        YamlError: it cannot be read; says where, and what to write.
    """
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(
            f"{name}, line {line}: character {error.character:#x} is not allowed: leave it out"
        ) from error
    except yaml.MarkedYAMLError as error:
        raise YamlError(_explained(error, text, name)) from error
    except (ValueError, OverflowError) as error:  # PyYAML lets these two pass
        where = f"{name}, line {loader.line + 1}" if loader is not None else name
        raise YamlError(
            f"{where}: no YAML: an escape of no character, such as `\\U00110000`, or a version of "
            f"too many digits: leave it out"
        ) from error
    finally:
        if loader is not None:
            loader.dispose()
    reading = _Reading(name)
    value = None if node is None else reading.value(node, ())
    return Document(name, value, reading.lines, text.endswith("\n"))


def _decoded(data: bytes, path: Path) -> str:
    if data.startswith(_WIDE) or b"\0" in data[:4]:
        raise YamlError(f"cannot read {path}: it is in UTF-16, or no text: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlError(
            f"cannot read {path}: line {line} is not in UTF-8 (byte {data[error.start]:#x}): save "
            "the file as UTF-8"
        ) from error


def dotted(path: KeyPath) -> str:
    """Return the keys as people write them: `arms.left.config`."""
    return ".".join(map(str, path))


class _Loader(yaml.SafeLoader):
    """Makes nodes of a text, as long as they are not too deep."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self._depth > MOST_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                problem=f"more than {MOST_DEPTH} levels", problem_mark=mark
            )
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _explained(error: yaml.MarkedYAMLError, text: str, name: str) -> str:
    """Return what is wrong with the form of `text`, and a remedy for what is often wrong."""
    mark = error.problem_mark or error.context_mark
    where = f"{name}, line {mark.line + 1}" if mark else name
    problem = ", ".join(filter(None, (error.context, error.problem)))
    if "another document" in problem:
        return f"{where}: `---` begins a second document here: a file holds one, take it apart"
    if "'\\t'" in problem or (mark and "\t" in _indent(text, mark.line)):
        return f"{where}: there is a tab: YAML wants spaces"
    if "undefined alias" in problem:
        return f"{where}: {error.problem}: write the anchor `&name` above it"
    return f"{where}: no YAML: {problem}; see also the lines before"


def _indent(text: str, number: int) -> str:
    line = "".join(text.split("\n")[number : number + 1])
    return line[: len(line) - len(line.lstrip())]


@dataclass
class _Reading:
    """Makes plain values of nodes, and notes their lines."""

    name: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    _values: int = 0
    _within: list[yaml.Node] = field(default_factory=list)  # the nodes around the present one

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        """Return what `node` stands for, under the keys `path`."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise self._error(node, path, f"aliases make more than {MOST_VALUES} values")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if any(node is around for around in self._within):
            raise self._error(node, path, "an alias leads back to what it stands in")
        self._within.append(node)
        try:
            if isinstance(node, yaml.MappingNode) and node.tag.endswith(",2002:map"):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode) and node.tag.endswith(",2002:seq"):
                return self._list(node, path)
        finally:
            self._within.pop()
        raise self._error(node, path, unread(node))

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        try:
            return scalar(node)
        except ScalarError as error:
            raise self._error(node, path, str(error)) from error

    def _list(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            self.lines[*path, index] = item.start_mark.line + 1
            items.append(self.value(item, (*path, index)))
        return items

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        names = self._names(node, path)
        result: dict[str, Any] = {}
        for name, (_, value) in zip(names, node.value, strict=True):
            if name is None:
                for base in reversed(self._bases(value, path)):  # the first one counts most
                    result.update(self.value(base, path))
        for name, (written, value) in zip(names, node.value, strict=True):
            if name is not None:
                if name in result:
                    self._forget((*path, name))
                self.lines[*path, name] = written.start_mark.line + 1
                result[name] = self.value(value, (*path, name))
        return result

    def _names(self, node: yaml.MappingNode, path: KeyPath) -> list[str | None]:
        """Return the keys of a mapping, each of them once, None for `<<`."""
        keys: dict[str | None, yaml.Node] = {}
        for node_of_key, _ in node.value:
            name = None if node_of_key.tag == _MERGE else self._key(node_of_key, path)
            if name in keys:
                first, second = keys[name].start_mark.line + 1, node_of_key.start_mark.line + 1
                remedy = "keep one" if name else "write one `<<: [*one, *other]`"
                raise YamlError(
                    f"{self.name}, lines {first} and {second}: {dotted((*path, name or '<<'))} is "
                    f"given twice: {remedy}"
                )
            keys[name] = node_of_key
        return list(keys)

    def _key(self, node: yaml.Node, path: KeyPath) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, path, "a key is a list or has keys itself: write a name")
        try:
            return key(node)
        except ScalarError as error:
            raise self._error(node, path, str(error)) from error

    def _bases(self, node: yaml.Node, path: KeyPath) -> list[yaml.Node]:
        bases = list(node.value) if isinstance(node, yaml.SequenceNode) else [node]
        for base in bases:
            if not isinstance(base, yaml.MappingNode):
                raise self._error(node, path, "`<<:` merges what has keys: write `<<: *anchor`")
        return bases

    def _forget(self, path: KeyPath) -> None:
        for known in [known for known in self.lines if known[: len(path)] == path]:
            del self.lines[known]

    def _error(self, node: yaml.Node, path: KeyPath, problem: str) -> YamlError:
        where = f"{self.name}, line {node.start_mark.line + 1}"
        return YamlError(f"{where}: {dotted(path)}: {problem}" if path else f"{where}: {problem}")
