"""Who gets a place among the open pages, and who of them counts as looking."""

from __future__ import annotations

from typing import Any, cast

from dashboard.browsers import MOST, MOST_STRANGERS, Browser, Browsers
from dashboard.tokens import Role


def browser(role: Role, heard_ns: int = 0) -> Browser:
    made = Browser(cast(Any, None), "10.0.0.7", role)
    made.heard_ns = heard_ns
    return made


def test_strangers_take_nobodys_place() -> None:
    browsers = Browsers()
    assert [browsers.join(browser(Role.NOBODY)) for _ in range(MOST_STRANGERS + 1)] == [
        *[True] * MOST_STRANGERS,
        False,
    ]
    known = [browsers.join(browser(Role.VIEWER)) for _ in range(MOST)]
    assert known.count(True) == MOST - MOST_STRANGERS


def test_only_who_may_look_counts_as_looking_and_by_the_newest_word() -> None:
    browsers = Browsers()
    assert browsers.watching() == (0, 0)
    browsers.join(browser(Role.NOBODY, 30))
    browsers.join(browser(Role.VIEWER, 10))
    browsers.join(browser(Role.OPERATOR, 20))
    assert browsers.watching() == (2, 20)
