"""Numbers patients measure or count: temperature, weight, vomiting, urine, pulse, pressure, sugar.

``find_readings`` finds them in a message, ``level_of`` says what one means by itself,
``bare_reading`` reads an answer that is only a number. Ranges, words and limits are data:
``data/clinical/readings.yml``.
"""

from bot.triage.readings.find import bare_reading, find_readings
from bot.triage.readings.levels import level_of, sources_of

__all__ = ["bare_reading", "find_readings", "level_of", "sources_of"]
