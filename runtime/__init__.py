"""How a process lives: its start, its rate, its sign of life, its plugins, its supervisor."""
