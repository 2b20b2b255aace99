"""How smoothly, faithfully and promptly overlapping action chunks become commands."""
