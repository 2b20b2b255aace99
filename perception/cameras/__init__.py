"""The camera plugins: a file here is a camera that a configuration can name."""
