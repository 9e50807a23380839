"""My dates: reads the dates in a patient's message, counts the days, and makes a calendar file.

A date that can be read in two ways, does not exist or does not fit becomes a question; nothing is guessed. The package
holds no patient wording: texts are responses of ``domain.yml`` whose names begin with ``utter_dates_``, handed in as a
mapping. It is pure: no clock, no Rasa, no state. All days are calendar days without a time zone; the caller passes
``today`` as it is where the patient is.

Figures: kca (6-7 days in hospital, a week at home, scan 4-8 weeks after), goodrx and aldesleukin_iv (5 days on, 9 off).

The grammar of dates is written here and not left to dateparser or ``dateutil.parser``. Both choose where this package
has to ask: dateparser 1.5 reads "10/13" as 10 November 2013, "I may" as a day in May and "Monday the 5th" as a
Thursday; dateutil 2.9 reads "2026-10-03" with the day first as 10 March; both hide whether a date was impossible or
merely not found. Months, years and weekdays are counted by dateutil.
"""

from bot.dates.calendar_file import ics
from bot.dates.model import Dates, Kind, Problem, Request, Role
from bot.dates.plan import Entry, Place, Windows, calendar, entries, scan_after, scan_windows
from bot.dates.reader import read
from bot.dates.replies import NAMES, compose, write
from bot.dates.routing import answers_dates, replies_with_date

__all__ = [
    "NAMES",
    "Dates",
    "Entry",
    "Kind",
    "Place",
    "Problem",
    "Request",
    "Role",
    "Windows",
    "answers_dates",
    "calendar",
    "compose",
    "entries",
    "ics",
    "read",
    "replies_with_date",
    "scan_after",
    "scan_windows",
    "write",
]
