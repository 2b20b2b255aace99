"""What a YAML scalar is: plain text, number or truth, and nothing that people read otherwise.

YAML 1.1 reads `yes` as true, `010` as 8, `1:30` as 90, `2e0` as text and `2024-01-01` as a date.
Whoever wrote such a thing meant one of two things, so it is refused with both ways to say it.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import yaml

_PREFIX: Final = "tag:yaml.org,2002:"
_RESOLVER: Final = yaml.resolver.Resolver()
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
_SPECIAL: Final = re.compile(r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)")
# Digits in any dress: 2e0, 1:30, 1_000, 1,5, 010, 0x10, 1'000.
_LIKE_NUMBER: Final = re.compile(
    r"[-+]?(0[xXoObB][0-9a-fA-F_]+|([0-9][0-9_']*(:[0-9]+)*)?[.,]?[0-9_]*([eE][-+]?[0-9]+)?)"
)
_DIGITS: Final = re.compile(r"[-+]?[0-9]+")
_PREFIXED: Final = re.compile(r"[-+]?0[xXoObB]")
_KINDS: Final = {
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "null": "nothing",
    "timestamp": "a date",
    "value": "a mark of YAML",
}
_LONGEST_NUMBER: Final = 100
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class ScalarError(ValueError):
    """Text that may mean two things, or nothing; says what YAML reads, and what to write."""


def scalar(node: yaml.ScalarNode) -> Any:
    """Return the text, number, truth or None that `node` holds; raises ScalarError."""
    written: str = node.value
    kind = node.tag.removeprefix(_PREFIX)
    if node.style is not None or node.tag != _RESOLVER.resolve(  # type: ignore[no-untyped-call]
        yaml.ScalarNode, written, (True, False)
    ):
        if kind != "str":  # a tag says so
            raise ScalarError(unread(node))
        return _text(written)
    if kind == "null":
        return None
    if kind == "bool":
        return _truth(written)
    if kind in ("int", "float") or (kind == "str" and _looks_like_number(written)):
        return _number(written, kind)
    if kind == "str":
        return _text(written)
    if kind in _KINDS:
        raise ScalarError(f"`{written}` is read as {_KINDS[kind]}: write {_quoted(written)}")
    raise ScalarError(unread(node))


def unread(node: yaml.Node) -> str:
    """Return that the tag of `node` is not read."""
    return f"tags such as `{node.tag.replace(_PREFIX, '!!')}` are not read: leave it out"


def key(node: yaml.ScalarNode) -> str:
    """Return the text of a key; raises ScalarError if YAML reads something else."""
    kind = node.tag.removeprefix(_PREFIX)
    if kind == "str":
        return _text(node.value)
    if kind not in _KINDS:
        raise ScalarError(unread(node))
    if not node.value:
        raise ScalarError("a key without a name: write one before the colon")
    raise ScalarError(
        f"the key `{node.value}` is read as {_KINDS[kind]}: write {_quoted(node.value)}"
    )


def _truth(written: str) -> bool:
    word = written.lower()
    read = "true" if word in ("yes", "on", "true") else "false"
    if word != read:
        raise ScalarError(
            f"`{written}` is read as {read}: write {read}, or {_quoted(written)} for the text"
        )
    return read == "true"


def _looks_like_number(written: str) -> bool:
    return bool(_LIKE_NUMBER.fullmatch(written)) and any(map(str.isdigit, written))


def _number(written: str, kind: str) -> int | float:
    if len(written) > _LONGEST_NUMBER:
        raise ScalarError(f"a number of {len(written)} digits: write at most {_LONGEST_NUMBER}")
    if _INTEGER.fullmatch(written):
        return int(written)
    if _NUMBER.fullmatch(written):
        return float(written)
    if _SPECIAL.fullmatch(written):
        return float(written.replace(".", ""))
    value = _converted(written) if kind != "str" else None
    read = "text, not as a number" if value is None else f"the number {_plain(value)}"
    ways = [_plain(meant) for meant in (value, _meant(written)) if meant is not None]
    text = f"{_quoted(written)} for the text"
    raise ScalarError(f"`{written}` is read as {read}: write {', or '.join([*ways, text])}")


def _converted(written: str) -> int | float | None:
    """Return the number that YAML 1.1 makes of digits in an unusual dress, None if it cannot."""
    try:
        value = yaml.safe_load(written)
    except ValueError:
        return None
    return value if isinstance(value, int | float) else None


def _meant(written: str) -> int | float | None:
    """Return the number that a person reads, None where it is what YAML reads, or nothing."""
    digits = written.replace("_", "").replace("'", "").replace(",", ".")
    try:
        if _PREFIXED.match(digits):
            value: float = int(digits, 0)
        else:
            value = int(digits) if _DIGITS.fullmatch(digits) else float(digits)
    except ValueError:
        return None
    return value if math.isfinite(value) and value != _converted(written) else None


def _plain(number: float) -> str:
    """Return a number as YAML reads it: the mantissa of an exponent has a point."""
    mantissa, exponent, power = repr(number).partition("e")
    return mantissa + (".0" if exponent and "." not in mantissa else "") + exponent + power


def _quoted(written: str) -> str:
    return json.dumps(written, ensure_ascii=False)


def _text(written: str) -> str:
    r"""Return text whose `\ud83d\ude00` pairs, as JSON writes them, are one character again."""
    text = written.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "\ufffd" in text or _CONTROL.search(text):
        raise ScalarError(f"{ascii(written)[:80]} has characters that no text has: leave them out")
    return text
