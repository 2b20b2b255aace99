"""One arm of the twin as the shafts of its servos: mounted mirrored, in pairs, behind a crank.

A servo turns its own shaft; the twin knows joints. In between are the mounting (a shaft turns
against its joint where the profile says `reversed`, and a shadow against its master), and the
gripper's crank. Currents are estimated from what the joint bears, at the torque that each model
gives at stall by its e-manual; what an emulated servo may spend bounds only what it reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from drivers.dynamixel.profile import STALL_A, STALL_NM, Profile
from drivers.gripper import crank_rad, finger_per_crank, observed
from simulation.servos.plant import LIMP, Drive, Motion, mountings
from simulation.twin import ARM_JOINTS, Twin

STEP_NS: Final = 8_000_000  # the pace of physics, as each step wakes its process up
SLACK_NS: Final = 2_000_000  # how much later a step may come, for an answer to go out with it

# A position gain of 800 gives full voltage at 0.22 rad: so much does a motor spend on each radian
# by which it disagrees with the other one of its joint.
_STIFFNESS_A_RAD: Final = 20.0


@dataclass(frozen=True, slots=True)
class _Mount:
    """How a motor sits in the arm."""

    row: int  # of the joint among the twin's
    sign: int  # shaft angle = sign * joint angle
    stall_nm: float
    stall_a: float
    together: tuple[int, ...]  # all motors of the joint, the master first


class TwinPlant:
    """The shafts of one arm's servos, moved by the twin."""

    def __init__(self, twin: Twin, arm: int, profile: Profile) -> None:
        """Take over an arm, all of its servos limp.

        Args:
            twin: both arms.
            arm: 0 for the left one, 1 for the right one.
            profile: the arm's motors, named by `ARM_JOINTS`.

        Raises:
            ValueError: the profile's joints are not the twin's.
        """
        if tuple(profile.motors) != ARM_JOINTS:
            raise ValueError(
                f"the twin's arm has the joints {', '.join(ARM_JOINTS)}, the profile has "
                f"{', '.join(profile.motors)}; name its motors so, in this order"
            )
        self._twin = twin
        first = arm * len(ARM_JOINTS)
        self._gripper_row = first + len(ARM_JOINTS) - 1
        self._gripper = profile.gripper
        self._mounts: dict[int, _Mount] = {}
        for servo, mounting in mountings(profile).items():
            motor = profile.motors[mounting.joint]
            row = first + ARM_JOINTS.index(mounting.joint)
            stall = STALL_NM[motor.model], STALL_A[motor.model]
            self._mounts[servo] = _Mount(row, mounting.sign, *stall, motor.ids)
        self._drives = dict.fromkeys(self._mounts, LIMP)
        # By row: where the motors drive the joint to, in rad, how fast that moves, in rad/s, and
        # how many motors drive it.
        self._goals = {mount.row: 0.0 for mount in self._mounts.values()}
        self._rates: dict[int, float] = {}
        self._driving = dict.fromkeys(self._goals, 0)
        for row in self._goals:
            twin.push(row)
        self._t_ns = 0

    def drive(self, servo: int, drive: Drive) -> None:
        """Set what a servo does from the next step of physics on."""
        before, mount = self._drives[servo], self._mounts[servo]
        if drive == before:
            return
        self._drives[servo] = drive
        if drive.kind == before.kind == "position" and len(mount.together) == 1:
            self._goals[mount.row] = mount.sign * drive.goal
            self._hold(mount.row)
        else:
            self._act(mount)

    def motion(self, servo: int, now_ns: int) -> Motion:
        """Return where a shaft is, between two steps of physics as if it went on evenly."""
        mount, drive = self._mounts[servo], self._drives[servo]
        row, sign, joints = mount.row, mount.sign, self._twin.motion
        angle, speed, torque = joints.position[row], joints.velocity[row], joints.load[row]
        if row == self._gripper_row:
            angle, speed, torque = self._crank(angle, speed, torque)
        angle += speed * min(max(now_ns - self._t_ns, 0), STEP_NS + SLACK_NS) * 1e-9
        if drive.kind == "limp":
            return Motion(sign * angle, sign * speed, 0.0)
        current_a = torque * mount.stall_a / (mount.stall_nm * self._driving[row])
        if drive.kind == "position":
            current_a += _STIFFNESS_A_RAD * (sign * drive.goal - self._goals[row])
        current_a = min(max(current_a, -drive.current_a), drive.current_a)
        return Motion(sign * angle, sign * speed, sign * current_a)

    def advance(self, now_ns: int) -> None:
        """Do nothing: physics advances both arms at once, and `stepped` tells."""

    def stepped(self, t_ns: int) -> None:
        """Take note that physics has come one step further, to `t_ns`."""
        for row, rate in self._rates.items():
            self._goals[row] += rate * STEP_NS * 1e-9
            self._hold(row)
        self._t_ns = t_ns

    def _joint(self, row: int) -> tuple[float, float, float]:
        """Return angle, speed and torque of a joint's shafts, but for their mounting."""
        joints = self._twin.motion
        turning = joints.position[row], joints.velocity[row], joints.load[row]
        return self._crank(*turning) if row == self._gripper_row else turning

    def _crank(self, opening: float, speed: float, load: float) -> tuple[float, float, float]:
        """Return the crank's angle, speed and torque for the fingers' opening, speed and load."""
        gripper = self._gripper
        span_m = gripper.open_m - gripper.closed_m
        angle = crank_rad(gripper, gripper.closed_m + opening * span_m)
        lever_m = finger_per_crank(gripper, angle)
        return angle, speed * span_m / lever_m, load * lever_m

    def _act(self, mount: _Mount) -> None:
        """Let a joint's motors do together what each of them was told, the master's kind."""
        row = mount.row
        told = [
            (self._mounts[servo].sign, drive)
            for servo in mount.together
            if (drive := self._drives[servo]).kind != "limp"
        ]
        self._driving[row] = len(told)
        self._rates.pop(row, None)
        kind = told[0][1].kind if told else "limp"
        goals = [sign * drive.goal for sign, drive in told if drive.kind == kind]
        if kind == "position":
            self._goals[row] = sum(goals) / len(goals)
            self._hold(row)
        elif kind == "velocity":
            self._goals[row] = self._joint(row)[0]
            self._rates[row] = sum(goals) / len(goals)
        else:
            self._push(mount, kind, sum(goals))

    def _hold(self, row: int) -> None:
        goal = self._goals[row]
        place = observed(self._gripper, goal) if row == self._gripper_row else goal
        self._twin.drive(row, place)

    def _push(self, mount: _Mount, kind: str, goal: float) -> None:
        """Let a joint's motors give a torque: by a current, or as far as voltage goes at stall."""
        torque_nm = mount.stall_nm * (goal if kind == "pwm" else goal / mount.stall_a)
        if mount.row == self._gripper_row:
            torque_nm /= finger_per_crank(self._gripper, self._joint(mount.row)[0])
        self._twin.push(mount.row, torque_nm)
