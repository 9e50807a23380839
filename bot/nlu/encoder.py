"""Adds the sentence vector of a message as its dense feature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.encoder import EncoderMissing, SentenceEncoder, default_path
from bot.nlu.tokenizer import cut, sentence


def repaired_text(message: Message) -> str:
    """The message in the form that everything learns from: see :func:`bot.nlu.tokenizer.sentence`."""
    return sentence(token.lemma for token in message.get(TOKENS_NAMES[TEXT], []))


def repaired_part(piece: str, message: Message) -> str:
    """A piece of a message in the same form as if it were the message, with the lemmas of the message's tokens."""
    tokens = message.get(TOKENS_NAMES[TEXT], [])
    lemmas = {word: token.lemma for (*_, word), token in zip(cut(message.get(TEXT)), tokens, strict=True)}
    return sentence(lemmas.get(word, word) for *_, word in cut(piece))


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoderFeaturizer(GraphComponent):
    """Encode the repaired text of a message into a unit vector.

    ``sha256`` in the configuration names the encoder file, because Rasa's training cache does not read the file: a new
    file with the old name would silently reuse old features.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``sha256``: start of the encoder file's hash, checked when given."""
        return {"sha256": None, "alias": "sentence_encoder"}

    @classmethod
    def required_components(cls) -> list[type]:
        """Tokens come first."""
        return [Tokenizer]

    def __init__(self, config: dict[str, Any], encoder: SentenceEncoder) -> None:
        """Wrap an encoder."""
        self._config, self._encoder = config, encoder

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoderFeaturizer:
        """Load the encoder and check that it is the one the configuration names.

        Raises:
            InvalidConfigException: when the file is missing or has another hash.
        """
        try:
            encoder = SentenceEncoder.load(Path(config.get("path") or default_path()))
        except EncoderMissing as error:
            raise InvalidConfigException(str(error)) from error
        wanted = config.get("sha256")
        if wanted and not encoder.fingerprint.startswith(wanted):
            raise InvalidConfigException(
                f"The sentence encoder has the hash {encoder.fingerprint[:12]}, but config.yml names {wanted}. "
                "Run: make encoder"
            )
        return cls(config, encoder)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Encode every example."""
        examples = [m for m in training_data.training_examples if m.get(TEXT)]
        vectors = self._encoder.encode_all([repaired_text(example) for example in examples])
        for message, vector in zip(examples, vectors, strict=True):
            self._set(message, vector)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Encode incoming messages."""
        for message in messages:
            if message.get(TEXT):
                self._set(message, self._encoder.encode(repaired_text(message)))
        return messages

    def _set(self, message: Message, vector: np.ndarray[Any, Any]) -> None:
        message.add_features(Features(vector[None, :], FEATURE_TYPE_SENTENCE, TEXT, self._config["alias"]))


def sentence_vector(message: Message) -> np.ndarray[Any, Any]:
    """The vector that :class:`SentenceEncoderFeaturizer` added to a message, shape ``(384,)``."""
    _, sentence = message.get_dense_features(TEXT)
    if sentence is None:
        raise InvalidConfigException("The message has no sentence vector: put the encoder before this component.")
    return np.asarray(sentence.features[0], dtype=np.float32)
