"""``make record``: turn a chat into a conversation file, for testers who write no YAML.

Type what a patient types. ``:drop`` forgets the last turn, ``:save`` (or the end of input) writes the file. It holds
what the bot did and said, so read it: it is a test of the bot as it is, right or wrong, until you correct it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.conversations import runner

HERE = Path(__file__).parent
NAME = re.compile(r"[a-z_]+/[A-Za-z0-9_]+")


def turn_of(text: str, replies: list[runner.Reply], exact: bool = True) -> dict[str, Any]:
    """What a turn of a conversation file holds: all that the bot did and, if exact, every word it said."""
    turn: dict[str, Any] = {"say": text, "level": runner.level_of(replies)}
    answers, referrals, buttons = runner.answers_of(replies), runner.referrals_of(replies), runner.buttons_of(replies)
    if answers:
        turn["answers"] = answers
    if referrals:
        turn["referral"] = referrals[0]
    if buttons:
        turn["buttons"] = buttons
    if exact:
        turn["text"] = runner.text_of(replies)
    return turn


def write(turns: list[dict[str, Any]], file: Path) -> None:
    """Write a conversation file; texts of several lines stay readable.

    Raises:
        FileExistsError: when the file is there already.
    """
    file.parent.mkdir(exist_ok=True)
    with file.open("x", encoding="utf-8") as out:
        yaml.dump({"turns": turns}, out, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=118)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


async def chat(talk: runner.Talk, exact: bool) -> list[dict[str, Any]]:
    """Talk in the terminal until ``:save``; gives the turns. A dropped turn is still in the bot's memory."""
    turns: list[dict[str, Any]] = []
    while True:
        try:
            text = (await asyncio.to_thread(input, "you> ")).strip()
        except EOFError:
            return turns
        if text == ":save":
            return turns
        if text == ":drop":
            print(f"     forgotten: {turns.pop()['say'] if turns else 'nothing'}")
            continue
        replies = await talk.say(text)
        turns.append(turn_of(text, replies, exact))
        for reply in replies:
            if reply.get("text"):
                print(f"bot> {reply['text']}")
        if runner.buttons_of(replies):
            print("     " + "  ".join(f"[{title}]" for title in runner.buttons_of(replies)))


def main() -> int:
    """Chat and write the file."""
    parser = argparse.ArgumentParser(prog="make record", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="folder/a_sentence_that_says_what_it_proves")
    parser.add_argument("--live", metavar="URL", help="talk to a running companion instead of the model here")
    parser.add_argument("--loose", action="store_true", help="keep what the bot did, not its exact words")
    options = parser.parse_args()
    file = HERE / f"{options.name.removesuffix('.yml')}.yml"
    if not NAME.fullmatch(options.name.removesuffix(".yml")) or file.exists():
        print(f"Give a new name like happy_path/a_scan_with_dye, not {options.name!r}.", file=sys.stderr)
        return 1
    turns = asyncio.run(chat(_talk(options.live), not options.loose))
    if not turns:
        print("Nothing was said, so nothing is written.", file=sys.stderr)
        return 1
    write(turns, file)
    print(f"\nwritten: {file.relative_to(Path.cwd())}. Read it, then run it: make test-conversations ONLY={file.stem}")
    return 0


def _talk(live: str | None) -> runner.Talk:
    if live:
        return runner.Live(live)
    from bot.runtime import train
    from bot.runtime.agent import load

    return runner.InProcess(load(train.model_path()))


if __name__ == "__main__":
    sys.exit(main())
