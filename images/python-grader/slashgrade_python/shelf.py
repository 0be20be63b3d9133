"""Libraries that are loaded ahead of a job and yet seem not to be: the other half of ``warmup.py``.

A program can tell what is imported, and its result may depend on it: by ``sys.modules``, or because ``urllib.parse`` is
there after ``import urllib`` if something else has imported it. So what a warm-up has loaded is put on a shelf: taken
out of ``sys.modules``, and from the packages that have it as an attribute. An import brings it back, together with what
an interpreter without a warm-up would have loaded for it: that was recorded when the image was built (``recorder.py``).
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import json
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from slashgrade_python import seeds


class Shelf:
    """A finder of modules that are loaded and put aside."""

    def __init__(self, closures: Mapping[str, Iterable[str]]) -> None:
        """closures: by module, the names of all modules that are loaded once it is."""
        self._closures = closures
        self._modules: dict[str, ModuleType] = {}
        #: By module, the package that has it as an attribute.
        self._parents: dict[str, ModuleType] = {}
        #: By top-level package, the filters of warnings that its import sets.
        self._filters: dict[str, list[Any]] = {}

    def put(self, names: Iterable[str]) -> None:
        """Take modules off ``sys.modules`` and their packages."""
        modules = {name: sys.modules[name] for name in names}
        parents = {}
        for name, module in modules.items():
            package, _, attribute = name.rpartition(".")
            parent = sys.modules.get(package)
            if parent is not None and vars(parent).get(attribute) is module:
                parents[name] = parent
        for name, parent in parents.items():
            delattr(parent, name.rpartition(".")[2])
        for name in modules:
            del sys.modules[name]
        self._modules |= modules
        self._parents |= parents

    def put_filters(self, package: str, before: list[Any]) -> None:
        """Take the filters of warnings off that were not there ``before`` ``package`` was imported."""
        self._filters[package] = [entry for entry in warnings.filters if entry not in before]
        _set_filters(before)

    def module(self, name: str) -> Any:
        """Return a module on the shelf, without bringing it back."""
        return self._modules[name]

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[None]:
        """Put back at the end of the block what imports in it have brought back, and forget what else they loaded."""
        there, shelved = sys.modules.copy(), self._modules.copy()
        filters, active = self._filters.copy(), list(warnings.filters)
        try:
            yield
        finally:
            self.put(shelved.keys() & sys.modules.keys())
            self._modules, self._filters = shelved, filters
            for name in sys.modules.keys() - there.keys():
                del sys.modules[name]
            if warnings.filters != active:
                _set_filters(active)

    @property
    def names(self) -> frozenset[str]:
        """The names of the modules that are on the shelf now."""
        return frozenset(self._modules)

    @property
    def packages(self) -> list[str]:
        """The top-level names of what is on the shelf."""
        return sorted({name.partition(".")[0] for name in self._modules})

    # ------------------------------------------------------------------ the protocol of sys.meta_path

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module on the shelf, unless the import path leads to another one of that name."""
        module = self._modules.get(name)
        if module is None:
            return None
        own = module.__spec__
        if own is not None and own.has_location:
            found = importlib.machinery.PathFinder.find_spec(name, path)
            if found is None or found.origin != own.origin:
                return None
        loader: Any = self
        spec = importlib.machinery.ModuleSpec(name, loader, origin=own.origin if own else None)
        spec.submodule_search_locations = own.submodule_search_locations if own else None
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Return the module, and bring back what belongs to it."""
        module = self._modules[spec.name]
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Bring everything back that is loaded once ``module`` is."""
        spec: Any = module.__spec__
        module.__spec__ = spec.loader_state
        self._bring(spec.name)

    def _bring(self, name: str) -> None:
        names = [name, *self._closures.get(name, self._modules)]
        brought = [(each, self._modules.pop(each)) for each in names if each in self._modules]
        for each, module in brought:
            sys.modules.setdefault(each, module)
            if each in self._parents:
                setattr(self._parents[each], each.rpartition(".")[2], module)
        for each, module in brought:
            if each in self._filters:
                _set_filters([*self._filters.pop(each), *warnings.filters])
            seeds.imported(each, module)


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    with warnings.catch_warnings():  # which tells the interpreter that the list has changed
        pass


def closures(path: Path) -> dict[str, list[str]]:
    """Return what ``recorder.py`` recorded: by module, the names of the modules that are loaded once it is."""
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return {}
    names = recorded["names"]
    sets = [[names[number] for number in numbers] for numbers in recorded["sets"]]
    return {name: sets[number] for name, number in recorded["closures"].items()}
