"""The bench: the same data through the companion's pipeline, Rasa's stock pipeline and two plain baselines."""

from bot.runtime import without_tensorflow

without_tensorflow.install()
