"""The sentence encoder: text to a unit vector of 384 numbers, on onnxruntime."""

from bot.encoder.encoder import DIMENSIONS, EncoderMissing, SentenceEncoder, default_path

__all__ = ["DIMENSIONS", "EncoderMissing", "SentenceEncoder", "default_path"]
