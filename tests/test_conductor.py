"""The course of a run, walked through without a robot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.messages import ControlStatus, SafetyState, TaskState
from station.conductor import Conductor
from station.course import Course, News, Orders
from station.stage import Stage

STEP_NS = 50_000_000
SECOND_NS = 1_000_000_000


def course(
    *,
    episodes: int | None = None,
    duration_s: float | None = None,
    judged: bool = True,
    instructions: tuple[str, ...] = ("lift", "transfer"),
    stop_wait_s: float | None = None,
) -> Course:
    return Course(
        instructions=instructions,
        seed=100,
        timeout_s=2.0,
        episodes=episodes,
        duration_s=duration_s,
        judged=judged,
        stop_wait_s=stop_wait_s,
    )


def status(mode: str, *, arrived: bool) -> ControlStatus:
    return ControlStatus(
        seq=0,
        t_ns=0,
        late_us=0.0,
        mode=mode,
        epoch=0,
        cursor=0.0,
        rate=0.0,
        upcoming=np.empty((0, 14)),
        dt_ns=10_000_000,
        runway_s=0.0,
        latency_s=0.0,
        disagreement_rad=0.0,
        jerk=0.0,
        chunks=0,
        counters={},
        arrived=arrived,
    )


def safety(phase: str, stop: str = "") -> SafetyState:
    event = "4821" if phase == "stopped" else ""
    causes = ("a hand in the way",) if event else ()
    motion = {"armed": "poses", "running": "all"}.get(phase, "none")
    return SafetyState(0, phase, 1, motion, 1.0, "", event=event, stop=stop, causes=causes)


@dataclass
class World:
    """A robot that obeys: after a while it has arrived, the scene is set, the task is done."""

    conductor: Conductor
    succeeds: bool = True
    patience: int = 3  # steps that everything takes
    now_ns: int = SECOND_NS
    phase: str = "disarmed"
    stop: str = ""
    energised: bool = True
    recorded: bool = True
    refuses: bool = False  # whatever the safety process is asked for
    asked: list[str] = field(default_factory=list)
    _orders: Orders | None = None
    _for: int = 0

    def step(self, *, ready: bool = True) -> Orders:
        """Let one step of time pass."""
        self.now_ns += STEP_NS
        before = self._orders
        orders = self.conductor.step(self.news(ready=ready))
        self._grant(orders.ask)
        same = before is not None and orders.mode == before.mode
        self._orders, self._for = orders, self._for + 1 if same else 0
        return orders

    def news(self, *, ready: bool = True) -> News:
        """Return what is heard of the robot now."""
        before, done = self._orders, self._for >= self.patience
        return News(
            now_ns=self.now_ns,
            ready=ready,
            status=status(before.mode, arrived=done) if before else None,
            task=self._task(done) if before else None,
            safety=safety(self.phase, self.stop) if self.phase else None,
            energised=("left", "right") if self.energised else (),
            recorded=self.recorded,
        )

    def _grant(self, ask: str) -> None:
        if not ask:
            return
        self.asked.append(ask)
        if self.refuses:
            return
        self.phase = {"arm": "armed", "run": "running", "pause": "armed", "off": "disarmed"}[ask]
        self.energised = ask != "off"

    def _task(self, done: bool) -> TaskState | None:
        if self._orders is None or self._orders.request is None or not done:
            return None
        success = self.succeeds and self._orders.mode == "run"
        return TaskState(self.now_ns, self._orders.request.episode, 4 if success else 0, success)

    def until(self, stage: Stage, most_steps: int = 2000) -> list[Orders]:
        """Step until a stage is reached; returns all orders up to it."""
        orders = []
        for _ in range(most_steps):
            orders.append(self.step())
            if self.conductor.stage is stage:
                return orders
        raise AssertionError(f"never came to {stage}, is at {self.conductor.stage}")


def test_nothing_moves_before_all_processes_are_ready() -> None:
    world = World(Conductor(course(episodes=1)))
    assert {world.step(ready=False).mode for _ in range(20)} == {"idle"}
    assert world.asked == []
    world.until(Stage.HOMING)
    assert world.asked == ["arm", "run"]
    assert world.step().mode == "home"


def test_an_episode_goes_from_home_over_the_scene_to_the_run_and_rests_at_the_end() -> None:
    world = World(Conductor(course(episodes=1)))
    modes = [orders.mode for orders in world.until(Stage.DONE)]
    assert list(dict.fromkeys(modes)) == ["idle", "home", "run", "hold", "rest"]


@pytest.mark.parametrize("episodes", [1, 3])
def test_as_many_episodes_as_asked_for_each_with_its_own_seed(episodes: int) -> None:
    world = World(Conductor(course(episodes=episodes)))
    world.until(Stage.DONE)
    outcomes = world.conductor.outcomes
    assert [outcome.episode for outcome in outcomes] == list(range(episodes))
    assert [outcome.seed for outcome in outcomes] == [100 + i for i in range(episodes)]
    assert all(outcome.success for outcome in outcomes)


def test_instructions_take_turns() -> None:
    world = World(Conductor(course(episodes=3)))
    world.until(Stage.DONE)
    assert [o.instruction for o in world.conductor.outcomes] == ["lift", "transfer", "lift"]


def test_an_episode_without_success_fails_after_its_time() -> None:
    world = World(Conductor(course(episodes=1)), succeeds=False)
    world.until(Stage.DONE)
    (outcome,) = world.conductor.outcomes
    assert not outcome.success
    assert 2.0 < outcome.duration_s < 2.2


def test_the_success_of_the_episode_before_does_not_count() -> None:
    conductor = Conductor(course(episodes=2))
    world = World(conductor)
    world.until(Stage.LINGERING)
    old = TaskState(0, 0, 4, True)
    world.until(Stage.SETTLING)
    for _ in range(15):
        world.now_ns += STEP_NS
        news = News(world.now_ns, True, status("run", arrived=True), old, safety("running"))
        conductor.step(news)
    assert conductor.stage is Stage.RUNNING
    assert len(conductor.outcomes) == 1


def test_a_run_ends_after_its_duration_without_counting_the_unfinished_episode() -> None:
    world = World(Conductor(course(duration_s=1.0)), succeeds=False)
    world.until(Stage.RUNNING)
    begin_ns = world.now_ns
    world.until(Stage.DONE)
    assert world.conductor.outcomes == []
    assert (world.now_ns - begin_ns) * 1e-9 < 3.0


def test_a_run_whose_arms_never_come_home_ends_after_its_duration_too() -> None:
    world = World(Conductor(course(duration_s=4.0)))
    world.until(Stage.LINGERING)
    world.patience = 10**9
    begin_ns = world.now_ns
    world.until(Stage.RESTING)
    assert (world.now_ns - begin_ns) * 1e-9 < 4.5


def test_unjudged_episodes_last_their_time_and_ask_for_no_scene() -> None:
    world = World(Conductor(course(episodes=2, judged=False)))
    orders = world.until(Stage.DONE)
    assert all(order.request is None for order in orders)
    assert [outcome.success for outcome in world.conductor.outcomes] == [False, False]


def test_to_be_stopped_before_the_controller_lives_ends_at_once() -> None:
    conductor = Conductor(course())
    conductor.stop()
    conductor.step(News(SECOND_NS, False, None, None, None))
    assert conductor.stage is Stage.DONE


@settings(max_examples=200, deadline=None)
@given(
    steps=st.integers(0, 400),
    patience=st.integers(0, 10),
    succeeds=st.booleans(),
    judged=st.booleans(),
    episodes=st.none() | st.integers(1, 3),
    duration_s=st.none() | st.floats(0.1, 10.0),
)
def test_a_run_always_ends_at_rest_once_it_is_stopped(
    steps: int,
    patience: int,
    succeeds: bool,
    judged: bool,
    episodes: int | None,
    duration_s: float | None,
) -> None:
    conductor = Conductor(course(episodes=episodes, duration_s=duration_s, judged=judged))
    world = World(conductor, succeeds=succeeds, patience=patience)
    for _ in range(steps):
        world.step()
    conductor.stop()
    orders = world.until(Stage.DONE, patience + 20)
    assert {order.mode for order in orders} == {"rest"}
    assert not steps or world.asked[-1] == "off"
    assert world.step().mode == "rest"
    assert conductor.stage is Stage.DONE


@settings(max_examples=100, deadline=None)
@given(patience=st.integers(0, 10), succeeds=st.booleans(), episodes=st.integers(1, 4))
def test_every_walk_counts_each_episode_once_and_runs_only_after_home(
    patience: int, succeeds: bool, episodes: int
) -> None:
    world = World(Conductor(course(episodes=episodes)), succeeds=succeeds, patience=patience)
    modes = [order.mode for order in world.until(Stage.DONE, 5000)]
    changes = [mode for mode, before in zip(modes, ["", *modes], strict=False) if mode != before]
    assert changes == ["idle", *["home", "run", "hold"] * episodes, "rest"]
    assert len(world.conductor.outcomes) == episodes
