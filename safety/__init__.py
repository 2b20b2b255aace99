"""Permits, watchdogs, the latch and the audit: one process that must say yes 50 times a second."""
