"""Arms, one plugin a file."""
