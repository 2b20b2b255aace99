"""Policies, one plugin a file."""
