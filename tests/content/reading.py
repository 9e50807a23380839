"""The reading grade of an answer (Flesch-Kincaid), with the names of medicines counted as one plain word."""

from __future__ import annotations

import re

import textstat

# Names of medicines are what they are: they count as the word "drug".
DRUGS = re.compile(
    r"\b(aldesleukin|proleukin|interleukin-2|interleukin|il-2|acetaminophen|paracetamol|ibuprofen|loperamide|imodium"
    r"|furosemide|lasix|lorazepam|diphenhydramine|dexamethasone|interferon|aspirin)\b",
    re.IGNORECASE,
)


def grade(text: str) -> float:
    """The school grade that a text asks for."""
    plain = text.replace("{team_number}", "your team").replace("{emergency_number}", "911")
    plain = re.sub(r"\{\w+\}", "number", plain)
    plain = re.sub(r"\([^)]*°[CF]\)", "", DRUGS.sub("drug", plain))
    plain = re.sub(r"^- (.*?)[.;,]?$", r"\1.", plain, flags=re.MULTILINE)
    return float(textstat.flesch_kincaid_grade(plain))
