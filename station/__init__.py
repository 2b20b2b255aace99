"""The station: what launch starts, conducts, shows and reports on."""
