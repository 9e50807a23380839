"""``python -m tests.conversations.record_transcript``: write the transcript's texts anew, to be read by a person."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import yaml

from bot.runtime import train
from bot.runtime.agent import Chat, load
from tests.conversations.runner import text_of

HERE = Path(__file__).parent


async def record() -> dict[str, str]:
    """The text of the replies to each sentence, in a conversation of its own."""
    agent = load(train.model_path())
    turns = yaml.safe_load((HERE / "transcript.yml").read_text(encoding="utf-8"))["turns"]
    return {turn["say"]: text_of(await Chat(agent, uuid.uuid4().hex).say(turn["say"])) for turn in turns}


def main() -> None:
    """Write ``transcript_texts.yml``."""
    texts = asyncio.run(record())
    (HERE / "transcript_texts.yml").write_text(
        yaml.safe_dump(texts, allow_unicode=True, sort_keys=False, width=118), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
