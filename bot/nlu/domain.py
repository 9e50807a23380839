"""Keeps the domain of a model as JSON, which a start reads in milliseconds.

Rasa's own provider writes it as YAML and reads that three times with a pure-Python parser; with the answers of this
bot in it that was half of a start. The form is the one in which Rasa puts the domain into a model's metadata.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.graph_components.providers.domain_provider import DomainProvider
from rasa.shared.core.domain import Domain

FILE = "domain.json"


class JsonDomainProvider(DomainProvider):  # type: ignore[misc]
    """Provides the domain in training and at run time."""

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> JsonDomainProvider:
        """Read the domain of a trained model."""
        with model_storage.read_from(resource) as folder:
            domain = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return cls(model_storage, resource, Domain.from_dict(domain))

    def _persist(self, domain: Domain) -> None:
        with self._model_storage.write_to(self._resource) as folder:
            (folder / FILE).write_text(json.dumps(domain.as_dict()), encoding="utf-8")


def with_json_domain(schema: GraphSchema) -> GraphSchema:
    """The graph with this provider in the place of Rasa's, which the default recipe always puts in."""
    return GraphSchema(
        {
            name: replace(node, uses=JsonDomainProvider) if node.uses is DomainProvider else node
            for name, node in schema.nodes.items()
        }
    )
