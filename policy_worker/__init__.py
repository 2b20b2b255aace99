"""The policy worker: one process that turns observations into action chunks."""
