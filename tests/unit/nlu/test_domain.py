"""The domain of a model as JSON says what Rasa's own YAML says."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa.engine.recipes.recipe import Recipe
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.graph_components.providers.domain_provider import DomainProvider
from rasa.shared.data import TrainingType

from bot.importer import AnswersImporter, CompanionImporter, load_yaml
from bot.nlu.domain import JsonDomainProvider, with_json_domain


def test_what_was_trained_is_what_is_loaded(tmp_path: Path) -> None:
    storage, resource = LocalModelStorage(tmp_path), Resource("domain_provider")
    importer = AnswersImporter(CompanionImporter("config.yml", "domain.yml", ["data/nlu", "data/stories"]))
    trained = JsonDomainProvider(storage, resource).provide_train(importer)
    loaded = JsonDomainProvider.load({}, storage, resource, None).provide_inference()  # type: ignore[arg-type]
    assert loaded.as_dict() == trained.as_dict()
    assert loaded.fingerprint() == trained.fingerprint()
    assert loaded.action_names_or_texts == trained.action_names_or_texts
    assert loaded.responses == trained.responses
    assert len(loaded.responses) > 300


@pytest.mark.parametrize("schema", ["train_schema", "predict_schema"])
def test_no_graph_keeps_rasas_own_provider(schema: str) -> None:
    config = load_yaml(Path("config.yml"))
    graph = Recipe.recipe_for_name(config["recipe"]).graph_config_for_recipe(
        config, {}, training_type=TrainingType.BOTH, is_finetuning=False
    )
    before = getattr(graph, schema)
    after = with_json_domain(before)
    assert [name for name, node in before.nodes.items() if node.uses is DomainProvider] == ["domain_provider"]
    assert [name for name, node in after.nodes.items() if node.uses is JsonDomainProvider] == ["domain_provider"]
    assert not any(node.uses is DomainProvider for node in after.nodes.values())
    assert after.nodes.keys() == before.nodes.keys()
