"""The care team's page: escalations with what became of them, and questions without an answer to label.

A process of its own with a port of its own (docs/decisions/0009-team-page.md). It knows no Rasa.
"""
