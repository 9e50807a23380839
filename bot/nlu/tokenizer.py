"""Tokens of spaCy's English rules; the lemma of a token is its gently repaired, written-out lower-case form.

Capitals, typographic apostrophes and missing ones change nothing: "CAN'T", "can\u2019t" and "cant" are all "can not".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import spacy
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.spelling import Speller
from bot.words import english_words

MIN_USES = 2
"""A training word that English does not know must be used this often, or it may be a typo itself."""
_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc\u00b4`", "'" * 5)
_BARE = {"m": "am", "nt": "not", "re": "are", "ve": "have", "ll": "will", "s": "'s", "d": "'d"}
"""Second halves of short forms whose apostrophe was left out ("im", "dont"), written out."""
_CLOSING = frozenset(".!,;:-")


@lru_cache(maxsize=1)
def _english() -> Any:
    return spacy.blank("en").tokenizer


def cut(text: str) -> list[tuple[int, int, str]]:
    """The words and marks of a text with the characters where they begin and end; short forms are written out."""
    plain = "".join(low if len(low := char.lower()) == 1 else char for char in text).translate(_APOSTROPHES)
    words: list[tuple[int, int, str]] = []
    tokens = [token for token in _english()(plain) if not token.is_space]
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at and not tokens[at - 1].whitespace_ else None
        after = tokens[at + 1].lower_ if at + 1 < len(tokens) and not token.whitespace_ else ""
        word = token.lower_
        if before is not None and before.text[-1].isalpha() and ("'" in word or word in _BARE):
            word = _BARE.get(word, token.norm_)
        elif after in ("n't", "nt"):
            word = {"ai": "is"}.get(word, token.norm_)  # "ca" and "wo" of "can't" and "won't"
        words.append((token.idx, token.idx + len(token), word))
    return words


def sentence(lemmas: Iterable[str]) -> str:
    """The form that everything learns from: lemmas joined by spaces, without the marks at the end that ask nothing."""
    words = list(lemmas)
    while len(words) > 1 and _CLOSING.issuperset(words[-1]):
        words.pop()
    return " ".join(words)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=True)
class CompanionTokenizer(Tokenizer):
    """Tokenise and repair; the vocabulary to repair towards is learnt from the training questions."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Settings of Rasa's base class; none is used here."""
        return {"intent_tokenization_flag": False, "intent_split_symbol": "_"}

    def __init__(
        self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, vocabulary: list[str]
    ) -> None:
        """Build from the vocabulary that words are repaired towards."""
        super().__init__(config)
        self._model_storage, self._resource = model_storage, resource
        self._speller = Speller(vocabulary)

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CompanionTokenizer:
        """Create an untrained tokenizer."""
        return cls(config, model_storage, resource, [])

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CompanionTokenizer:
        """Load the vocabulary of a trained model."""
        with model_storage.read_from(resource) as folder:
            vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        return cls(config, model_storage, resource, vocabulary)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn the vocabulary from the training questions."""
        counts = Counter(
            word
            for example in training_data.training_examples
            if example.get(TEXT)
            for *_, word in cut(example.get(TEXT))
        )
        words = [word for word, uses in counts.items() if uses >= MIN_USES or word in english_words()]
        self._speller = Speller(words)
        with self._model_storage.write_to(self._resource) as folder:
            (folder / "vocabulary.json").write_text(json.dumps(self._speller.vocabulary), encoding="utf-8")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Tokenise the questions alone; Rasa's base class also takes the answers, once for each question."""
        for example in training_data.training_examples:
            if example.get(TEXT):
                example.set(TOKENS_NAMES[TEXT], self.tokenize(example, TEXT))
        return training_data

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Tokens with their offsets in the untouched text."""
        text = message.get(attribute)
        return [Token(text[start:end], start, lemma=self._speller.repair(word)) for start, end, word in cut(text)]
