"""``python -m bot.runtime.chat``: talk to the trained bot in the terminal; for content authors.

``:why`` shows what the pipeline made of the last message, ``:new`` begins another conversation, ``:quit`` ends.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import TYPE_CHECKING

from bot.runtime import train

if TYPE_CHECKING:
    from bot.runtime.agent import Chat


def main() -> int:
    """Chat until the end of input."""
    if not train.model_path().is_file():
        print("There is no trained model yet. Run: make train", file=sys.stderr)
        return 1
    # Rasa takes two seconds to import; a missing model is said at once.
    from bot.runtime.agent import Chat, load

    try:
        asyncio.run(_loop(Chat(load(train.model_path()), uuid.uuid4().hex)))
    except (KeyboardInterrupt, EOFError):
        print()
    return 0


async def _loop(chat: Chat) -> None:
    last = ""
    print("Type a question. :why explains the last reply, :new starts over, :quit ends.")
    while True:
        text = (await asyncio.to_thread(input, "you> ")).strip()
        if text in (":quit", ":q"):
            return
        if text == ":new":
            chat.sender = uuid.uuid4().hex
            continue
        if text == ":why":
            await _explain(chat, last)
            continue
        last = text
        for reply in await chat.say(text):
            _show(reply)


def _show(reply: dict[str, object]) -> None:
    if reply.get("text"):
        print(f"bot> {reply['text']}")
    buttons = reply.get("buttons")
    if isinstance(buttons, list):
        print("     " + "  ".join(f"[{button['title']}]" for button in buttons))
    if reply.get("custom"):
        print(f"     {reply['custom']}")


async def _explain(chat: Chat, text: str) -> None:
    parsed = await chat.parse(text)
    print(f"     intent: {parsed['intent']['name']} ({parsed['intent']['confidence']:.2f})")
    for row in parsed.get("intent_ranking", []):
        print(f"     {row['confidence']:.2f}  {row['name']}")
    for finding in (parsed.get("assessment") or {}).get("findings", []):
        print(f"     {finding['symptom']}: {finding['assertion']}, level {finding['level']} ({finding['detector']})")


if __name__ == "__main__":
    sys.exit(main())
