"""Where the values of a config come from: files laid over one another, and settings over them."""

from __future__ import annotations

from typing import Any

from runtime.yaml_text import MOST_DEPTH, Document, KeyPath, YamlError, parsed
from station.explain import ConfigError


class Sources:
    """Documents, each laid over those before it.

    Attributes:
        value: what they say together.
    """

    def __init__(self, *documents: Document) -> None:
        """Lay `documents` over one another; the value of each is a mapping."""
        self.value: dict[str, Any] = {}
        self._documents: list[Document] = []
        for document in documents:
            self.value = merged(self.value, document.value)
            self._documents.append(document)

    def set(self, setting: str) -> None:
        """Let `key.key=value` replace what is there; raises ConfigError."""
        key, equals, text = setting.partition("=")
        path = key.split(".")
        shown = f"--set {setting}" if len(setting) < 200 else f"--set {setting[:200]}..."
        if not equals or not all(path):
            raise ConfigError(f"{shown}: expected key=value, such as controller.rate_hz=200")
        if len(path) > MOST_DEPTH:
            raise ConfigError(f"{shown}: more than {MOST_DEPTH} levels")
        try:
            value = parsed(text, shown)
        except YamlError as error:
            raise ConfigError(str(error)) from error
        place = self.value
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ConfigError(f"{shown}: {part!r} holds a value, not further keys")
        _replace(place, path[-1], value.value)
        # All of it stands in one place, which has no lines.
        lines = {(*path, *within): 0 for within in [(), *value.lines]}
        self._documents.append(Document(shown, None, lines))

    def place(self, path: KeyPath) -> str:
        """Return the file and line that say what `path` is, or what holds it; empty if unknown."""
        for length in range(len(path), 0, -1):
            for document in reversed(self._documents):
                line = document.lines.get(path[:length])
                if line is not None:
                    return f"{document.name}, line {line}" if line else document.name
        return ""


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` over it, key by key at any depth; None takes a key away.

    A section that names another plugin than before begins anew: the options of the old plugin
    would mean nothing to it.
    """
    result = dict(base)
    for key, value in changes.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            other = "plugin" in value and value["plugin"] != before.get("plugin")
            result[key] = merged({**before, "config": {}} if other else before, value)
        else:
            result[key] = value
    return result


def _replace(place: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        place.pop(key, None)
        return
    if key == "plugin" and value != place.get(key):
        place["config"] = {}  # as in `merged`
    place[key] = value
