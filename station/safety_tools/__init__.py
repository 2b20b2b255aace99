"""What a person does about safety from a shell, one file a tool: `python -m safety`."""
