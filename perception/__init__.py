"""What the station sees: one process a camera, each camera a plugin."""
