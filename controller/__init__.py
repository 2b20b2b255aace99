"""The process that turns overlapping action chunks into one smooth stream of commands."""
