"""What recording costs and loses, measured with the real recorder on a real bus."""
