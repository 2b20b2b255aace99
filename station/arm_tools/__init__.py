"""What a person does with the arms outside of a launch, one file a tool: `python -m drivers`."""
