"""Let Rasa 3.6 be imported without TensorFlow and other packages that this bot never calls.

Rasa imports TensorFlow, scikit-learn, plotting, cloud storage and the clients of chat platforms in modules that every
start loads, whether the configuration uses them or not. :func:`install` adds an import finder that answers for such a
package with names that can be imported, subclassed, used in annotations and as decorators, and that raise
:class:`PackageMissing` as soon as one of them is called. An installed package is left alone, but for the server: it
hides them all, so that it starts as fast and as small beside the tools for tests as without them.

This is the one place where the project bends Rasa; docs/decisions/0002-runtime.md says why and
tests/unit/runtime/test_without_tensorflow.py covers each way in. The second gap filled here is
``packaging.version.LegacyVersion``, which Rasa imports and ``packaging`` 22 removed.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import MutableSequence, Sequence
from typing import Any

TENSORFLOW = frozenset({"tensorflow", "tensorflow_hub", "tensorflow_text", "tensorflow_addons", "keras"})
PACKAGES = TENSORFLOW | {
    # Rasa's stock channels; the companion has its own.
    "aiogram",
    "fbmessenger",
    "mattermostwrapper",
    "rocketchat_API",
    "slack_sdk",
    "twilio",
    "webexteamssdk",
    # Its stores in MongoDB and DynamoDB, and models in S3.
    "boto3",
    "botocore",
    "pymongo",
    # Its classifiers and extractors on scikit-learn, and the plots of its tests.
    "matplotlib",
    "sklearn",
    "sklearn_crfsuite",
    "skops",
}

AT_A_TERMINAL = frozenset({"prompt_toolkit", "questionary", "spacy.cli"})
"""What asks people at a terminal and what runs spaCy's commands: the server never does, and they cost half a second."""


class PackageMissing(ImportError):
    """A part of Rasa was used that needs a package which is not there."""


class _Name(type):
    """The type of every name of the missing packages: each attribute is again such a name."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _name(f"{cls.__qualname__}.{name}")

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "_missing" in vars(cls) and len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType):
            return args[0]  # used as a decorator, e.g. @tf.function
        package = cls._missing
        raise PackageMissing(
            f"This component needs {'TensorFlow' if package in TENSORFLOW else package} ({cls.__qualname__}); "
            "it is not installed. The companion's own pipeline in config.yml does not need it."
        )


def _name(qualname: str) -> Any:
    return _Name(qualname.rpartition(".")[2], (), {"__qualname__": qualname, "_missing": qualname.partition(".")[0]})


class _Module(types.ModuleType):
    __path__: MutableSequence[str] = []  # noqa: RUF012 - a module without a folder

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _name(f"{self.__name__}.{name}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, hidden: frozenset[str]) -> None:
        self._hidden = hidden

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        parts = fullname.split(".")
        if parts[0] in self._hidden or ".".join(parts[:2]) in self._hidden:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run: the module answers every name by itself."""


def install(serving: bool = False) -> None:
    """Make Rasa importable; call this before the first ``import rasa``.

    Args:
        serving: also hide the packages that are installed.
    """
    if serving:
        sys.meta_path.insert(0, _Finder(PACKAGES | AT_A_TERMINAL))
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        # Last in line: an installed package still wins.
        sys.meta_path.append(_Finder(PACKAGES))

    import packaging.version

    if not hasattr(packaging.version, "LegacyVersion"):
        # Only used in an isinstance check of rasa.shared.utils.validation: nothing is one.
        packaging.version.LegacyVersion = type("LegacyVersion", (), {})  # type: ignore[attr-defined]
