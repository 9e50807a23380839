"""Says for every symptom found whether it is happening to the patient now.

Method: trigger words with a scope, as in NegEx (Chapman 2001) and ConText (Harkema 2009), with
own cue families for patients' language (``assertion.yml``) and a fail-safe direction: a denial
counts only where it is attached to the symptom, everything doubtful stays present.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.triage.model import Assertion, Level
from bot.triage.rules import Rules
from bot.triage.symptoms import Hit, Message

_ENDS = frozenset({".", "!", "?", ";", "\n"})
_COMMAS = frozenset({",", "...", "-", ":", "/"})
_NEGATIVE = frozenset({"no", "not", "never", "without", "nothing", "none", "nor", "neither"})
_THIS = frozenset({"this", "these"})
_MINE = frozenset({"my", "mine", "this", "these", "his", "her"})
_DETERMINERS = frozenset({"the", "a"})
_ARTICLES = frozenset({"a", "an", "any"})
_TOPIC = 10
_WAS = frozenset({"was", "were"})
_PLACE = frozenset({"on", "in", "at", "back"})
_HAVE = frozenset({"have", "has", "had"})
_NO_START = frozenset({"or", "of", "to", "from", "with", "like", "my", "our", "his", "her", "if", "when"})
_REACH = 10
_LIST_SEGMENT = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said about one symptom.

    Attributes:
        assertion: the class.
        doubtful: a denial stands near but is not certain; kept as present.
        recent: said of the past, but not of a distant one (rule f may keep a level).
        bystander: said of a stranger who is ill now.
    """

    assertion: Assertion
    doubtful: bool = False
    recent: bool = False
    bystander: bool = False


@dataclass(frozen=True, slots=True)
class _Negation:
    """A negator at ``start``..``end`` and the words it reaches; ``sure`` ends before ``limit``."""

    start: int
    end: int
    limit: int
    doubt_from: int


