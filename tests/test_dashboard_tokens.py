"""Tokens: made once, readable by their owner alone, and each good for one role."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboard.config import DashboardConfig
from dashboard.tokens import Role, TokenError, is_loopback, operator_token, tokens_in


def test_tokens_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    first = tokens_in(tmp_path / "aloha")
    assert tokens_in(tmp_path / "aloha") == first
    assert operator_token(tmp_path / "aloha") == first.operator
    assert first.operator != first.viewer
    assert len(first.operator) >= 43  # 256 bits
    for file in (tmp_path / "aloha").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "aloha").stat().st_mode) == 0o700
    assert len(list((tmp_path / "aloha").iterdir())) == 2


def test_two_that_make_the_tokens_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(tokens_in, [tmp_path] * 32))
    assert len(set(made)) == 1


def test_a_token_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    tokens_in(tmp_path)
    (tmp_path / "operator.token").chmod(0o644)
    with pytest.raises(TokenError, match=r"others may read .*operator\.token"):
        tokens_in(tmp_path)


def test_an_empty_token_file_is_refused(tmp_path: Path) -> None:
    tokens_in(tmp_path)
    (tmp_path / "viewer.token").write_text("\n", encoding="utf-8")
    with pytest.raises(TokenError, match="is empty"):
        tokens_in(tmp_path)


def test_each_token_has_its_role_and_any_other_none(tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    assert tokens.role(tokens.operator) is Role.OPERATOR
    assert tokens.role(tokens.viewer) is Role.VIEWER
    for other in ("", "x", tokens.operator[:-1], tokens.operator + "x", "ä" * 1000):
        assert tokens.role(other) is Role.NOBODY


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_loopback_addresses_are_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.3", "::ffff:10.0.0.3", "fe80::1", "", "localhost"])
def test_all_others_are_not(host: str) -> None:
    assert not is_loopback(host)


def test_tokens_lie_where_the_user_keeps_configs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert DashboardConfig().token_directory("aloha") == Path("/somewhere/evenhand/aloha")
    own = DashboardConfig.model_validate_json('{"tokens": "/own"}')
    assert own.token_directory("aloha") == Path("/own")


def test_a_host_is_an_address() -> None:
    with pytest.raises(ValueError, match="robot-7"):
        DashboardConfig(host="robot-7")
