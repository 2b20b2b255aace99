"""Kinematics of joint motion, pure: limits, braking, and smooth ways from pose to pose."""
