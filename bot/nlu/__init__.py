"""Thin Rasa graph components: tokens, sentence vector, topic classifier, answer selector, red-flag gate."""