class Scene:
    """One message cut into sentences and clauses, with its cues; judges symptoms in it."""

    def __init__(self, message: Message, rules: Rules, *, taken_up: bool = False, reporting: bool = False) -> None:
        """How to read ``message``.

        Args:
            message: the words and what the rules found in them.
            rules: the families of words.
            taken_up: what is only asked about or supposed counts as present.
            reporting: the patient is telling symptoms already, so that a bare "chills" is one more.
        """
        self._taken_up = taken_up
        self._reporting = reporting
        self._families = rules.families
        self._words: Sequence[str] = [token.word for token in message.tokens]
        self._cues: dict[str, list[Hit]] = {}
        for hit in message.of("cue"):
            self._cues.setdefault(hit.label.name, []).append(hit)
        self._masks = message.of("mask")
        self._crisis = {row.row for row in rules.rows.values() if row.crisis}
        self._sentence, self._clause = self._cut()
        self._bodies = message.of("row")
        self._pseudo = {i for cue in self._named("pseudo") for i in cue.used}
        self._negations = [self._scope(hit) for hit in self._real_negators()]

    # -- borders ---------------------------------------------------------------------------

    def _family(self, name: str) -> frozenset[str]:
        return self._families.get(name, frozenset())

    def _cut(self) -> tuple[list[int], list[int]]:
        contrast = self._family("contrast")
        subjects = self._family("subject")
        joining = self._family("joining")
        binding = self._family("binding")
        pronouns = self._family("pronoun")
        sentence, clause = 0, 0
        sentences, clauses = [], []
        words = self._words
        for index, word in enumerate(words):
            before = words[index - 1] if index else ""
            after = words[index + 1] if index + 1 < len(words) else ""
            new = (
                word in contrast
                or ((word in joining or word in _COMMAS) and after in subjects)
                or (
                    word in pronouns
                    and index > 0
                    and before not in binding
                    and before not in joining
                    and before not in contrast
                    and before not in _COMMAS
                    and before not in _ENDS
                )
            )
            if new:
                clause += 1
            sentences.append(sentence)
            clauses.append(clause)
            if word in _ENDS:
                sentence += 1
                clause += 1
        return sentences, clauses

    def _same_sentence(self, left: int, right: int) -> bool:
        return self._sentence[left] == self._sentence[right]

    def _same_clause(self, left: int, right: int) -> bool:
        return self._clause[left] == self._clause[right]

    def _named(self, *names: str) -> Iterable[Hit]:
        for name in names:
            yield from self._cues.get(name, ())

    def _in_clause(self, name: str, hit: Hit) -> bool:
        return any(
            self._same_clause(cue.start, hit.start) or self._same_clause(cue.start, hit.end - 1)
            for cue in self._named(name)
        )

    def _owned(self, begin: int, end: int, *, strongly: bool = False) -> bool:
        """Whether words like "my", "I have", "this" stand between ``begin`` and ``end``.

        ``strongly``: a single "my" is not enough.
        """
        return any(
            cue.end > begin
            and begin - 2 <= cue.start < end
            and not self._has_to(cue)
            and not (strongly and cue.end - cue.start == 1)
            and not (
                self._words[cue.start] in _THIS
                and cue.end < len(self._words)
                and self._words[cue.end] in self._family("treatment")
            )
            for cue in self._named("own")
        )

    def _has_to(self, cue: Hit) -> bool:
        """Whether a cue goes on with "to": what somebody has to do is not what they have."""
        return self._words[cue.end - 1] in _HAVE and self._words[cue.end : cue.end + 1] == ["to"]

    # -- denials ---------------------------------------------------------------------------

    def _real_negators(self) -> list[Hit]:
        return [cue for cue in self._named("negator") if not self._pseudo & cue.used]

    def _belongs_elsewhere(self, negation: _Negation, hit: Hit) -> bool:
        """Whether the negator is part of another wording ("not breathing") that does not hold ``hit``."""
        users = [body for body in self._bodies if negation.start in body.used]
        return bool(users) and not any(u.start <= hit.start and hit.end <= u.end for u in users)

    def _scope(self, negator: Hit) -> _Negation:
        """How far a negator reaches: to the end of its list of nouns, never into a new clause."""
        words = self._words
        stops = self._family("scope_end")
        verbs = self._family("new_verb")
        fresh = self._family("fresh_start")
        binding = self._family("binding")
        doubt = len(words) + 1
        listing = False
        index = negator.end
        last = min(len(words), negator.end + 4 * _REACH)
        while index < last:
            word = words[index]
            if word in _ENDS or word in stops or not self._same_clause(index, negator.end - 1):
                break
            if word in ("my", "our") and words[index - 1] not in binding:
                break
            if word in ("or", "nor"):
                listing = True
            elif word in _COMMAS or word in ("and", "&", "+"):
                after = words[index + 1] if index + 1 < len(words) else ""
                named_singly = after in _ARTICLES and words[negator.end : negator.end + 1] == [after]
                if after in _NEGATIVE or (after in fresh and not named_singly):
                    break
                listing = True
                if word != "," or not self._list_goes_on(index + 1):
                    doubt = min(doubt, index)
            elif listing and word in verbs:
                doubt = min(doubt, index)
                break
            elif not listing and index - negator.end > _REACH:
                break
            index += 1
        return _Negation(negator.start, negator.end, index, doubt)

    def _list_goes_on(self, index: int) -> bool:
        """Whether an "or"/"nor" closes the list that goes on at ``index``."""
        since = 0
        for word in self._words[index:]:
            if word in ("or", "nor"):
                return True
            if word in _ENDS or word in self._family("contrast") or since > _LIST_SEGMENT:
                return False
            since = 0 if word == "," else since + 1
        return False

    def _attached(self, negation: _Negation, hit: Hit) -> bool:
        """Whether only words that may stand in a denial lie between negator and symptom."""
        allowed = self._family("attach")
        covered = {i for body in self._bodies for i in range(body.start, body.end)}
        strange = 0
        for index in range(negation.end, hit.start):
            word = self._words[index]
            if word in ("or", "nor", ","):
                strange = 0
            elif word not in allowed and index not in covered:
                strange += 1
                if strange > 1:
                    return False
        return True

    def _denied(self, hit: Hit) -> bool | None:
        """True: plainly denied. None: a denial in doubt. False: not denied."""
        words = self._words
        if any(words[index] in _NEGATIVE for index in hit.used):
            return False
        state: bool | None = False
        for negation in self._negations:
            if negation.start in hit.used or self._belongs_elsewhere(negation, hit):
                continue
            inside = hit.start < negation.start and negation.end <= hit.end <= hit.start + _REACH
            reaches = negation.end <= hit.start < negation.limit
            if not inside and not (reaches and self._attached(negation, hit)):
                continue
            if reaches and negation.doubt_from <= hit.start:
                state = None if state is False else state
                continue
            if self._exception_follows(hit):
                state = None if state is False else state
                continue
            return True
        if any(cue.start >= hit.end for cue in self._named("all_no")):
            return True
        if state is False and any(
            hit.end <= cue.start <= hit.end + 2 and self._stands_alone(cue) for cue in self._named("answer_no")
        ):
            return True
        return state

    def _stands_alone(self, cue: Hit) -> bool:
        """Whether nothing follows in its statement: "fever? no." but not "ill, no fever"."""
        after = self._words[cue.end] if cue.end < len(self._words) else "."
        return after in _ENDS or after in _COMMAS or after in self._family("contrast")

    def _exception_follows(self, hit: Hit) -> bool:
        """A "but it is ..." clause or an "except when ..." that takes the denial back."""
        for cue in self._named("exception"):
            if cue.start >= hit.end and self._same_sentence(cue.start, hit.end - 1):
                own = any(
                    body.start >= cue.end
                    and body.label.row != hit.label.row
                    and self._same_sentence(body.start, cue.start)
                    for body in self._bodies
                )
                if not own:
                    return True
        return False

    # -- time ------------------------------------------------------------------------------

    def _is_past_tense(self, hit: Hit) -> bool:
        clause = self._clause[hit.start]
        past = self._family("past_verb")
        after = self._words[hit.end : hit.end + 2]
        if len(after) > 1 and after[0] in self._family("pronoun") and after[1] in past:  # "the ulcers I had"
            return True
        return any(self._clause[index] == clause and word in past for index, word in enumerate(self._words)) or any(
            word in past for word in self._words[hit.start : hit.end]
        )

    def _present_tense(self, hit: Hit) -> bool:
        """Whether "am", "is", "feel" stands right before the symptom or in it, and no past verb."""
        near = self._words[max(0, hit.start - 2) : hit.end]
        other = self._family("past_verb") | self._family("not_present")
        return any(w in self._family("present_verb") for w in near) and not any(w in other for w in near)

    def _still(self, hit: Hit) -> bool:
        """Still, again, back, worse, since: it goes on. In its clause, or later and not denied."""
        for cue in self._named("still"):
            if self._negated_cue(cue) or self._supposed(cue):
                continue
            if self._words[max(0, cue.start - 1) : cue.end] == ["long", "since"]:
                continue
            if self._same_clause(cue.start, hit.start) or cue.start >= hit.end:
                return True
        return False

    def _negated_cue(self, cue: Hit) -> bool:
        return any(
            self._words[index] in _NEGATIVE
            for index in range(max(0, cue.start - 3), cue.start)
            if self._same_clause(index, cue.start)
        )

    def _resolved(self, hit: Hit) -> bool:
        for cue in self._named("resolved"):
            if cue.used & hit.used or self._negated_cue(cue) or not self._closes(cue):
                continue
            near = hit.end <= cue.start <= hit.end + 7 and self._same_clause(hit.end - 1, cue.start)
            if near and not any(hit.end <= b.start < cue.start for b in self._bodies):
                return True
            if hit.start < cue.start < hit.end:
                return True
        for cue in self._named("resolved_before"):
            if cue.end <= hit.start <= cue.end + 4 and self._same_clause(cue.end - 1, hit.start):
                return not self._negated_cue(cue)
        for cue in self._named("all_well"):
            if cue.start >= hit.end and not cue.used & hit.used and not self._negated_cue(cue):
                between = self._words[hit.end : cue.start]
                direct = len(between) <= 3
                if self._is_past_tense(hit) or direct or self._in_clause("recent", hit):
                    return True
        return False

    def _closes(self, cue: Hit) -> bool:
        """Whether "gone" ends its statement; "gone grey" and "stopped eating" do not."""
        if self._words[cue.end - 1] not in self._family("open_ended"):
            return True
        after, second = (*self._words[cue.end : cue.end + 2], ".", ".")[:2]
        if after in _DETERMINERS:  # "gone the next day", but "gone the colour of lemons"
            return second in self._family("time_noun")
        return after in _ENDS or after in _COMMAS or after in self._family("after_gone")

    def _long_ago(self, hit: Hit) -> bool:
        names = ("long_past", "lifelong")
        for cue in self._named(*names):
            if cue.used <= hit.used or self._present_tense(hit):
                continue
            if self._same_clause(cue.start, hit.start) or self._same_clause(cue.start, hit.end - 1):
                return True
            distance = self._sentence[hit.start] - self._sentence[cue.start]
            near = 0 <= distance <= 1 or self._same_sentence(cue.start, hit.start)
            present = self._in_clause("present", hit) or self._in_clause("recent", hit)
            if near and not present and self._is_past_tense(hit):
                return True
        for cue in self._named("before"):
            after = self._words[cue.end] if cue.end < len(self._words) else "."
            closing = after in _ENDS or after in _COMMAS or after in self._family("contrast")
            if closing and cue.start < hit.end <= cue.end and self._same_sentence(hit.start, cue.end - 1):
                return True
        return False

    # -- questions, conditions, others -------------------------------------------------------

    def _conditional(self, hit: Hit) -> bool:
        mild = hit.label.level < Level.EMERGENCY
        for cue in self._named("condition", *(("condition_mild",) if mild else ())):
            if hit.start < cue.start < hit.end and not cue.used & hit.used:
                return True
            if cue.start < hit.start < cue.end:  # "should my heart ever race"
                return True
            if not (cue.end <= hit.start + 1 and self._same_sentence(cue.start, hit.start)):
                continue
            if cue.used <= hit.used or self._cue_within("aside", cue.end, hit.start):
                continue
            if cue.end - cue.start == 1 and any(other.end in (cue.start, cue.end) for other in self._named("whether")):
                continue
            if self._demonstrative(cue.end, hit.end):
                continue
            if self._same_part(cue.end, hit):
                return True
        return False

    def _same_part(self, begin: int, hit: Hit) -> bool:
        """Whether the symptom still belongs to the if-part that begins at ``begin``."""
        modal = self._family("modal")
        pronouns = self._family("pronoun")
        words = self._words
        subjects = 0
        for index in range(begin, hit.start + 1):
            word = words[index]
            before = words[index - 1]
            starts = (
                (word in pronouns and before not in ("and", "or", "of", "in", "to", "that"))
                or (word in self._family("person") and before not in _NO_START)
                or (word == "my" and (index == begin or before in _COMMAS))
            )
            if starts or (word == "then"):
                subjects += 1
                if subjects > 1 or before in _COMMAS or (subjects == 1 and index > begin + 4):
                    around = words[max(begin, index - 2) : hit.start + 1]
                    return any(part in modal for part in around)
        return True

    def _demonstrative(self, begin: int, end: int) -> bool:
        return any(begin <= cue.start < end for cue in self._named("this_here"))

    def _asked(self, hit: Hit) -> bool:
        first, last = self._borders(hit)
        if self._goes_on(hit, last):
            return False
        for cue in self._named("question", "question_own"):
            mine = cue.label.name == "question_own"
            reaches = cue.end <= hit.start + 1 or (mine and cue.start <= hit.start)
            if not reaches or hit.start < cue.start or not self._same_sentence(cue.start, hit.start):
                continue
            if self._owned(cue.end, hit.end, strongly=mine) or self._new_subject(cue.end, hit):
                continue
            before = self._words[cue.start - 1] if cue.start else "."
            if mine and before not in self._family("interrogative"):
                return True
            if not mine and self._may_open(cue.start) and not self._mine_inside(cue):
                return True
        for cue in self._named("question_around"):
            if not (cue.start <= hit.start < cue.end and self._may_open(cue.start)):
                continue
            if self._words[cue.start + 1] in self._family("no_question") or self._owned(cue.start, cue.end):
                continue
            return True
        begin = min(i for i in range(first, hit.start + 1) if self._same_clause(i, hit.start))
        for cue in self._named("question_after"):
            near = hit.end - 1 <= cue.start <= hit.end + 2 and self._same_sentence(cue.start, hit.start)
            if near and not self._owned(begin, hit.end):
                return True
        if hit.label.kind == "row" and self._only_a_topic(hit, first, last):
            return True
        return self._opens_question(first, hit) and not self._owned(first, last)

    def _only_a_topic(self, hit: Hit, first: int, last: int) -> bool:
        """Whether nobody stands in the sentence and it names the drug, a plan or ends as a question."""
        if (
            self._owned(first, last)
            or self._cue_within("recent", first, last)
            or self._cue_within("still", first, last)
        ):
            return False
        asking = {i for cue in self._named("tag", "tag_any") for i in range(cue.start, cue.end)}
        words = self._words[first:last]
        if any(word in self._family("somebody") and first + i not in asking for i, word in enumerate(words)):
            return False
        if self._cue_within("tag_any", first, last):
            return True
        if hit.label.level >= Level.EMERGENCY:
            return False
        if self._named_only(hit, first, last):
            return True
        if any(
            hit.end - 1 <= cue.start <= hit.end + 1 and self._stands_alone(cue) for cue in self._named("question_end")
        ) or any(cue.start >= hit.end and self._closing(cue.end) for cue in self._named("tag_end")):
            return True
        return self._cue_within("tag", first, last) or (
            last - first <= _TOPIC and self._cue_within("drug", first, last)
        )

    def _named_only(self, hit: Hit, first: int, last: int) -> bool:
        """Whether a symptom is only named: "diarrhoea", "swelling?", "diet for ...", "... diet"."""
        words = [word for word in self._words[first:last] if word not in _ENDS and word not in _COMMAS]
        if any(word in _NEGATIVE or word in self._family("report") for word in words):
            return False
        if self._words[last - 1] == "?" or self._cue_within("topic", first, last):
            return True
        if any(first <= cue.start and cue.end <= hit.start for cue in self._named("topic_lead")):
            return True
        before = [word for word in self._words[first : hit.start] if word not in _ARTICLES and word != "the"]
        if len(before) > 1 and before[-1] in self._family("topic_before"):
            return True
        return not self._reporting and any(
            self._words[: cue.start] in ([], ["the"]) and list(self._words[cue.end :]) in ([], ["."])
            for cue in self._named("name")
        )

    def _closing(self, index: int) -> bool:
        return index >= len(self._words) or self._words[index] in _ENDS

    def _goes_on(self, hit: Hit, last: int) -> bool:
        """Whether the sentence goes on to say that the symptom is there: "... I have had since Monday"."""
        supposed = self._family("supposing")
        return any(
            hit.end <= cue.start < last
            and not self._has_to(cue)
            and not any(word in supposed for word in self._words[max(0, cue.start - 2) : cue.start])
            for cue in self._named("own_after")
        )

    def _may_open(self, index: int) -> bool:
        """Whether "is", "can" ... at ``index`` opens a question: "there is a rash" does not."""
        if self._words[index] not in self._family("aux") or not index:
            return True
        before = self._words[index - 1]
        return (
            before in _ENDS
            or before in _COMMAS
            or before in self._family("joining")
            or before in self._family("contrast")
            or before in self._family("interrogative")
            or before in self._family("before_question")
            or self._clause[index] != self._clause[index - 1]
        )

    def _mine_inside(self, cue: Hit) -> bool:
        words = self._words
        return any(
            words[index] in _MINE
            and not (words[index] in _THIS and (*words, "")[index + 1] in self._family("treatment"))
            for index in range(cue.start + 1, cue.end)
        )

    def _borders(self, hit: Hit) -> tuple[int, int]:
        """First word and one past the last word of the sentence(s) a symptom stands in."""
        first, last = hit.start, hit.end
        while first and self._same_sentence(first - 1, hit.start):
            first -= 1
        while last < len(self._words) and self._same_sentence(last, hit.end - 1):
            last += 1
        return first, last

    def _cue_within(self, name: str, begin: int, end: int) -> bool:
        return any(begin <= cue.start < end for cue in self._named(name))

    def _opens_question(self, first: int, hit: Hit) -> bool:
        """Whether the sentence begins as a question and the symptom belongs to it."""
        words, skipped = self._words, self._family("before_question")
        while first < hit.start and (words[first] in skipped or words[first] in _COMMAS):
            first += 1
        if first >= hit.start or words[first] not in self._family("interrogative"):
            return False
        after = words[first + 1]
        if after in self._family("no_question"):
            return False
        if words[first] in ("is", "are") and after.endswith("ing"):
            return False
        if words[first] in ("where", "who", "why") and after not in self._family("aux"):
            return False
        return not self._new_subject(first, hit) and not self._cue_within("this_here", first, hit.end)

    def _new_subject(self, begin: int, hit: Hit) -> bool:
        """A comma or "and" with a fresh statement between the question and the symptom."""
        return any(
            self._words[index] in self._family("contrast") for index in range(begin, hit.start)
        ) or self._cue_within("aside", begin, hit.start)

    def _feared(self, hit: Hit) -> bool:
        """Afraid of it, while nothing says that it is there."""
        last = self._borders(hit)[1]
        return any(
            (cue.end <= hit.start + 1 or cue.start <= hit.start < cue.end)
            and self._same_clause(cue.end - 1, max(hit.start, cue.end - 1))
            and not self._owned(cue.end, hit.end)
            and not self._goes_on(hit, last)
            for cue in self._named("fear")
        )

    def _reported(self, hit: Hit) -> bool:
        names = ("reported",) if hit.label.kind == "reading" else ("reported", "it_says")
        return any(
            cue.end <= hit.start + 1 and self._same_sentence(cue.start, hit.start) and not self._owned(cue.end, hit.end)
            for cue in self._named(*names)
        ) or any(
            cue.start >= hit.end
            and self._same_clause(cue.start, hit.start)
            and not self._owned(max(0, hit.start - 4), hit.end)
            for cue in self._named("reported_after")
        )

    def _somebody_else(self, hit: Hit) -> Hit | None:
        for cue in self._named("not_a_patient", "stranger"):
            if cue.start >= hit.end or not self._same_sentence(cue.start, hit.start):
                continue
            if hit.start <= cue.start < hit.end:
                continue
            if {"like", "as"} & set(self._words[max(0, cue.start - 3) : cue.start]):
                continue
            if any(cue.end <= own.start < hit.end or own.start in hit.used for own in self._named("myself")):
                continue
            return cue
        first, last = self._borders(hit)
        family = self._family("person") | self._family("first_person")
        if not any(word in family for word in self._words[first:last]):
            for cue in self._named("fiction"):
                likened = {"like", "as"} & set(self._words[max(0, cue.start - 3) : cue.start])
                if self._same_sentence(cue.start, hit.start) and not likened:
                    return cue
        for cue in self._named("for_animals"):
            if hit.end <= cue.start <= hit.end + 4 and self._same_sentence(cue.start, hit.start):
                return cue
        return None

    def _family_history(self, hit: Hit) -> bool:
        """A relative's past illness: "my dad died of a stroke", "... runs in the family"."""
        return any(self._same_sentence(cue.start, hit.start) for cue in self._named("family_history"))

    def only_on_effort(self, hit: Hit) -> bool:
        """Whether the symptom is said to come with effort only."""
        return self._in_clause("only_effort", hit)

    def has(self, cue: str) -> bool:
        """Whether a cue family occurs anywhere in the message."""
        return bool(self._cues.get(cue))

    def _says_something(self, cue: Hit) -> bool:
        """Whether a single word ("same", "exactly") is a statement and not part of one."""
        before = self._words[cue.start - 1] if cue.start else "."
        return cue.end - cue.start > 1 or (self._stands_alone(cue) and (before in _ENDS or before in _COMMAS))

    def takes_up(self) -> bool:
        """Whether the message says that what was spoken of before is there: "that's what I've got"."""
        other = {index for cue in self._named("has_called") for index in cue.used}
        return any(
            not cue.used & other
            and not self._negated_cue(cue)
            and not self._negated_inside(cue)
            and not self._supposed(cue)
            for cue in self._named("have_that")
        )

    def _supposed(self, cue: Hit) -> bool:
        """Whether "if", "when", "should" stands right before: "what helps if they come back"."""
        return any(word in self._family("supposing") for word in self._words[max(0, cue.start - 2) : cue.start])

    def _negated_inside(self, cue: Hit) -> bool:
        """Whether a denial stands in a cue or right behind it: "and I have not", "... have that no more"."""
        return any(word in _NEGATIVE for word in self._words[cue.start : cue.end + 1])

    def is_here(self, cue: Hit, *, ill: bool) -> bool:
        """Whether a cue of place says where the patient is now; ``ill``: something is reported as present."""
        words = self._words
        first = min(i for i in range(len(words)) if self._same_clause(i, cue.start))
        start = first
        while start < cue.start and (words[start] in self._family("before_question") or words[start] in _COMMAS):
            start += 1
        before = set(words[first : cue.start])
        if words[start] in self._family("interrogative") and not (start + 1 < len(words) and words[start + 1] == "not"):
            return False
        if before & self._family("not_here") or words[start] in self._family("not_here"):
            return False
        inner = words[first : cue.end]
        if any(w in _WAS and after in _PLACE for w, after in pairwise(inner)):
            return False
        clause = [words[i] for i in range(len(words)) if self._same_clause(i, cue.start)]
        if clause[-1] == "?" and not before & self._family("pronoun") and not ill:
            return False
        return (
            ill
            or cue.start == start
            or bool({*before, *words[cue.start : cue.end]} & self._family("present_person"))
            or self._in_clause("present", cue)
        )

    def judge(self, hit: Hit, level: Level) -> Verdict:
        """The verdict on one hit; ``level`` is what it would carry if it is happening now."""
        if any(self._masked(hit, mask) for mask in self._masks):
            return Verdict(Assertion.FIGURATIVE)
        other = self._somebody_else(hit)
        if other is not None:
            ill_now = not self._long_ago(hit) and not self._in_clause("past_story", hit)
            stranger = other.label.name == "stranger"
            return Verdict(Assertion.OTHER, bystander=stranger and ill_now)
        if self._family_history(hit):
            return Verdict(Assertion.OTHER)
        taken_up = (
            self._taken_up
            or self._about_oneself(hit)
            or any(
                cue.start >= hit.end and not self._negated_cue(cue) and self._says_something(cue)
                for cue in self._named("have_that")
            )
        )
        if not taken_up:
            if self._conditional(hit) or self._feared(hit):
                return Verdict(Assertion.HYPOTHETICAL)
            if self._asked(hit):
                return Verdict(Assertion.ASKED)
            if self._reported(hit):
                return Verdict(Assertion.HYPOTHETICAL)
        denied = self._denied(hit)
        if denied or (denied is None and level < Level.EMERGENCY):
            return Verdict(Assertion.DENIED)
        still = self._still(hit)
        long_ago = self._long_ago(hit)
        if self._taken_up:
            return Verdict(Assertion.NOW)
        if long_ago and not still:
            return Verdict(Assertion.PAST)
        if self._resolved(hit) and not self._flares(hit):
            distant = long_ago or self._in_clause("days_past", hit)
            return Verdict(Assertion.PAST, recent=not distant)
        return Verdict(Assertion.NOW, doubtful=denied is None)

    def _about_oneself(self, hit: Hit) -> bool:
        """Killing or harming "myself" is never only a question."""
        return hit.label.row in self._crisis and any(self._words[i] in self._family("oneself") for i in hit.used)

    def _flares(self, hit: Hit) -> bool:
        """Back, again, worse after it had gone."""
        return any(
            cue.start >= hit.start and not self._negated_cue(cue) and not self._supposed(cue)
            for cue in self._named("flare")
        )

    def _masked(self, hit: Hit, mask: Hit) -> bool:
        """Whether a figure of speech holds the symptom, at least half of it, or all but "I am"."""
        if mask.start <= hit.start and hit.end <= mask.end:
            return True
        light = self._family("pronoun") | self._family("aux")
        shared = hit.used & mask.used
        return 2 * len(shared) >= len(hit.used) or bool(
            shared and all(self._words[i] in light for i in hit.used - mask.used)
        )
