"""Everything on the bus, on disk: journals of episodes, and the dataset made of them."""
