"""Tokens of spaCy's English rules; the lemma of a token is its gently repaired lower-case form."""

from __future__ import annotations

import json
from collections import Counter
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
        self._tokens = spacy.blank("en").tokenizer
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
            token.text.lower()
            for example in training_data.training_examples
            if example.get(TEXT)
            for token in self._tokens(example.get(TEXT))
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
        return [
            Token(token.text, token.idx, lemma=self._speller.repair(token.text))
            for token in self._tokens(message.get(attribute))
            if not token.is_space
        ]
