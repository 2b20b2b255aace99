"""A person's hand on the robot: input devices, and their wish to command."""
