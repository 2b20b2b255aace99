"""What a takeover does to the commands, and how soon a person's are in effect."""
