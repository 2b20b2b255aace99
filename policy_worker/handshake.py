"""Whether a policy was made for this robot; asked before anything moves."""

from __future__ import annotations

from policy_worker.policy import PolicySpec


class MismatchError(ValueError):
    """A policy made for another robot; says what it wants and what there is."""


def check(
    spec: PolicySpec,
    joints: tuple[str, ...],
    cameras: tuple[str, ...],
    instruction: str,
    *,
    twin: bool,
) -> None:
    """Raise unless the policy can do what is asked on this robot.

    Args:
        spec: what the policy was made for.
        joints: the robot's joints, in order.
        cameras: the robot's cameras.
        instruction: what it shall do.
        twin: whether the robot is the twin, whose true state can be had.

    Raises:
        MismatchError: other joints or another order of them, a camera that the robot has not, a
            horizon or time step that makes no sense, an instruction that the policy was not trained
            to follow, or true state wanted of a real robot.
    """
    if spec.joints != joints:
        raise MismatchError(
            f"policy {spec.name!r} was made for the joints {', '.join(spec.joints)}; this robot "
            f"has {', '.join(joints)}: use a policy trained for this robot, in this order of joints"
        )
    missing = [camera for camera in spec.cameras if camera not in cameras]
    if missing:
        raise MismatchError(
            f"policy {spec.name!r} looks through {', '.join(missing)}; this robot has "
            f"{', '.join(cameras) or 'no cameras'}: add the camera to the robot's config"
        )
    if spec.horizon < 2 or spec.dt_ns <= 0:
        raise MismatchError(
            f"policy {spec.name!r} gives {spec.horizon} actions {spec.dt_ns} ns apart: at least 2 "
            "actions with time between them make a plan"
        )
    if spec.instructions and instruction not in spec.instructions:
        raise MismatchError(
            f"policy {spec.name!r} was not trained to {instruction!r}; it can: "
            + "; ".join(spec.instructions)
        )
    if spec.needs_twin_state and not twin:
        raise MismatchError(
            f"policy {spec.name!r} reads the twin's true state, which a real robot does not have"
        )
