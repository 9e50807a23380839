"""``python -m bot.runtime.check_credentials``: which messaging channels are set up, and what is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from bot.runtime import without_tensorflow

without_tensorflow.install()

from bot.channels.messenger import MessengerInput  # noqa: E402
from bot.channels.platform import PUBLIC_URL, Platform  # noqa: E402
from bot.channels.slack import SlackInput  # noqa: E402
from bot.channels.telegram import TelegramInput  # noqa: E402
from bot.channels.twilio import TwilioInput  # noqa: E402

CHANNELS: tuple[type[Platform], ...] = (TwilioInput, TelegramInput, SlackInput, MessengerInput)


def report() -> Iterator[tuple[str, bool]]:
    """A line for each channel, and whether it is as it should be. No secret is shown and nothing is called."""
    public = os.environ.get(PUBLIC_URL, "https://YOUR-ADDRESS").rstrip("/")
    if not public.startswith("https://"):
        yield f"{PUBLIC_URL} is {public!r}: platforms only call addresses that begin with https://.", False
    for channel in CHANNELS:
        name, missing = channel.name(), channel.missing()
        if channel.is_off():
            yield f"{name}: off. To turn it on, set {', '.join(missing)}.", True
        elif missing:
            yield f"{name}: NOT READY, {', '.join(missing)} is not set.", False
        else:
            yield f"{name}: ready. Its webhook is {public}/webhooks/{name}/webhook", True


def main() -> int:
    """Print the report; 1 when a channel is only half set up."""
    lines = list(report())
    for line, _ in lines:
        print(line)
    return 0 if all(good for _, good in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
