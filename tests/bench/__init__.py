"""The bench: the same data through the companion's pipeline, Rasa's stock pipeline and two plain baselines."""
