"""Named as the NLG of a companion under test: parts of it raise errors that hold the whole message of the patient.

A message that holds one of :data:`PARTS` makes that part fail.
"""

from __future__ import annotations

from typing import Any

from bot.nlg import CompanionNLG
from bot.nlu.selector import AnswerSelector
from bot.stores.tracker import SqlTrackers

PARTS = ("break-nlu", "break-nlg", "break-store")


def _fail_on(word: str, text: str) -> None:
    if word in text:
        raise RuntimeError(f"broken by {text!r}")


_process, _save = AnswerSelector.process, SqlTrackers.save


def _broken_process(self: AnswerSelector, messages: Any, *args: Any, **kwargs: Any) -> Any:
    for message in messages:
        _fail_on("break-nlu", message.get("text") or "")
    return _process(self, messages, *args, **kwargs)


async def _broken_save(self: SqlTrackers, tracker: Any) -> None:
    _fail_on("break-store", str((tracker.latest_message and tracker.latest_message.text) or ""))
    await _save(self, tracker)


AnswerSelector.process = _broken_process  # type: ignore[method-assign]
SqlTrackers.save = _broken_save  # type: ignore[method-assign]


class BrokenNLG(CompanionNLG):
    async def generate(self, utter_action: str, tracker: Any, output_channel: str, **kwargs: Any) -> Any:
        _fail_on("break-nlg", str(tracker.latest_message.text))
        return await super().generate(utter_action, tracker, output_channel, **kwargs)
