"""The small pattern language of the clinical data files, and the engine that finds it in words.

A pattern is one line that a nurse can read::

    <chest> &4 <hurt>       both, in any order, at most 4 words between
    can not ~2 breathe      in this order, at most 2 words between
    (sick|ill) twice        one of several
    swell+                  the word with its endings (swells, swelled, swelling)
    on? the loo             the word before ? may be missing
    <hurt> !! (book|film)   does not count when one of these stands close by

``<name>`` is a word family of the file. Words next to each other in a pattern must stand next to
each other in the text; filler words ("really", "a", "my") may always stand between them.
Source of the idea: token patterns as in spaCy's Matcher. The engine is its own because a message
is compared with thousands of patterns in about a millisecond: it first notes which words and
families occur at all and only then looks at the patterns whose parts are all there.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

Words = tuple[str, ...]
Opener = Callable[[str], Words]
"""Turns one written word into the words the engine compares (``can't`` -> ``can``, ``not``)."""

MAX_ALTERNATIVES = 20_000
_MAX_FILLERS = 3
_NEAR = 5


class PatternError(ValueError):
    """A pattern that cannot be read; the message says what is wrong in one sentence."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled pattern: items, the gap in words before each item, and the veto items."""

    label: int
    source: str
    items: tuple[int, ...]
    gaps: tuple[int, ...]
    vetoes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Where a pattern stands: ``start`` to ``end`` (words), and the words it used."""

    label: int
    source: str
    start: int
    end: int
    used: frozenset[int]


_TOKEN = re.compile(
    r"\s*(?:(?P<gap>[~&]\d+)|(?P<veto>!!)|(?P<open>\()|(?P<close>\))|(?P<bar>\|)|(?P<opt>\?)"
    r"|<(?P<family>[a-z0-9_]+)>|(?P<word>[^\s()|<>?~&!+]+)(?P<plus>\+)?)"
)


def endings(word: str) -> tuple[str, ...]:
    """The word with its regular English endings: ache -> ache, aches, ached, aching."""
    forms = {word}
    if word.endswith("e"):
        forms |= {word + "s", word + "d", word[:-1] + "ing"}
    elif word.endswith("y") and word[-2:-1] not in "aeiou":
        forms |= {word[:-1] + "ies", word[:-1] + "ied", word + "ing"}
    elif word.endswith(("s", "x", "z", "ch", "sh")):
        forms |= {word + "es", word + "ed", word + "ing"}
    else:
        forms |= {word + "s", word + "ed", word + "ing"}
        if re.fullmatch(r"[^aeiou]*[aeiou][bdgklmnprt]", word):
            forms |= {word + word[-1] + "ed", word + word[-1] + "ing"}
    return tuple(sorted(forms))


@dataclass(slots=True)
class _Part:
    """An item under construction: its word sequences, whether it may be missing, gap before."""

    sequences: set[Words]
    optional: bool = False
    gap: int = 0


class Compiler:
    """Reads pattern lines; shares items between them. Feed it, then build an ``Engine``."""

    def __init__(self, families: Mapping[str, Iterable[str]], opener: Opener) -> None:
        """``families``: name -> lines in the pattern language without gaps.

        Raises:
            PatternError: a family that cannot be read, is unknown or contains itself.
        """
        self._lines = {name: list(lines) for name, lines in families.items()}
        self._opener = opener
        self._families: dict[str, frozenset[Words]] = {}
        self._open: list[str] = []
        self.items: dict[frozenset[Words], int] = {}
        self.patterns: list[Pattern] = []
        self.labels: list[object] = []
        self._label_ids: dict[object, int] = {}
        for name in self._lines:
            self.family(name)

    def family(self, name: str) -> frozenset[Words]:
        """All word sequences of a family.

        Raises:
            PatternError: unknown name, or a family that contains itself.
        """
        if name in self._families:
            return self._families[name]
        if name not in self._lines:
            raise PatternError(f"there is no word family <{name}>")
        if name in self._open:
            raise PatternError(f"the word family <{name}> contains itself")
        self._open.append(name)
        found: set[Words] = set()
        for line in self._lines[name]:
            for parts in self._read(line):
                if len(parts) > 1 and any(part.gap for part in parts):
                    raise PatternError(f"the family <{name}> has a gap in {line!r}; use words only")
                found |= self._join(parts, line)
        self._open.pop()
        self._families[name] = frozenset(found)
        return self._families[name]

    def add(self, label: object, line: str) -> None:
        """Compile one pattern line under a label.

        Raises:
            PatternError: the line cannot be read.
        """
        body, _, veto = line.partition("!!")
        number = self._label_ids.setdefault(label, len(self._label_ids))
        if number == len(self.labels):
            self.labels.append(label)
        vetoes: tuple[int, ...] = ()
        if veto.strip():
            vetoes = tuple(self._item(frozenset(part.sequences)) for parts in self._read(veto) for part in parts)
        for parts in self._read(body):
            for kept in self._without_optional(parts):
                self.patterns.append(
                    Pattern(
                        number,
                        line,
                        tuple(self._item(frozenset(part.sequences)) for part in kept),
                        tuple(part.gap for part in kept),
                        vetoes,
                    )
                )

    def _item(self, sequences: frozenset[Words]) -> int:
        return self.items.setdefault(sequences, len(self.items))

    @staticmethod
    def _without_optional(parts: Sequence[_Part]) -> Iterable[list[_Part]]:
        choices = [(True, False) if part.optional else (True,) for part in parts]
        for keep in product(*choices):
            kept = [part for part, yes in zip(parts, keep, strict=True) if yes]
            if kept:
                yield kept

    @staticmethod
    def _join(parts: Sequence[_Part], line: str) -> set[Words]:
        sequences: set[Words] = {()}
        for part in parts:
            options = set(part.sequences) | ({()} if part.optional else set())
            sequences = {left + right for left in sequences for right in options}
            if len(sequences) > MAX_ALTERNATIVES:
                raise PatternError(f"{line!r} stands for more than {MAX_ALTERNATIVES} wordings")
        return {sequence for sequence in sequences if sequence}

    def _read(self, line: str) -> list[list[_Part]]:
        """The line as one or more part lists (an any-order gap gives two)."""
        segments: list[tuple[int, list[_Part]]] = [(0, [])]
        position, gap = 0, 0
        text = line.strip()
        if not text:
            raise PatternError("a pattern is empty")
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None or found.end() == position:
                raise PatternError(f"cannot read {line!r} from {text[position:]!r} on")
            position = found.end()
            current = segments[-1][1]
            if mark := found["gap"]:
                if not current:
                    raise PatternError(f"{line!r} begins with a gap")
                if mark[0] == "&":
                    segments.append((int(mark[1:]), []))
                else:
                    gap = int(mark[1:])
                continue
            if found["opt"]:
                if not current:
                    raise PatternError(f"{line!r} has a ? without a word before it")
                current[-1].optional = True
                continue
            if found["open"]:
                sequences, position = self._group(text, position, line)
                current.append(_Part(sequences, gap=gap))
            elif found["family"]:
                current.append(_Part(set(self.family(found["family"])), gap=gap))
            elif found["word"]:
                forms = endings(found["word"]) if found["plus"] else (found["word"],)
                opened = {self._opener(form) for form in forms}
                if len(opened) == 1:
                    words = next(iter(opened))
                    current.extend(_Part({(word,)}, gap=gap if not index else 0) for index, word in enumerate(words))
                else:
                    current.append(_Part(opened, gap=gap))
            else:
                raise PatternError(f"{line!r} has {found.group().strip()!r} in a wrong place")
            gap = 0
        if gap or not segments[-1][1]:
            raise PatternError(f"{line!r} ends with a gap")
        if len(segments) == 1:
            return [segments[0][1]]
        if len(segments) > 2:
            raise PatternError(f"{line!r} has more than one any-order gap (&)")
        (_, left), (width, right) = segments
        return [self._chain(left, right, width), self._chain(right, left, width)]

    @staticmethod
    def _chain(first: Sequence[_Part], second: Sequence[_Part], width: int) -> list[_Part]:
        head = second[0]
        return [
            *[_Part(part.sequences, part.optional, part.gap) for part in first],
            _Part(head.sequences, head.optional, width),
            *[_Part(part.sequences, part.optional, part.gap) for part in second[1:]],
        ]

    def _group(self, text: str, position: int, line: str) -> tuple[set[Words], int]:
        depth, begin = 1, position
        choices: list[str] = []
        while position < len(text):
            char = text[position]
            if char == "(":
                depth += 1
            elif char == ")":
                depth -= 1
                if not depth:
                    choices.append(text[begin:position])
                    break
            elif char == "|" and depth == 1:
                choices.append(text[begin:position])
                begin = position + 1
            position += 1
        else:
            raise PatternError(f"{line!r} has a ( without a )")
        sequences: set[Words] = set()
        for choice in choices:
            if not choice.strip():
                raise PatternError(f"{line!r} has an empty choice between | signs")
            for parts in self._read(choice):
                if any(part.gap for part in parts):
                    raise PatternError(f"{line!r} has a gap inside ( )")
                sequences |= self._join(parts, line)
        return sequences, position + 1

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every single word that occurs in a pattern."""
        sequences: set[Words] = set().union(*self.items)
        return frozenset().union(*sequences)


@dataclass(frozen=True, slots=True)
class Stream:
    """Words prepared for matching.

    Attributes:
        words: the words in order.
        weight: running count of non-filler words before each position (length + 1).
        walls: running count of walls (sentence ends, contrast words) before each position.
    """

    words: Sequence[str]
    weight: Sequence[int]
    walls: Sequence[int]


@dataclass(slots=True)
class _Node:
    """A word in the tree of all word sequences: what may follow it, and the items that end here."""

    branches: dict[str, _Node] = field(default_factory=dict)
    items: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Engine:
    """Finds all compiled patterns in a stream of words."""

    labels: Sequence[object]
    patterns: Sequence[Pattern]
    fillers: frozenset[str]
    wall_words: frozenset[str]
    _tree: _Node = field(default_factory=_Node)
    _by_item: dict[int, list[Pattern]] = field(default_factory=dict)

    @classmethod
    def build(cls, compiler: Compiler, fillers: frozenset[str], wall_words: frozenset[str]) -> Engine:
        """An engine for everything the compiler has read.

        ``fillers`` may stand between any two words of a pattern; a pattern never reaches across
        one of ``wall_words``.
        """
        engine = cls(tuple(compiler.labels), tuple(compiler.patterns), fillers, wall_words)
        for sequences, item in compiler.items.items():
            for sequence in sequences:
                node = engine._tree
                for word in sequence:
                    following = node.branches.get(word)
                    if following is None:
                        following = node.branches[word] = _Node()
                    node = following
                node.items.append(item)
        uses: dict[int, int] = defaultdict(int)
        for pattern in engine.patterns:
            for item in set(pattern.items):
                uses[item] += 1
        by_item: dict[int, list[Pattern]] = defaultdict(list)
        for pattern in engine.patterns:
            by_item[min(pattern.items, key=lambda item: (uses[item], item))].append(pattern)
        engine._by_item = dict(by_item)
        return engine

    def stream(self, words: Sequence[str]) -> Stream:
        """Prepare words: where fillers and walls stand."""
        weight, walls = [0], [0]
        for word in words:
            weight.append(weight[-1] + (word not in self.fillers))
            walls.append(walls[-1] + (word in self.wall_words))
        return Stream(words, weight, walls)

    def find(self, stream: Stream) -> list[Match]:
        """All matches, for every pattern and start the shortest one; in no promised order."""
        places = self._places(stream)
        out: list[Match] = []
        for item in places:
            for pattern in self._by_item.get(item, ()):
                if all(part in places for part in pattern.items):
                    self._follow(pattern, places, stream, out)
        return out

    def _places(self, stream: Stream) -> dict[int, list[tuple[int, int]]]:
        """Where every item stands: ``item -> [(start, end), ...]`` in reading order."""
        places: dict[int, list[tuple[int, int]]] = {}
        words, count, fillers = stream.words, len(stream.words), self.fillers
        for start, word in enumerate(words):
            first = self._tree.branches.get(word)
            if first is None:
                continue
            ends: set[tuple[int, int]] = set()
            open_nodes = [(first, start + 1, 0)]
            while open_nodes:
                node, position, skipped = open_nodes.pop()
                if not skipped:
                    ends.update((position, item) for item in node.items)
                if position >= count or not node.branches:
                    continue
                following = node.branches.get(words[position])
                if following is not None:
                    open_nodes.append((following, position + 1, 0))
                if skipped < _MAX_FILLERS and words[position] in fillers:
                    open_nodes.append((node, position + 1, skipped + 1))
            for end, item in sorted(ends):
                places.setdefault(item, []).append((start, end))
        return places

    @staticmethod
    def _follow(
        pattern: Pattern,
        places: Mapping[int, list[tuple[int, int]]],
        stream: Stream,
        out: list[Match],
    ) -> None:
        weight, walls = stream.weight, stream.walls
        for start, end in places[pattern.items[0]]:
            used = [(start, end)]
            if not Engine._extend(pattern, 1, used, places, weight, walls):
                continue
            stop = used[-1][1]
            if pattern.vetoes and any(
                begin < stop + _NEAR and finish > start - _NEAR and walls[max(begin, start)] == walls[min(begin, start)]
                for veto in pattern.vetoes
                for begin, finish in places.get(veto, ())
            ):
                continue
            taken = frozenset(index for begin, finish in used for index in range(begin, finish))
            out.append(Match(pattern.label, pattern.source, start, stop, taken))

    @staticmethod
    def _extend(
        pattern: Pattern,
        depth: int,
        used: list[tuple[int, int]],
        places: Mapping[int, list[tuple[int, int]]],
        weight: Sequence[int],
        walls: Sequence[int],
    ) -> bool:
        if depth == len(pattern.items):
            return True
        gap = pattern.gaps[depth]
        end = used[-1][1]
        options = places[pattern.items[depth]]
        for begin, finish in islice(options, bisect_left(options, (end, 0)), None):
            between = weight[begin] - weight[end]
            if between > gap or begin - end > gap + _MAX_FILLERS:
                break
            if walls[begin] != walls[end]:
                break
            used.append((begin, finish))
            if Engine._extend(pattern, depth + 1, used, places, weight, walls):
                return True
            used.pop()
        return False
