"""Plugins by place: a file in the right folder is a plugin, and its name is the file's."""

from __future__ import annotations

import difflib
import importlib
import json
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any


class UnknownNameError(ValueError):
    """A name that nothing has; says what exists and which name was probably meant."""

    def __init__(self, kind: str, given: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(given, names, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"no {kind} {given!r}; there are: {', '.join(names) or 'none'}.{meant}")


def available(package: str) -> list[str]:
    """Return the names of the plugins in `package`, such as `perception.cameras`."""
    paths = importlib.import_module(package).__path__
    return sorted(module.name for module in pkgutil.iter_modules(paths))


def plugin(package: str, name: str) -> ModuleType:
    """Import the plugin `name` of `package`; raises UnknownNameError if there is none."""
    names = available(package)
    if name not in names:
        raise UnknownNameError(f"plugin in {package.replace('.', '/')}/", name, names)
    return importlib.import_module(f"{package}.{name}")


def configured(module: ModuleType, options: dict[str, Any]) -> Any:
    """Return `module.Config` made of `options`, which are what JSON can say."""
    return module.Config.model_validate_json(json.dumps(options))
