"""Input devices: one file each."""
