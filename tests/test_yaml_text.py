"""Strict YAML: what is read, and how that which may mean two things is refused."""

import codecs
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.yaml_text import MOST_BYTES, YamlError, parsed, read
from station.config import CONFIGS

BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def refusal(text: str) -> str:
    with pytest.raises(YamlError) as caught:
        parsed(text, "robot.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -0.5e-3", {"a": -0.0005}),
        ("a: +5", {"a": 5}),
        ("a: .5", {"a": 0.5}),
        ("a: true", {"a": True}),
        ("a: ~", {"a": None}),
        ('a: "2e0"', {"a": "2e0"}),
        ("a: 'on'", {"a": "on"}),
        ('"on": 1', {"on": 1}),
        ("a: !!str 12", {"a": "12"}),
        ("a: 192.168.0.1", {"a": "192.168.0.1"}),
        ("a: |\n  x\n   y", {"a": "x\n y"}),
        (r'a: "\ud83d\ude00"', {"a": "\U0001f600"}),
        ("x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}", {"x": {"a": 1, "b": 2}, "y": {"a": 3, "b": 2}}),
        ("x: {<<: [{a: 1}, {a: 2, b: 2}]}", {"x": {"a": 1, "b": 2}}),
        ("", None),
        ("# nothing\n", None),
    ],
)  # fmt: skip
def test_plain_yaml_is_read(text: str, value: Any) -> None:
    assert parsed(text, "robot.yaml").value == value


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_robots_configs_mean_what_yaml_says(path: Path) -> None:
    assert repr(read(path).value) == repr(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("b: 1\na: 2e0", ["line 2", "a: `2e0` is read as text", "write 2.0", '"2e0"']),
        ("a: 1e-7", ["read as text", "write 1.0e-07"]),
        ("a: 1:30", ["`1:30` is read as the number 90", '"1:30"']),
        ("a: 010", ["is read as the number 8", "write 8, or 10,"]),
        ("a: 0128", ["read as text", "write 128"]),
        ("a: 0x10", ["the number 16", "write 16"]),
        ("a: 0o17", ["read as text", "write 15,"]),
        ("a: 1_000", ["the number 1000"]),
        ("a: 1,5", ["read as text", "write 1.5"]),
        ("a: 00:11:22:33:44:55", ["read as text", '"00:11:22:33:44:55"']),
        ("a: 2024-01-01", ["read as a date", '"2024-01-01"']),
        ("a: yes", ["`yes` is read as true", "write true", '"yes"']),
        ("a: Off", ["`Off` is read as false", "write false", '"Off"']),
        ("on: {b: 1}", ["the key `on` is read as true or false", '"on"']),
        ("1: x", ["the key `1` is read as a number", '"1"']),
        ("010: x", ["the key `010` is read as a number"]),
        ("2024-01-01: x", ["the key `2024-01-01` is read as a date"]),
        ("~: x", ["the key `~` is read as nothing"]),
        ("?\n: x", ["a key without a name"]),
        ("? [a]\n: 1", ["a key is a list"]),
        ("a: 1\nb: 2\na: 3", ["lines 1 and 3", "a is given twice"]),
        ("x:\n  b: {c: 1, c: 2}", ["x.b.c is given twice"]),
        ("a: 1\n'a': 3", ["a is given twice"]),
        ("<<: {a: 1}\n<<: {b: 1}", ["<< is given twice", "[*one, *other]"]),
        ("y: {<<: 3}", ["y: `<<:` merges what has keys"]),
        ("a: &x {b: *x}", ["a.b: an alias leads back"]),
        ("a: &x [1, *x]", ["a.1: an alias leads back"]),
        ("a: &x\n  <<: *x", ["an alias leads back"]),
        ("a: *nowhere", ["undefined alias"]),
        (BOMB, ["aliases make more than"]),
        ("[" * 100_000, ["more than 32 levels"]),
        ("{a: " * 100_000, ["more than 32 levels"]),
        ("- " * 10_000, ["more than 32 levels"]),
        ("a: 1\n\tb: 2", ["line 2", "tab"]),
        ("a: 1\n---\nb: 2", ["line 2", "second document"]),
        ("a: !!python/object:os.system x", ["tags such as `!!python/object:os.system`"]),
        ("a: !!int '3'", ["tags such as `!!int`"]),
        ("a: !mine {b: 1}", ["tags such as `!mine`"]),
        ("a: =", ["mark of YAML"]),
        ("a: " + "1" * 5000, ["a number of 5000 digits"]),
        (r'a: "\ud83d"', ["characters that no text has"]),
        (r'a: "\0"', ["characters that no text has"]),
        ("b: 1\na: \x00", ["line 2", "character 0x0"]),
        ("a: b: c", ["line 1", "no YAML"]),
        (r'a: "\U00110000"', ["line 1", "an escape of no character"]),
        (r'a: "\UFFFFFFFF"', ["line 1", "an escape of no character"]),
        ("%YAML 1." + "1" * 5000 + "\n---\na: 1", ["line 1", "too many digits"]),
        ("a: 'b", ["no YAML"]),
    ],
)  # fmt: skip
def test_what_may_mean_two_things_is_refused(text: str, words: list[str]) -> None:
    message = refusal(text)
    assert message.startswith("robot.yaml, line")
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("a: 1".encode("utf-16"), "UTF-16"),
        ("a: 1".encode("utf-16-be"), "UTF-16"),
        ("a: 1".encode("utf-32"), "UTF-16"),
        ("b: 1\na: é".encode("latin-1"), "line 2 is not in UTF-8"),
        (b"a" * (MOST_BYTES + 1), "more than"),
        (None, "No such file"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_utf8_text_is_named(
    tmp_path: Path, data: bytes | None, words: str
) -> None:
    path = tmp_path / "robot.yaml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(YamlError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_mark_at_the_beginning_and_line_ends_of_windows_are_borne(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_bytes(codecs.BOM_UTF8 + "a: é\r\nb: 2\r\n".encode())
    assert read(path).value == {"a": "é", "b": 2}


def test_every_key_and_item_has_its_line_also_what_is_merged() -> None:
    text = "x: &x\n  a: 1\n  b:\n    c: 1\ny:\n  <<: *x\n  b: 2\n  d:\n  - 5\n"
    lines = parsed(text, "robot.yaml").lines
    assert lines[("y", "a")] == 2
    assert lines[("y", "b")] == 7
    assert ("y", "b", "c") not in lines  # it is not there
    assert lines[("y", "d", 0)] == 9


def test_nothing_is_shared_between_what_aliases_made() -> None:
    value = parsed("a: &a {b: [1]}\nc: *a", "robot.yaml").value
    value["c"]["b"].append(2)
    assert value["a"] == {"b": [1]}


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_what_yaml_writes_is_read_back_or_refused(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    try:
        read_back = parsed(text, "robot.yaml").value
    except YamlError:
        return
    assert repr(read_back) == repr(yaml.safe_load(text))


YAML_TEXT = st.lists(
    st.sampled_from(
        ["a", "b: ", "- ", "\n", "\n  ", "{", "}", "[", "]", ", ", ": ", "? ", "&x ", "*x", "<<: ",
         "!!int ", "|\n", ">-\n", "'", '"', "#", "\t", "---\n", "...\n", "%YAML 1.1\n", "1", "2e0",
         "1:30", "0b_", "yes", "~", "=", "é", "\x85", "\ufeff", "\x00", "\ud800", "\\", "-.inf"]
    ),
    max_size=24,
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(YAML_TEXT | st.text(max_size=60))
def test_any_text_is_read_as_yaml_reads_it_or_refused_in_one_line(text: str) -> None:
    try:
        value = parsed(text, "robot.yaml").value
    except YamlError as error:
        message = str(error)
    else:
        message = ""
        assert repr(value) == repr(yaml.safe_load(text))
    assert len(message.strip().splitlines()) <= 1
    message.encode()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | YAML_TEXT.map(lambda text: text.encode("utf-16", "replace")))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    try:
        read(path)
    except YamlError as error:
        message = str(error)
    else:
        message = str(path)
    assert str(path) in message
