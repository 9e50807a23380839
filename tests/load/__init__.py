"""The load test: realistic conversations at several loads, beside a bare Rasa bot in the same run."""

from bot.runtime import without_tensorflow

without_tensorflow.install()
