"""Words that nobody else says, to look for in stores and logs."""

from __future__ import annotations

import random
import string

_RANDOM = random.Random(7)


def canary() -> str:
    """A new word, the same ones in the same order on every run.

    Letters alone, because a run of digits in it could be masked as a telephone number before it is stored; and few, so
    that the question beside it is still understood.
    """
    return "canary" + "".join(_RANDOM.choices(string.ascii_lowercase, k=6))
