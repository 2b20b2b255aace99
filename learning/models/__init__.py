"""The networks, and the checkpoint file that carries one to the robot."""
