"""No text goes through the locale's encoding: each call that opens some says which it is.

Ruff's rule PLW1514 asks the same, but sees only what it can tell to be a `Path` or a file.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TypeVar

import pytest

ROOT = Path(__file__).parents[1]
Node = TypeVar("Node", bound=ast.AST)
ENCODING_AT = {"read_text": 0, "write_text": 1}  # among the positional arguments
MODE_AT = {"open": 0, "fdopen": 1, "NamedTemporaryFile": 0, "TemporaryFile": 0}
BINARY = ("NamedTemporaryFile", "TemporaryFile")  # where no mode is given


def sources() -> list[Path]:
    folders = [path.parent for path in ROOT.glob("*/__init__.py")] + [ROOT / "tests"]
    return [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]


def depending(source: str) -> list[int]:
    """Return the lines of `source` with a call that leaves the encoding to the locale."""
    tree = ast.parse(source)
    opened = {id(item.context_expr) for item in _nodes(tree, ast.withitem)}
    calls = [call for call in _nodes(tree, ast.Call) if not _says_encoding(call)]
    return sorted(call.lineno for call in calls if _is_of_text(call, id(call) in opened))


def _nodes(tree: ast.AST, kind: type[Node]) -> list[Node]:
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


def _says_encoding(call: ast.Call) -> bool:
    return any(keyword.arg in ("encoding", None) for keyword in call.keywords)


def _is_of_text(call: ast.Call, opened: bool) -> bool:
    """Return whether a call that says no encoding needs one; `opened` by a `with` statement."""
    is_method = isinstance(call.func, ast.Attribute)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    said = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name in ENCODING_AT:
        return len(call.args) <= ENCODING_AT[name]
    if name not in MODE_AT:
        return "True" in (said.get("text"), said.get("universal_newlines"))
    place = MODE_AT[name] if is_method or name != "open" else 1
    mode = ast.unparse(call.args[place]) if len(call.args) > place else said.get("mode")
    if mode is not None:
        return set(mode) <= set("rwxat+'")
    # Cameras are opened too, for good; a file in a `with` statement.
    return name not in BINARY and (place == 1 or (opened and not call.args))


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        (
            "path.read_text()\npath.write_text(text)\nopen(path)\nwith path.open(): pass",
            [1, 2, 3, 4],
        ),
        ("path.open('w')\nos.fdopen(file, 'w')\nrun(command, text=True)", [1, 2, 3]),
        ("path.open('rb')\nos.open(path, flags)\nav.open(path)\ncamera.open()", []),
        ("path.read_text('utf-8')\nopen(path, encoding='utf-8')\nNamedTemporaryFile()", []),
    ],
)
def test_the_rule_finds_what_depends_on_the_locale(source: str, lines: list[int]) -> None:
    assert depending(source) == lines


def test_every_text_says_its_encoding() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        for line in depending(path.read_text(encoding="utf-8"))
    ]
    assert not found
