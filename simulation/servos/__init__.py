"""Emulated Dynamixel servos: what a bus of them answers, byte for byte and fault for fault."""
