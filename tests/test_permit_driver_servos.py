"""Leave to move, through the real driver process: given, withdrawn, silent; and letting go."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from driven_arm import ARM, PERIOD_NS, DrivenArm, driven_arm
from emulated_arm import PORT

from drivers.dynamixel import registers as reg
from drivers.leave import NO_LEAVE, NO_PERMIT, OTHER_LEAVE
from drivers.torque import LET_GO
from messaging.messages import CUT, OFF, ON, Permit
from motion.leave import MOST_AGE_NS
from station.config import load, robot_file

pytestmark = pytest.mark.alone

HOME = load(robot_file("aloha"), []).arms[ARM].home
MS = 1_000_000
STOP_NS = 45 * MS  # 1 rad/s within four periods, and a wake-up
HOLDING = dict.fromkeys(range(1, 10), 1)
LIMP = dict.fromkeys(range(1, 10), 0)


@pytest.fixture(scope="module")
def running() -> Iterator[DrivenArm]:
    """Return a driver that all tests of this file share; for them its arm lies at rest at home."""
    with driven_arm(rest=list(HOME)) as driven:
        yield driven
        forget_orders(driven)


@pytest.fixture
def driven(running: DrivenArm) -> Iterator[DrivenArm]:
    """Return a driver that follows its commands."""
    good = running.altered
    running.until_following()
    yield running
    running.altered = good
    allowed_ns = running.allow()
    running.until(lambda: running.states[-1].t_written_ns > allowed_ns, "the leave to be heard")
    running.until_following()


def forget_orders(driven: DrivenArm) -> None:
    """Leave the torque that went off on order out of what nobody may do."""
    writes = driven.arm.line.writes
    writes[:] = [w for w in list(writes) if w.register is not reg.TORQUE_ENABLE or w.value]


def until_fast(driven: DrivenArm) -> None:
    """Poll until the arm moves at half a rad/s at least."""
    driven.until(lambda: driven.speed() > 0.5, "the arm to be fast")


def go_home(driven: DrivenArm) -> None:
    """Command the pose in which the arm may be let go until it stands there."""
    driven.altered = lambda _: driven.home

    def there() -> bool:
        last = driven.states[-1]
        off = np.abs(last.position - driven.home)[:6].max()
        return driven.speed() == 0.0 and off < 0.02 and not last.holding

    driven.until(there, "the arm to be at home")


def test_a_withdrawn_leave_stops_the_arm_within_a_few_periods(driven: DrivenArm) -> None:
    until_fast(driven)
    since_ns = driven.forbid()
    seq = driven.permitted[-1].seq
    driven.until_holding(since_ns, NO_LEAVE)
    confirmed = next(
        s for s in driven.since(since_ns) if s.permit >= seq and s.t_frozen_ns and s.holding
    )
    assert confirmed.t_frozen_ns - since_ns < STOP_NS
    assert driven.arm.standing_since(since_ns) - since_ns < STOP_NS
    assert driven.arm.torque() == HOLDING
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, since_ns)


def test_silence_is_a_stop(driven: DrivenArm) -> None:
    until_fast(driven)
    driven.permit = None
    last_ns = driven.permitted[-1].t_ns
    driven.until_holding(last_ns, NO_PERMIT)
    first_ns = next(s.t_written_ns for s in driven.since(last_ns) if s.holding == NO_PERMIT)
    assert MOST_AGE_NS <= first_ns - last_ns < MOST_AGE_NS + 3 * PERIOD_NS
    driven.until_noted(NO_PERMIT)


def test_commands_under_an_earlier_leave_are_not_followed(driven: DrivenArm) -> None:
    since_ns = driven.allow()
    driven.epoch -= 1
    driven.until_holding(since_ns, OTHER_LEAVE)
    driven.epoch += 1
    driven.until_following()


def test_a_leave_that_was_gone_for_a_moment_is_a_stop_too(driven: DrivenArm) -> None:
    until_fast(driven)
    since_ns = driven.allow()  # the driver hears nothing of what was between
    driven.until(lambda: any(s.holding for s in driven.since(since_ns)), "a stop")
    driven.until(lambda: driven.states[-1].t_frozen_ns > since_ns, "standstill")
    driven.until_following()


def test_a_leave_for_less_is_no_stop(driven: DrivenArm) -> None:
    since_ns = time.monotonic_ns()
    for motion in ("poses", "all"):
        driven.permit = Permit(driven.epoch, 0, 0, motion, 1.0)
        driven.during(0.1)
    driven.until_following()
    assert not any(s.holding == NO_LEAVE for s in driven.since(since_ns))


def test_an_arm_away_from_rest_refuses_to_let_go_and_says_why(driven: DrivenArm) -> None:
    driven.until(
        lambda: np.abs(driven.states[-1].written - driven.home)[:6].max() > 0.4, "a way from home"
    )
    since_ns = driven.forbid(OFF)
    told = driven.until_told("its torque stays on: left_", since_ns)
    driven.until_told("rad from its rest pose", since_ns)
    assert told.torque == ON
    driven.forbid()
    driven.until(lambda: not driven.states[-1].warnings, "the warning to go")
    assert driven.arm.torque() == HOLDING
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, since_ns)


def test_an_arm_at_rest_lets_go_and_holds_again_with_new_leave(driven: DrivenArm) -> None:
    go_home(driven)
    since_ns = driven.forbid(OFF)
    driven.until(lambda: driven.states[-1].torque == OFF, "the arm to let go")
    assert driven.arm.torque() == LIMP
    assert driven.states[-1].holding == LET_GO
    assert driven.states[-1].t_frozen_ns >= since_ns
    assert not driven.states[-1].errors
    driven.until_noted(LET_GO)

    driven.forbid()
    driven.arm.plant.shafts[0].put(driven.arm.now()[0] + 0.3)  # somebody moves it by hand
    limp_ns = time.monotonic_ns()
    driven.during(0.3)
    assert driven.arm.torque() == LIMP
    assert not driven.arm.line.of(reg.GOAL_POSITION, limp_ns)
    assert driven.states[-1].written[0] == pytest.approx(driven.home[0] + 0.3, abs=0.02)

    again_ns = driven.allow()
    driven.until(lambda: driven.states[-1].torque == ON, "the arm to hold")
    assert driven.arm.torque() == HOLDING
    driven.until(lambda: not driven.states[-1].holding, "the arm to follow")
    gaps_ns = np.diff([s.t_written_ns for s in driven.since(again_ns)])
    assert gaps_ns.max() < 60 * MS  # nobody may take it for dead meanwhile
    assert not any(s.errors for s in driven.since(again_ns))
    forget_orders(driven)
    driven.arm.assert_sound_goals()


def test_a_cut_lets_go_in_motion_at_once(driven: DrivenArm) -> None:
    until_fast(driven)
    since_ns = driven.forbid(CUT)
    driven.until(lambda: driven.arm.torque() == LIMP, "all torque to be off")
    off_ns = driven.arm.line.of(reg.TORQUE_ENABLE, since_ns)[0].t_ns
    assert off_ns - since_ns < 2 * PERIOD_NS
    driven.until(lambda: driven.states[-1].torque == OFF, "the driver to say so")
    driven.forbid()
    goals_ns = time.monotonic_ns()
    driven.during(0.2)
    assert not driven.arm.line.of(reg.GOAL_POSITION, goals_ns)
    forget_orders(driven)


def test_an_arm_that_is_cut_and_unplugged_stays_limp_and_holds_again_with_new_leave(
    driven: DrivenArm,
) -> None:
    since_ns = driven.forbid(CUT)
    driven.until(lambda: driven.states[-1].torque == OFF, "the arm to let go")
    driven.arm.ports.unplug(PORT)
    driven.until_told("is gone", since_ns)
    driven.forbid()
    driven.arm.ports.plug(PORT)
    driven.until(lambda: not driven.states[-1].errors, "the arm to be back")
    driven.during(0.3)
    assert driven.arm.torque() == LIMP
    driven.until_noted(LET_GO)
    heartbeat = driven.supervisor.children[f"arm.{ARM}"].heartbeat
    assert heartbeat is not None
    assert heartbeat.ready  # else safety would never give leave
    driven.arm.plant.shafts[0].put(driven.arm.now()[0] + 0.3)
    driven.during(0.3)
    driven.allow()
    driven.until(lambda: driven.states[-1].torque == ON, "the arm to hold")
    driven.until(lambda: not driven.states[-1].holding, "the arm to follow")
    forget_orders(driven)
    driven.arm.assert_sound_goals()


def test_every_motor_is_told_of(driven: DrivenArm) -> None:
    driven.until(driven.motors.receive, "the motors' states")
    newest = driven.motors.newest
    assert newest is not None
    assert newest.arm == ARM
    assert len(newest.names) == 9
    assert newest.names[2] == "shoulder (id 3)"
    assert ((newest.lower <= newest.position) & (newest.position <= newest.upper)).all()
    assert (newest.temperature > 20).all()
    assert newest.most_current[8] == pytest.approx(0.538)
    assert not any(newest.errors)
