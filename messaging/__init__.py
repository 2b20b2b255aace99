"""What is said: message types, the topic table, the msgpack codec and the ZeroMQ transport."""
