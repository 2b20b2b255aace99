"""Plugins are found by being there, and a wrong name is answered with the right ones."""

import sys
from pathlib import Path

import pytest

from runtime.plugins import UnknownNameError, available, plugin


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a package with the plugins `echo` and `mirror`."""
    name = "package_of_plugins"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "echo.py").write_text("ANSWER = 42\n", encoding="utf-8")
    (folder / "mirror.py").write_text("import a_vendor_library_that_is_missing\n", encoding="utf-8")
    (folder / "notes.txt").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for known in [known for known in sys.modules if known.startswith(name)]:
        monkeypatch.delitem(sys.modules, known)
    return name


def test_every_module_of_the_folder_is_a_plugin_and_nothing_else(package: str) -> None:
    assert available(package) == ["echo", "mirror"]


def test_a_plugin_is_imported_by_name(package: str) -> None:
    assert plugin(package, "echo").ANSWER == 42


def test_listing_plugins_imports_none_of_them(package: str) -> None:
    available(package)
    assert f"{package}.echo" not in sys.modules


def test_an_unknown_name_is_answered_with_those_that_exist(package: str) -> None:
    with pytest.raises(UnknownNameError, match="'zebra'; there are: echo, mirror") as caught:
        plugin(package, "zebra")
    assert "Did you mean" not in str(caught.value)


def test_a_near_miss_is_recognised(package: str) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'mirror'"):
        plugin(package, "miror")


@pytest.mark.parametrize("name", ["..echo", "echo.sub", "os", ""])
def test_no_name_reaches_outside_the_folder(package: str, name: str) -> None:
    with pytest.raises(UnknownNameError):
        plugin(package, name)


def test_a_missing_vendor_library_is_reported_as_itself(package: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="a_vendor_library_that_is_missing"):
        plugin(package, "mirror")
