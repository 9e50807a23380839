"""Red-flag triage: pure Python on spaCy tokens, no Rasa, no network, deterministic.

Source: the red-flag table and rules in ``data/clinical/red_flags.yml``.
"""

from bot.triage.assess import assess
from bot.triage.model import Assertion, Assessment, Context, Finding, Level, Reading

__all__ = ["Assertion", "Assessment", "Context", "Finding", "Level", "Reading", "assess"]
