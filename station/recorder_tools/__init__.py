"""The tools for recorded datasets: `python -m recorder`."""
