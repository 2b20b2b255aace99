"""Buttons that stop the robot, a file each."""
