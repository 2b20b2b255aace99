"""The web page with the stop button, and the bridge to MQTT."""
