"""What the tests of my dates share."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml

from bot.dates import NAMES

TODAY = date(2026, 11, 25)  # a Wednesday
EXAMPLE = "My last dose was on 3 October and my CT with dye is on 2 December"
DOMAIN = yaml.safe_load(Path("domain.yml").read_text(encoding="utf-8"))["responses"]
TEXTS = {name: DOMAIN[name][0]["text"] for name in NAMES}
