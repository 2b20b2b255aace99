"""The arms' drivers: one process an arm, with the last check before the servos."""
