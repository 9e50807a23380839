"""Let Rasa 3.6 be imported where TensorFlow is not installed.

Rasa imports TensorFlow in modules that every start loads, although a pipeline without neural Rasa components
never calls it. :func:`install` adds an import finder that answers for TensorFlow's packages with names that can be
imported, subclassed, used in annotations and as decorators, and that raise :class:`TensorFlowMissing` as soon as
one of them is called. It does nothing when the real TensorFlow is there.

This is the one place where the project bends Rasa; docs/decisions/0002-runtime.md says why and
tests/unit/runtime/test_without_tensorflow.py covers each way in. The second gap filled here is
``packaging.version.LegacyVersion``, which Rasa imports and ``packaging`` 22 removed.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import MutableSequence, Sequence
from typing import Any

PACKAGES = frozenset({"tensorflow", "tensorflow_hub", "tensorflow_text", "tensorflow_addons", "keras"})


class TensorFlowMissing(ImportError):
    """A component that needs TensorFlow was used, and TensorFlow is not installed."""


class _Name(type):
    """The type of every name of the missing packages: each attribute is again such a name."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _name(f"{cls.__qualname__}.{name}")

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "_missing" in vars(cls) and len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType):
            return args[0]  # used as a decorator, e.g. @tf.function
        raise TensorFlowMissing(
            f"This component needs TensorFlow ({cls.__qualname__}); it is not installed. "
            "The companion's own pipeline in config.yml does not need it."
        )


def _name(qualname: str) -> Any:
    return _Name(qualname.rpartition(".")[2], (), {"__qualname__": qualname, "_missing": True})


class _Module(types.ModuleType):
    __path__: MutableSequence[str] = []  # noqa: RUF012 - a module without a folder

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _name(f"{self.__name__}.{name}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] in PACKAGES:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run: the module answers every name by itself."""


def install() -> None:
    """Make Rasa importable without TensorFlow; call this before the first ``import rasa``."""
    if importlib.util.find_spec("tensorflow") is None:
        # Last in line: an installed package of one of these names still wins.
        sys.meta_path.append(_Finder())

    import packaging.version

    if not hasattr(packaging.version, "LegacyVersion"):
        # Only used in an isinstance check of rasa.shared.utils.validation: nothing is one.
        packaging.version.LegacyVersion = type("LegacyVersion", (), {})  # type: ignore[attr-defined]
