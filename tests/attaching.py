"""Where an arm waits to be taken over, and the two ways of doing it."""

from __future__ import annotations

from emulated_arm import EmulatedArm

from drivers.arms.aloha import AlohaArm

START = {"waist": 0.4, "shoulder": -0.9, "elbow": 1.1, "wrist_angle": -0.3, "gripper": 0.4}


def attached(arm: EmulatedArm) -> AlohaArm:
    driver = AlohaArm(arm.profile)
    driver.attach()
    return driver


def attach_and_let_go(arm: EmulatedArm) -> None:
    attached(arm).detach()
