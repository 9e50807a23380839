"""The invariants I1 to I7, over the patients' history and the stores. Each violation names its invariant.

I1 nothing acknowledged is lost. I2 one message, one turn, one reply, one escalation. I3 order as sent. I4 words in
time. I5 each red flag that was told is recorded, and ``delivered`` only with a receipt. I6 no word of somebody else's.
I7 the health check follows what patients see (the scenarios that take all answers away look at it).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.faults.history import Sent, Stored


@dataclass(frozen=True)
class Limits:
    """Seconds within which a patient must see words."""

    flag: float = 1.0
    other: float = 10.0


def journal(sent: Iterable[Sent], stored: Stored, conversation: Callable[[str], str]) -> Iterator[str]:
    """The channels' journal: I1, I2, I3."""
    said: dict[str, list[str]] = defaultdict(list)
    replies: Counter[tuple[str, str]] = Counter()
    for where, _, entry in sorted(stored.journal, key=lambda row: row[:2]):
        if entry["from"] == "patient":
            said[where].append(entry["id"])
        elif entry.get("reply_to"):
            replies[where, entry["id"]] += 1
    for (_, entry_id), count in replies.items():
        if count > 1:
            yield f"I2 doubled: reply {entry_id} is {count} times in the journal"
    for patient, messages in _by_patient(sent).items():
        where = conversation(patient)
        ids = [one.id for one in messages]
        kept = [event for event in said[where] if event in set(ids)]
        for one in messages:
            if one.acknowledged is None:
                continue
            if one.id not in kept:
                yield f"I1 lost: {one} was acknowledged and is not in the journal"
            elif not any(key[0] == where and key[1].startswith(f"{one.id}.") for key in replies):
                yield f"I1 lost: the reply to {one} is not in the journal"
        for event, count in Counter(kept).items():
            if count > 1:
                yield f"I2 doubled: {event} is {count} times in the journal"
        if list(dict.fromkeys(kept)) != [event for event in ids if event in set(kept)]:
            yield f"I3 order: the journal of {patient} is not in the order of sending"


def tracker(sent: Iterable[Sent], stored: Stored, key: Callable[[Sent], tuple[str, str]]) -> Iterator[str]:
    """Rasa's tracker store: I1, I2, I3. ``key`` gives the sender and what identifies a message there."""
    held: dict[str, list[str]] = defaultdict(list)
    for sender, message_id, text in stored.tracker:
        held[sender] += [message_id] if message_id else [text]
    for messages in _by_patient(sent).values():
        keys = [key(one) for one in messages]
        sender = keys[0][0]
        mine = [known for known in held[sender] if known in {name for _, name in keys}]
        for one, (_, name) in zip(messages, keys, strict=True):
            count = mine.count(name)
            # A reply that says that it failed claims nothing of the conversation's memory.
            if one.acknowledged is not None and not count and not one.excused and one.text:
                yield f"I1 lost: the turn of {one} is not in the tracker store"
            if count > 1:
                yield f"I2 doubled: {one} had {count} turns"
        order = [name for _, name in keys if name in set(mine)]
        if list(dict.fromkeys(mine)) != order:
            yield f"I3 order: the turns of {messages[0].patient} are not in the order of sending"


def seen(sent: Iterable[Sent], limits: Limits) -> Iterator[str]:
    """I4: words in time; a red flag its advice."""
    for one in sent:
        if not one.hurry:
            continue
        limit = limits.flag if one.line.flag else limits.other
        if one.seen is None:
            yield f"I4 silence: {one} got no words ({', '.join(dict.fromkeys(one.errors)) or 'empty reply'})"
        elif one.seen > limit:
            what = "red flag" if one.line.flag else "message"
            yield f"I4 late: {what} {one} got words after {one.seen:.1f} s (limit {limit:g} s)"


def advised(sent: Iterable[Sent], wanted: Callable[[Sent], bool]) -> Iterator[str]:
    """I4 for red flags: the words are the advice, whole."""
    for one in sent:
        if one.line.flag and one.seen is not None and not wanted(one):
            yield f"I4 wrong: the red flag {one} did not get its advice"


def escalations(sent: Iterable[Sent], stored: Stored, key: Callable[[Sent], tuple[str, str]]) -> Iterator[str]:
    """I5 and, for alerts, I2."""
    states = {(where, message): state for where, message, state in stored.outbox}
    for one in sent:
        if one.escalated and key(one) not in states:
            yield f"I5 lost: the red flag {one} was told and is not recorded"
    for (where, moment), count in Counter(stored.alerts).items():
        if count > 1:
            yield f"I2 doubled: the alert of {where} at {moment} arrived {count} times"
    delivered = Counter(where for where, _, state in stored.outbox if state == "delivered")
    receipts = Counter(where for where, _ in stored.alerts)
    for where, count in delivered.items():
        if receipts[where] < count:
            yield f"I5 untrue: {count} alerts of {where} are marked delivered, {receipts[where]} arrived"


def swapped(sent: Iterable[Sent], days: dict[str, str]) -> Iterator[str]:
    """I6, and that context goes on: each reply belongs to its question, each date to its patient."""
    for one in sent:
        if one.acknowledged is None or one.excused:
            continue
        # Of many patients some have the same date.
        foreign = set(days.values()) - {days.get(one.patient, ""), ""}
        others = [day for day in foreign if day in one.everything]
        if others:
            yield f"I6 swapped: {one} was told the date of somebody else"
        elif one.line.day and one.line.day not in one.everything:
            yield f"I6 forgotten: {one} was not told its own date"
        if one.line.answer and one.answers and one.line.answer not in one.answers:
            yield f"I6 swapped: {one} got {one.answers[0]} instead of {one.line.answer}"


def _by_patient(sent: Iterable[Sent]) -> dict[str, list[Sent]]:
    found: dict[str, list[Sent]] = defaultdict(list)
    for one in sent:
        found[one.patient].append(one)
    return {patient: sorted(messages, key=lambda one: one.seq) for patient, messages in found.items()}
