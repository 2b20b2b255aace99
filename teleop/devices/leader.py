"""Leader arms: a person moves them, and the arms that they lead do the same.

While a policy drives, the leaders follow the arms, so that a person who takes over goes on from
where the arms are. A takeover sets them free: whoever asks for it has them in hand.
"""

from __future__ import annotations

from typing import Annotated, Final

import numpy as np

from messaging.messages import ON, JointState, LeaderCommand
from messaging.topics import JOINT_STATE, LEADER_COMMAND
from messaging.transport import Bus
from motion.limits import gripper_mask
from runtime.config import Apart, Between, StrictModel
from teleop.device import Array, DeviceError, Event, Reading, Robot, View
from teleop.joint_map import JointMap
from teleop.squeeze import Squeeze

MOST_AGE_NS: Final = 100_000_000
ALIGNING_NS: Final = 1_000_000_000  # after which leaders that are still apart are worth a word
_SETTLING_NS: Final = 200_000_000  # of a takeover, until the controller says that it happened


class Config(StrictModel):
    """How leaders are used."""

    follow: bool = True  # the arms, while nobody engages; else they stay where they are
    squeeze: bool = True  # a leader's gripper takes over, and hands back
    tolerance_rad: Apart = 0.15  # that leader and arm may be apart to be aligned
    # The same of grippers, 0 closed to 1 open.
    gripper_tolerance: Annotated[float, Between(0.01, 1.0)] = 0.3


class Hand:
    """One leader: what it says, and what it is told."""

    def __init__(self, name: str, config: Config, robot: Robot, bus: Bus) -> None:
        self.name = name
        self.map = JointMap(robot, name)
        grips = gripper_mask(self.map.joints)
        self._tolerance = np.where(grips, config.gripper_tolerance, config.tolerance_rad)
        self._states = bus.subscriber(JOINT_STATE, f"leader_{name}")
        self._commands = bus.publisher(LEADER_COMMAND, name)
        self._squeeze = Squeeze()
        self._seq = 0

    @property
    def state(self) -> JointState | None:
        """What the leader said, as of the last look."""
        return self._states.newest

    def look(self) -> None:
        """Take in what the leader said last."""
        self._states.receive()

    def fault(self, now_ns: int) -> str:
        """Return why nothing can be read off it now, empty if it can."""
        state = self.state
        if state is None:
            return f"leader {self.name} has not said anything yet"
        age_ns = now_ns - state.t_sample_ns
        if age_ns > MOST_AGE_NS:
            return f"leader {self.name} has been silent for {age_ns * 1e-9:.1f} s"
        return f"leader {self.name}: {'; '.join(state.errors)}" if state.errors else ""

    def apart(self, state: JointState, command: Array | None) -> str:
        """Return how far it is from its arm, empty if that is near enough."""
        if command is None:
            return f"leader {self.name} does not know yet where its arm is"
        excess = self.map.apart(state, self.map.of_all(command)) / self._tolerance
        worst = int(np.argmax(excess))
        if excess[worst] <= 1.0:
            return ""
        far = excess[worst] * self._tolerance[worst]
        return f"leader {self.name}: {self.map.joints[worst]} is {far:.2f} from its arm's"

    def is_squeezed(self, state: JointState, now_ns: int) -> bool:
        """Return whether its gripper has just been squeezed."""
        told = float(self.map.told(state)[-1]) if state.torque == ON else None
        return self._squeeze.look(now_ns, float(self.map.led(state, now_ns)[-1]), told)

    def tell(self, position: Array, now_ns: int, *, free: bool = False) -> None:
        """Let it follow to `position` (J,), or be free."""
        self._seq += 1
        self._commands.send(
            LeaderCommand(self.name, self._seq, now_ns, self.map.joints, position, free)
        )


class Leaders:
    """All leaders of the robot as one device."""

    def __init__(self, config: Config, robot: Robot, bus: Bus) -> None:
        self._config = config
        self._robot = robot
        self._bus = bus
        self._hands: list[Hand] = []
        self._joints: tuple[str, ...] = ()
        self._relative = True
        self._note = ""
        self._now_ns = 0
        self._free_ns = 0  # since when they have been free
        self._apart_ns = 0  # since when they have been apart from their arms

    def open(self) -> None:
        """Get hold of the leaders' streams; raises DeviceError if the robot has no leaders."""
        robot = self._robot
        if not robot.leaders:
            raise DeviceError("no leaders to command by: name them in `leaders` of the config")
        try:
            self._hands = [Hand(name, self._config, robot, self._bus) for name in robot.leaders]
        except ValueError as error:
            raise DeviceError(f"each leader has the name of the arm it leads: {error}") from error
        self._joints = tuple(joint for hand in self._hands for joint in hand.map.joints)

    def read(self, now_ns: int, view: View) -> Reading | None:
        """Return where the leaders are, None if one of them has not said so lately."""
        self._now_ns = now_ns
        self._apart_ns = self._apart_ns or now_ns
        for hand in self._hands:
            hand.look()
        faults = [fault for hand in self._hands if (fault := hand.fault(now_ns))]
        self._note = faults[0] if faults else ""
        if faults:
            return None
        hands = [(hand, hand.state) for hand in self._hands if hand.state is not None]
        if not self._settled(view):
            self._compare(hands, view)
        squeezed = [hand.is_squeezed(state, now_ns) for hand, state in hands]
        events = (Event("toggle"),) if self._config.squeeze and any(squeezed) else ()
        position = np.concatenate([hand.map.led(state, now_ns) for hand, state in hands])
        return Reading(self._joints, position, self._relative, events)

    def mirror(self, view: View) -> None:
        """Free the leaders for the person who engages; else let them follow their arms."""
        target = self._target(view)
        for hand in self._hands:
            state = hand.state
            if view.correcting:
                hand.tell(np.zeros(len(hand.map.joints)), self._now_ns, free=True)
            elif target is not None:
                hand.tell(hand.map.of_all(target), self._now_ns)
            elif state is not None and state.torque != ON:
                hand.tell(hand.map.told(state), self._now_ns)  # hold again, right there

    def note(self) -> str:
        """Return which leader is missing, or apart from its arm."""
        return self._note

    def close(self) -> None:
        """Do nothing: without commands the leaders stay as they are."""

    def _settled(self, view: View) -> bool:
        """Return whether a person has the arms already: from then on leaders are what they are."""
        if not view.correcting:
            self._free_ns = self._now_ns
            return False
        human = view.status is not None and view.status.mode == "human"
        return human or self._now_ns - self._free_ns < _SETTLING_NS

    def _compare(self, hands: list[tuple[Hand, JointState]], view: View) -> None:
        """Look whether all leaders are where their arms are."""
        apart = [why for hand, state in hands if (why := hand.apart(state, view.command))]
        self._relative = bool(apart)
        if not apart:
            self._apart_ns = self._now_ns
        elif self._now_ns - self._apart_ns > ALIGNING_NS:
            self._note = f"{apart[0]}: only its motion will count"

    def _target(self, view: View) -> Array | None:
        """Return where the leaders shall follow to, None where they stay.

        Not to the arms' rest poses: a leader has its own, and the table may be in the way.
        """
        mode = view.status.mode if view.status and self._config.follow else ""
        if mode in ("run", "human"):
            return view.command
        return self._robot.home if mode == "home" else None


def make(config: Config, robot: Robot, bus: Bus) -> Leaders:
    """Return the leaders, not yet open."""
    return Leaders(config, robot, bus)
