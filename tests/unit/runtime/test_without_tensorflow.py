"""Rasa runs where TensorFlow is not installed, by each way in; a component that needs it says so in plain words."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.runtime import without_tensorflow

ROOT = Path(__file__).resolve().parents[3]
WAYS_IN = {
    "the command line": "rasa.__main__",
    "training": "rasa.model_training",
    "the server": "rasa.core.agent, rasa.server, rasa.core.run",
    "evaluation": "rasa.core.test, rasa.nlu.test",
}
# Two ways in share an interpreter, because each costs seconds.
INTERPRETERS = (("the command line", "training"), ("the server", "evaluation"))

_DIET_BOT = {
    "config.yml": "recipe: default.v1\nlanguage: en\nassistant_id: tiny\npipeline:\n- name: WhitespaceTokenizer\n"
    "- name: CountVectorsFeaturizer\n- name: DIETClassifier\n  epochs: 1\npolicies:\n- name: RulePolicy\n",
    "domain.yml": 'version: "3.1"\nintents: [greet, leave]\nresponses:\n  utter_greet:\n  - text: Hello\n',
    "data/nlu/all.yml": 'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n    - good morning\n'
    "- intent: leave\n  examples: |\n    - bye\n    - see you\n",
}

Done = subprocess.CompletedProcess[str]


def _start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "RASA_TELEMETRY_ENABLED": "false",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "NO_COLOR": "1",
    }
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """What each way in printed, in interpreters of their own."""
    folder = tmp_path_factory.mktemp("diet")
    for name, text in _DIET_BOT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    started = {}
    for ways in INTERPRETERS:
        imports = "".join(f"import {WAYS_IN[way]}\nprint({f'{way} works'!r})\n" for way in ways)
        install = "from bot.runtime import without_tensorflow\nwithout_tensorflow.install()\n"
        process = _start(["-c", install + imports], folder)
        started |= dict.fromkeys(ways, process)
    started["DIET"] = _start(["-m", "bot.runtime.rasa", "train", "nlu", "--nlu", "data/nlu"], folder)
    outputs = {process.pid: process.communicate()[0] for process in set(started.values())}
    return {
        name: subprocess.CompletedProcess(process.args, process.returncode, outputs[process.pid])
        for name, process in started.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS_IN)
def test_rasa_can_be_imported_by_each_way_in(runs: dict[str, Done], way: str) -> None:
    assert f"{way} works" in runs[way].stdout.splitlines(), runs[way].stdout


@pytest.mark.slow
def test_training_a_bot_with_diet_says_that_tensorflow_is_missing(runs: dict[str, Done]) -> None:
    done = runs["DIET"]
    assert done.returncode != 0
    assert "PackageMissing: This component needs TensorFlow (DIET); it is not installed." in done.stdout


@pytest.fixture
def imports() -> Iterator[None]:
    """Put the import machinery back afterwards."""
    finders, modules = list(sys.meta_path), dict(sys.modules)
    yield
    sys.meta_path[:] = finders
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)


def _finders() -> list[object]:
    return [finder for finder in sys.meta_path if isinstance(finder, without_tensorflow._Finder)]


def _as_if_never_installed() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in without_tensorflow.PACKAGES]:
        del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, without_tensorflow._Finder)]


@pytest.mark.usefixtures("imports")
def test_a_real_tensorflow_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_if_never_installed()
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("__version__ = 'the real one'\n")
    monkeypatch.syspath_prepend(tmp_path)

    without_tensorflow.install()

    import tensorflow

    assert tensorflow.__version__ == "the real one"


@pytest.mark.usefixtures("imports")
def test_installing_twice_adds_one_finder() -> None:
    _as_if_never_installed()
    without_tensorflow.install()
    without_tensorflow.install()
    assert len(_finders()) == 1


@pytest.mark.usefixtures("imports")
def test_only_the_server_does_without_what_asks_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "questionary"]:
        del sys.modules[name]
    (tmp_path / "questionary.py").write_text("REAL = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    without_tensorflow.install()
    assert importlib.import_module("questionary").REAL is True
    del sys.modules["questionary"]
    without_tensorflow.install(serving=True)
    with pytest.raises(without_tensorflow.PackageMissing, match="questionary"):
        importlib.import_module("questionary").select("yes?")


@pytest.mark.usefixtures("imports")
def test_an_installed_package_of_a_covered_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "keras"]:
        del sys.modules[name]
    (tmp_path / "keras.py").write_text("REAL = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    without_tensorflow.install()
    import keras

    assert keras.REAL is True


@pytest.mark.usefixtures("imports")
def test_the_server_does_not_load_what_only_tests_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_if_never_installed()
    (tmp_path / "matplotlib.py").write_text("REAL = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    without_tensorflow.install(serving=True)
    import matplotlib

    with pytest.raises(without_tensorflow.PackageMissing, match=r"needs matplotlib \(matplotlib\.use\)"):
        matplotlib.use("agg")


@pytest.mark.usefixtures("imports")
def test_names_can_be_imported_subclassed_annotated_and_used_as_decorators() -> None:
    without_tensorflow.install()
    import tensorflow as tf
    from tensorflow.keras.layers import Dense

    class Layer(Dense):
        pass

    @tf.function
    def doubled(number: int) -> int:
        return number * 2

    def typed(value: tf.Tensor | None) -> tf.SparseTensor:
        raise NotImplementedError

    assert issubclass(Layer, Dense)
    assert doubled(21) == 42
    assert isinstance(typed, types.FunctionType)


@pytest.mark.usefixtures("imports")
def test_calling_a_name_or_a_subclass_of_one_raises_the_clear_error() -> None:
    without_tensorflow.install()
    import tensorflow as tf

    class Model(tf.keras.Model):
        pass

    sentence = r"^This component needs TensorFlow \({}\); it is not installed\. The companion's own pipeline"
    with pytest.raises(without_tensorflow.PackageMissing, match=sentence.format(r"tensorflow\.constant")):
        tf.constant([1, 2])
    with pytest.raises(without_tensorflow.PackageMissing, match=r"needs TensorFlow \(.*Model\)"):
        Model()


@pytest.mark.usefixtures("imports")
def test_other_missing_packages_stay_missing() -> None:
    without_tensorflow.install()
    assert importlib.util.find_spec("tensorflow_probability_of_nothing") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_package_anywhere")


def test_nothing_is_a_legacy_version_of_packaging() -> None:
    without_tensorflow.install()
    from packaging.version import LegacyVersion, Version

    assert not isinstance(Version("3.6.21"), LegacyVersion)
