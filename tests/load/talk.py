"""What patients say in the load test: the same lines for every bot."""

from __future__ import annotations

import random
from collections.abc import Iterator

QUESTIONS = (
    "How long is one infusion?",
    "can i drink alcohol?",
    "what is contrast dye?",
    "Can I get the flu shot?",
    "what is capillary leak syndrome",
    "do i lose my hair",
    "how many doses are in one cycle",
    "can my husband visit me in the hospital",
    "what should i eat when nothing tastes right",
    "why does my skin itch and peel",
    "can i take ibuprofen",
    "how long do the side effects last",
)
FOLLOW_UPS = ("why?", "say that more simply", "and for how long?")
FLAGS = ("i have chest pain", "I can't breathe properly", "i passed out", "my temperature is 104F")
DECLINES = ("will it cure me", "what is the weather like", "should i stop the treatment")
SMALL_TALK = ("hello", "thank you")


def conversation(rng: random.Random) -> Iterator[tuple[str, str]]:
    """(kind, line): a greeting, questions with follow-ups, a decline now and then, a red flag in every third."""
    yield "small talk", SMALL_TALK[0]
    flag = rng.random() < 1 / 3
    for number, question in enumerate(rng.sample(QUESTIONS, 4)):
        yield "question", question
        if rng.random() < 0.3:
            yield "follow-up", rng.choice(FOLLOW_UPS)
        if number == 1 and flag:
            yield "red flag", rng.choice(FLAGS)
    if rng.random() < 0.3:
        yield "decline", rng.choice(DECLINES)
    yield "small talk", SMALL_TALK[1]
