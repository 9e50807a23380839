"""Starting things: Rasa without TensorFlow, the set-up steps and the supervisor."""
