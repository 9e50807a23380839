"""The mutation check: the companion is broken on purpose, and the tests must see it."""
