"""The programs of `python -m perception`: try a robot's cameras, measure their latency."""
