"""What can be wrong with a dataset that is read."""

from __future__ import annotations


class DatasetError(ValueError):
    """A dataset that cannot be read as asked; says what was given, what exists, what to do."""


class VersionError(DatasetError):
    """A dataset of another version; says which, and how to convert it."""
