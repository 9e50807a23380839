"""What the patient reads: responses with the clinic's details, the sources, where leaflets differ, and reply metadata.

Named in ``endpoints.yml``. Every text is a response of ``domain.yml`` or of ``data/nlu``; this module only puts them
together.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import date
from typing import Any

from rasa.core.nlg.generator import NaturalLanguageGenerator, ResponseVariationFilter
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot import clinic as clinics
from bot import conversation, dates, deletion
from bot.content import FAQ, UTTER, Answer, Catalogue, leaflets
from bot.conversation import CONTACT_PREFIX, Conversation
from bot.nlu.language import languages
from bot.nlu.selector import TWO_REPLIES

logger = logging.getLogger(__name__)

Message = dict[str, Any]

SAFE_REPLY = "utter_technical"
SETTINGS = ("home", "hospital")
FOLLOWUP = f"{UTTER}followup/"
NOTED_SILENTLY = (f"{UTTER}called_team",)
"""Responses that no reminder to call follows."""
WEB = "web"
"""The channel whose page shows sources, differences and phone lines as parts of their own, beside the text."""


class CompanionNLG(NaturalLanguageGenerator):
    """Compose the reply to one utter action; never None, never an exception."""

    def __init__(self, endpoint_config: EndpointConfig | None = None, domain: Domain | None = None) -> None:
        """Read the clinic's file and index the domain's responses."""
        self._clinic = clinics.load()
        self._index((domain or Domain.empty()).responses)

    def _index(self, responses: dict[str, list[dict[str, Any]]]) -> None:
        self._responses = responses
        self._catalogue = Catalogue.from_responses(responses)
        self._filter = ResponseVariationFilter(responses)

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> Message | None:
        """The message for an utter action; a failure gives the safe reply with the team's number.

        Rasa utters nothing for an unknown response (https://github.com/RasaHQ/rasa-sdk/issues/454); a patient must not
        be left with silence.
        """
        domain_responses = kwargs.get("domain_responses")
        if domain_responses and domain_responses is not self._responses:
            self._index(domain_responses)
        turn = _Turn(self, tracker, output_channel)
        try:
            message = turn.compose(utter_action)
        except Exception as error:  # whatever went wrong, the patient gets an answer
            logger.error("The response %s could not be composed: %s.", utter_action, type(error).__name__)
            message = None
        return message or turn.safe()


class _Turn:
    """One reply being composed."""

    def __init__(self, nlg: CompanionNLG, tracker: DialogueStateTracker, channel: str) -> None:
        self._nlg, self._tracker, self._channel = nlg, tracker, channel
        self.talk: Conversation = conversation.read(tracker)
        latest = tracker.latest_message
        self._parsed: dict[str, Any] = dict(latest.parse_data) if isinstance(latest, UserUttered) else {}
        self._assessment: dict[str, Any] = self._parsed.get("assessment") or {}
        self.country = self.talk.country or nlg._clinic.country
        self.setting = self.talk.setting
        self._values = clinics.details(nlg._clinic, self.country)

    def compose(self, action: str) -> Message | None:
        if action == "utter_second_answer":
            action = self._parsed["response_selector"]["second"]["response"]["utter_action"]
        if action.startswith(CONTACT_PREFIX):
            return self._contact(action)
        if action.startswith(FOLLOWUP):
            message = self._follow_up(action)
        elif action.startswith(f"{UTTER}{FAQ}/"):
            message = self._answer(self._nlg._catalogue.answers[action.removeprefix(UTTER)])
        elif action in (f"{UTTER}offer_choices", f"{UTTER}not_understood"):
            message = self._offer(action)
        elif action == f"{UTTER}my_dates":
            message = self._my_dates(action)
        elif action == f"{UTTER}other_language":
            message = self._other_language(action)
        else:
            message = self.plain(action)
        if message is not None and action not in NOTED_SILENTLY:
            self._remind(message)
        return message

    def safe(self) -> Message | None:
        """The safe reply, with the contact line of an open escalation."""
        message = self.plain(SAFE_REPLY)
        if message is not None:
            self._remind(message)
        return message

    def text(self, response: str) -> str:
        """The filled text of a response, or "" when there is none."""
        variant = self._variant(response)
        return self._say(str(variant.get("text", ""))) if variant else ""

    def plain(self, action: str) -> Message | None:
        """A response as it stands, with the metadata it declares."""
        variant = self._variant(action)
        if variant is None:
            return None
        meta = variant.get("metadata") or {}
        message: Message = {"text": self._say(str(variant.get("text", "")))}
        if meta.get("referral"):
            message["custom"] = {"referral": {"reason": meta["referral"]}}
        if meta.get(deletion.KEY):
            message["custom"] = {deletion.KEY: meta[deletion.KEY]}
        if meta.get("awaits"):
            message["asks"] = meta["awaits"]
        asks = meta.get("asks")
        if asks and not (self.talk.setting if asks == "setting" else self.country):
            self._ask(message, asks)
        if variant.get("buttons"):
            message["buttons"] = _buttons(b["title"] for b in variant["buttons"])
        return message

    def _variant(self, response: str) -> dict[str, Any] | None:
        if response not in self._nlg._responses:
            return None
        slots = self._tracker.current_slot_values()
        found = self._nlg._filter.responses_for_utter_action(response, self._channel, slots)
        return found[0] if found else None

    def _say(self, text: str) -> str:
        return clinics.spell(clinics.fill(text.strip(), self._values), self.country)

    # -- answers ----------------------------------------------------------------------------------------------------

    def _answer(self, answer: Answer, text: str | None = None) -> Message:
        paragraphs = [text or answer.text]
        if text is None:
            paragraphs += self._by_setting(answer)
        meta: dict[str, Any] = {
            "id": answer.id,
            "topic": answer.topic,
            "sources": list(answer.sources),
            "leaflets_differ": answer.leaflets_differ,
        }
        if self._channel == WEB:
            meta["sources_text"] = [asdict(leaflets()[source]) for source in answer.sources]
            meta["differ"] = self._say(self._differ(answer)) or None
        else:
            paragraphs += [*filter(None, [self._differ(answer)]), self._sources(answer)]
        message: Message = {"text": "\n\n".join(map(self._say, paragraphs)), "custom": {"answer": meta}}
        if self._parsed.get("intent", {}).get("name") in TWO_REPLIES and not self._this_turn():
            return message  # the next topics stand under the second reply
        following = [a for n in answer.next if (a := self._nlg._catalogue.get(n)) and a.id not in self.talk.given]
        if following:
            message["buttons"] = _buttons(self._say(a.title) for a in following[:3])
        if answer.home and answer.hospital and not self.setting and text is None:
            self._ask(message, "setting")
        elif answer.asks == "country" and not self.country:
            self._ask(message, "country")
        return message

    def _by_setting(self, answer: Answer) -> list[str]:
        named = [("home", answer.home), ("hospital", answer.hospital)]
        if self.setting:
            return [text for setting, text in named if text and setting == self.setting]
        return [f"{self.text(f'utter_label_{setting}')} {text}" for setting, text in named if text]

    def _differ(self, answer: Answer) -> str:
        """Who says what, where leaflets differ; else ""."""
        if not answer.differ:
            return ""
        names = leaflets()
        said = [f"{names[row.leaflet].citation}: {row.says.rstrip('.')}." for row in answer.differ]
        return " ".join([self.text("utter_leaflets_differ"), *said])

    def _sources(self, answer: Answer) -> str:
        cited = "; ".join(leaflets()[source].citation for source in answer.sources)
        return f"{self.text('utter_label_sources')} {cited}."

    def _follow_up(self, action: str) -> Message | None:
        last = self._nlg._catalogue.get(self.talk.last_answers[-1]) if self.talk.last_answers else None
        kind = action.removeprefix(FOLLOWUP)
        if last is None:
            return self.plain(action)
        if kind == "repeat":
            return self._answer(last)
        if kind == "simpler" and last.simple:
            return self._answer(last, last.simple)
        if kind == "why":
            return self._answer(last, last.why or self.text("utter_no_reason"))
        if kind == "sources":
            return self._answer(last, self.text("utter_about_sources"))
        if kind == "how_sure":
            agree = "utter_leaflets_disagree" if last.differ else "utter_leaflets_agree"
            return self._answer(last, f"{self.text(agree)} {self.text('utter_not_reviewed')}")
        if kind in ("at_home", "in_hospital"):
            here = last.home if kind == "at_home" else last.hospital
            return self._answer(last, here or None)
        return self.plain(action)

    def _offer(self, action: str) -> Message | None:
        message = self.plain(action)
        offers = (self._parsed.get("choice") or {}).get("offers") or []
        titles = [a.title for offer in offers if (a := self._nlg._catalogue.get(offer))]
        if message is not None and titles:
            message["buttons"] = _buttons(map(self._say, titles))
        return message

    def _other_language(self, action: str) -> Message | None:
        message = self.plain(action)
        spoken = languages().get((self._parsed.get("choice") or {}).get("detail", ""))
        if message is not None and spoken:
            number = self._nlg._clinic.team_number or spoken.no_number or self._values["team_number"]
            values = {**self._values, "team_number": number}
            message["text"] = f"{clinics.fill(spoken.sentence, values)}\n\n{message['text']}"
        return message

    def _my_dates(self, action: str) -> Message | None:
        """A plain calendar or the scan windows, or the question that is needed first."""
        text = str(self._parsed.get("text") or "")
        request = dates.read(text, date.today(), self.country, self.talk.date_asked, self.talk.dates)
        texts = {name: str(v[0].get("text", "")) for name, v in self._nlg._responses.items()}
        said, titles = dates.compose(request, texts, self.country)
        if not said:
            return self.plain(action)
        known = {role.value: day.isoformat() for role, day in request.dates.items()}
        message: Message = {"text": self._say(said), "dates": known, "asks": "dates" if request.problems else None}
        if request.asks:
            message["date_asked"] = request.asks.value
        if titles:
            message["buttons"] = _buttons(titles)
        if known and not request.problems:
            message["custom"] = {"dates": known}
        return message

    # -- safety -----------------------------------------------------------------------------------------------------

    def _contact(self, action: str) -> Message | None:
        message = self.plain(action)
        if message is None:
            return None
        level = self._assessment.get("level", "none")
        symptoms = [f["symptom"] for f in self._assessment.get("findings", ()) if f["level"] != "none"]
        paragraphs = [message["text"]]
        paragraphs += [extra for symptom in dict.fromkeys(symptoms) if (extra := self.text(f"utter_also_{symptom}"))]
        if self._parsed.get("asked_for") == "will_not_call":
            paragraphs.append(self.text("utter_will_not_call"))
        paragraphs += self._graver(action.removeprefix(CONTACT_PREFIX))
        told = self._nlg._clinic.somebody_is_told
        paragraphs.append(self.text("utter_somebody_is_told" if told else "utter_nobody_reads"))
        message["text"] = "\n\n".join(paragraphs)
        if level != "none":
            message["custom"] = {
                "escalation": {
                    "level": level,
                    "symptoms": list(dict.fromkeys(symptoms)),
                    "setting": self.setting or "home",
                }
            }
            if self._channel == WEB:
                crisis = action == f"{CONTACT_PREFIX}crisis"
                lines = clinics.lines_to_call(self._nlg._clinic, level, self.country, self.setting, crisis)
                message["custom"]["escalation"]["numbers"] = lines
        ask = self._assessment.get("ask")
        if ask and f"utter_ask_{ask}" in self._nlg._responses:
            self._ask(message, ask)
        elif not self.setting and not action.endswith("bystander"):
            self._ask(message, "setting")
        return message

    def _graver(self, name: str) -> list[str]:
        """The reminder of an open escalation that is graver than the one being said."""
        open_level = self.talk.contact_level
        if conversation.grave(open_level) <= conversation.grave(name):
            return []
        return [self.text(f"utter_reminder_{open_level}")]

    def _remind(self, message: Message) -> None:
        """Keep the contact line with every reply until the patient has called."""
        said = self._this_turn()
        two = self._parsed.get("intent", {}).get("name") in TWO_REPLIES
        if any(action.startswith(CONTACT_PREFIX) for action in said) or (two and not said):
            return  # said in this turn already, or with the second reply
        lines = []
        if self.talk.contact_level:
            lines.append(self.text(f"utter_reminder_{self.talk.contact_level}"))
        if self.talk.crisis_open and self.talk.contact_level != "crisis":
            lines.append(self.text("utter_reminder_crisis"))
        message["text"] = "\n\n".join([message["text"], *filter(None, lines)])

    def _this_turn(self) -> list[str]:
        actions: list[str] = []
        for event in reversed(self._tracker.events):
            if isinstance(event, UserUttered):
                break
            if isinstance(event, BotUttered):
                actions.append(str(event.metadata.get("utter_action", "")))
        return actions

    def _ask(self, message: Message, what: str) -> None:
        """Add a question with its buttons, unless it was asked before in this conversation."""
        variant = self._variant(f"{UTTER}ask_{what}")
        if variant is None or what in self.talk.asked_before:
            return
        message["text"] = f"{message['text']}\n\n{self._say(variant['text'])}"
        message["buttons"] = _buttons(b["title"] for b in variant.get("buttons", ()))
        message["asks"] = what


def _buttons(titles: Any) -> list[dict[str, str]]:
    """Buttons whose payload is what a patient would type: typed text and a pressed button are the same."""
    return [{"title": title, "payload": title} for title in titles]
