"""The default run as a new user meets it: on two cores, with the dashboard open in a browser."""
