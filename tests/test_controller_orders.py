"""What the controller takes from the station's and safety's words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.main import Orders
from messaging.messages import Permit

NOW_NS = 1_000_000_000
JOINTS = cast("Any", SimpleNamespace(unfit=lambda: "", age_ns=lambda _now_ns: 0))


def permit(epoch: int, motion: str = "all", age_ms: int = 10) -> Permit:
    return Permit(epoch, 1, NOW_NS - age_ms * 1_000_000, motion, 1.0)


@pytest.mark.parametrize(
    ("permits", "without_leave"),
    [
        ([None], [True]),
        ([permit(5), permit(5)], [False, False]),
        ([permit(5), permit(5, "none"), permit(6)], [False, True, False]),
        ([permit(5), permit(5, age_ms=201), permit(5)], [False, True, False]),
        # It stood still while leave was taken back and given anew.
        ([permit(5), permit(6), permit(6)], [False, True, False]),
    ],
)
def test_another_leave_begins_with_none(
    permits: list[Permit | None], without_leave: list[bool]
) -> None:
    silent = SimpleNamespace(receive=lambda: None, newest=None)
    leave = SimpleNamespace(receive=lambda: None, newest=None)
    orders = Orders(cast("Any", silent), cast("Any", leave))
    found = []
    for leave.newest in permits:
        orders.listen(JOINTS, NOW_NS)
        found.append(orders.without_leave)
    assert found == without_leave
