"""The ways in: REST and the site, on one shared core."""
