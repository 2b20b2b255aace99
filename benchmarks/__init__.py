"""Every figure that the documentation states, each printed by a command."""
