"""The gate: requests of other sites and floods stay out."""

import socket

import pytest

from dashboard.gate import Allowance, misdirected
from dashboard.refusals import Refusals

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8360", "localhost:8360", "[::1]:8360", "10.0.0.7:8360", "LOCALHOST"]
)
def test_the_machines_addresses_are_served(host: str) -> None:
    assert misdirected({b"host": host}) == ""


def test_the_machines_name_is_served() -> None:
    name = socket.gethostname()
    assert misdirected({b"host": f"{name}:8360"}) == ""
    assert misdirected({b"host": f"{name}.local:8360"}) == ""


@pytest.mark.parametrize("host", ["evil.example:8360", "127.0.0.1.evil.example", "", "[::1", ":"])
def test_another_name_for_this_machine_is_not_served(host: str) -> None:
    assert "no page for host" in misdirected({b"host": host})


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8360", "https://127.0.0.1:8360"])
def test_the_page_itself_may_ask(origin: str) -> None:
    assert misdirected({b"host": "127.0.0.1:8360", b"origin": origin}) == ""


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9", "http://localhost:8360", "x"]
)
def test_another_page_may_not_ask(origin: str) -> None:
    assert "may not ask" in misdirected({b"host": "127.0.0.1:8360", b"origin": origin})


def test_an_address_may_ask_its_share_and_again_after_a_while() -> None:
    allowance = Allowance(per_s=10.0, burst=3.0)
    assert [allowance.take("a", 0) for _ in range(5)] == [True, True, True, False, False]
    assert allowance.take("b", 0)
    assert not allowance.take("a", SECOND_NS // 20)
    assert allowance.take("a", SECOND_NS // 5)


def test_countless_addresses_do_not_fill_the_memory() -> None:
    allowance = Allowance()
    for number in range(3000):
        allowance.take(str(number), 0)
    assert len(allowance._left) <= 1000


def test_a_flood_of_refusals_is_counted_but_hardly_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals()
    for _ in range(1000):
        refusals.note("10.0.0.3", "too many requests")
    assert refusals.count == 1000
    assert 1 <= len(caplog.records) <= 3
