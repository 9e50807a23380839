"""The dates of a treatment, what can be wrong with them, and what a message asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

MAX_BUTTONS = 4
"""Readings that are offered at once."""


class Role(StrEnum):
    """What happens on a date."""

    FIRST_DAY = "first_day"
    LAST_DOSE = "last_dose"
    SCAN = "scan"


class Kind(StrEnum):
    """What is wrong with the dates of a message, the most pressing first."""

    IMPOSSIBLE = "impossible"
    TOO_FAR = "too_far"
    WEEKDAY = "weekday"
    AMBIGUOUS = "ambiguous"
    ROLE = "role"
    ORDER = "order"
    MISSING = "missing"


@dataclass(frozen=True)
class Dates:
    """The three dates this feature works with; None where unknown."""

    first_day: date | None = None
    last_dose: date | None = None
    scan: date | None = None

    def items(self) -> Iterator[tuple[Role, date]]:
        """The known dates with their roles, in the order of the treatment."""
        for role in Role:
            day = getattr(self, role)
            if day is not None:
                yield role, day


NOTHING = Dates()


@dataclass(frozen=True)
class Problem:
    """One thing to ask about.

    Attributes:
        kind: what is wrong.
        role: the role concerned, or None when it is unknown.
        said: the date as the patient wrote it, or "".
        day: the date it was read as, when there is one.
        detail: for ``order``: ``passed``, ``ahead``, ``scan_first`` or ``last_dose_first``.
    """

    kind: Kind
    role: Role | None = None
    said: str = ""
    day: date | None = None
    detail: str = ""


@dataclass(frozen=True)
class Request:
    """The dates found in a message.

    Attributes:
        dates: what is settled.
        problems: what has to be asked, the most pressing first; empty when the request can be answered.
        alternatives: the possible readings, for ``ambiguous`` and ``role`` problems and some of ``order``.
        bare: readings of a date that has no role yet, when it is ambiguous as well.
        about: the roles that this message gave a date to.
    """

    dates: Dates = field(default_factory=Dates)
    problems: tuple[Problem, ...] = ()
    alternatives: tuple[Dates, ...] = ()
    bare: tuple[date, ...] = ()
    about: frozenset[Role] = frozenset()

    @property
    def first_day(self) -> date | None:
        """First day of treatment."""
        return self.dates.first_day

    @property
    def last_dose(self) -> date | None:
        """Day of the last dose."""
        return self.dates.last_dose

    @property
    def scan(self) -> date | None:
        """Day of a scan with contrast dye."""
        return self.dates.scan

    @property
    def asks(self) -> Role | None:
        """The role that a bare date in the next message has, for ``read(..., asked=...)``; None when it has none."""
        if not self.problems:
            return Role.LAST_DOSE if self.scan and not self.last_dose else None
        return self.problems[0].role
