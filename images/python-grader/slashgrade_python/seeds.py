"""Random numbers: the reference and the student draw the same ones, and a grading can be repeated.

``SLASHGRADE_SEED`` (or ``PL_SEED``) chooses the seed of a grading: a number, or ``variant`` for the variant's own seed
in data.json. Without it a random one is drawn. The seed is printed to the log.
"""

from __future__ import annotations

import importlib.machinery
import os
import random
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

VARIABLES = ("SLASHGRADE_SEED", "PL_SEED")
#: Seeds have 32 bits because numpy.random.seed takes no more.
BITS = 32


class Seeds:
    """The seeds of one grading, all drawn from one.

    The drawing has its own generator: test code cannot disturb it, nor learn the next seed from ``random``.
    """

    def __init__(self, base: int | None = None) -> None:
        #: True if somebody asked for these very seeds, so that setup code is seeded too.
        self.chosen = base is not None
        self.base = random.SystemRandom().getrandbits(BITS) if base is None else base
        self._draw = random.Random(self.base)  # noqa: S311 - to be repeated, not to be secret

    @classmethod
    def from_environment(cls, data: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Seeds:
        """Return the seeds that the environment asks for; ``data`` is data.json. Raises ValueError for no number."""
        asked = next((environ[name] for name in VARIABLES if environ.get(name)), "")
        if not asked:
            return cls()
        if asked == "variant":
            return cls(int(data["variant_seed"]))
        return cls(int(asked))

    def next(self) -> int:
        """Return a fresh seed in [0, 2**32)."""
        return self._draw.getrandbits(BITS)


def sow(seed: int) -> None:
    """Seed ``random``, and NumPy's and Faker's generators now or, if they are not imported yet, when they are."""
    random.seed(seed)
    _Sower.seed = seed
    for name, plant in _PLANTS.items():
        if name in sys.modules:
            plant(sys.modules[name], seed)
        elif not any(isinstance(finder, _Sower) for finder in sys.meta_path):
            finder: Any = _Sower()
            sys.meta_path.insert(0, finder)


def imported(name: str, module: ModuleType) -> None:
    """Seed the generator of a library that came into ``sys.modules`` past all finders, if ``sow`` was called before."""
    if name in _PLANTS and any(isinstance(finder, _Sower) for finder in sys.meta_path):
        _PLANTS[name](module, _Sower.seed)


def _plant_numpy(module: ModuleType, seed: int) -> None:
    module.seed(seed % 2**BITS)


def _plant_faker(module: ModuleType, seed: int) -> None:
    module.Faker.seed(seed)


_PLANTS = {"numpy.random": _plant_numpy, "faker": _plant_faker}


class _Sower:
    """Seeds a library's generator at the end of its import."""

    seed = 0

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in _PLANTS:
            return None
        finders: list[Any] = list(sys.meta_path)
        for finder in finders:
            spec: importlib.machinery.ModuleSpec | None = (
                None if finder is self else finder.find_spec(name, path, target)
            )
            if spec is not None and spec.loader is not None:
                loader: Any = _SeedingLoader(spec.loader)
                spec.loader = loader
                return spec
        return None


class _SeedingLoader:
    """A module's own loader, and the seed after it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _PLANTS[module.__name__](module, _Sower.seed)

    def __getattr__(self, name: str) -> Any:  # get_source, get_filename, resource readers
        return getattr(self._loader, name)
