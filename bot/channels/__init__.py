"""The ways in: the website, REST and the messaging platforms, on one shared core."""
