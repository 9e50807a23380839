"""All Python that runs inside the Rasa server, and the launcher."""
