"""How soon and how surely the robot stops, whoever or whatever stops it."""
