"""The fault matrix: real faults, patients who keep a history, and a checker of what must hold afterwards."""

from bot.runtime import without_tensorflow

without_tensorflow.install()
