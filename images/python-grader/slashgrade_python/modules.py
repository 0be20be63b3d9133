"""Modules on the tester's side: tests' own are imported here, the student's stay in the student's process.

The tester's import path has no directory that student code can write to. Modules of ``tests/`` lie beside the
submitted files, so they are found by name. A test that imports a submitted module gets a stand-in for it.
"""

from __future__ import annotations

import ast
import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from slashgrade_python.feedback import Feedback
from slashgrade_python.remote import RemoteStudent


class _SourceLoader(importlib.machinery.SourceFileLoader):
    """Compiles a module each time: beside it lies a ``__pycache__`` that student code can write to."""

    def path_stats(self, path: Any) -> Any:
        """Refuse: without it no byte code is looked for."""
        raise OSError("byte code is not used")


class TestsFinder:
    """Finds the top-level modules and packages of ``tests/`` where programs run."""

    __test__ = False

    def __init__(self, folder: str, names: frozenset[str]) -> None:
        """names: of files and directories in ``folder`` that come from the tests."""
        self._names = names
        self._finder = importlib.machinery.FileFinder(folder, (_SourceLoader, [".py"]))

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module that this finder knows."""
        if path is None and (f"{name}.py" in self._names or name in self._names):
            return self._finder.find_spec(name)
        return None


class SubmittedFinder:
    """Finds submitted modules, after everything else: they can shadow nothing here."""

    def __init__(self, student: RemoteStudent, names: frozenset[str]) -> None:
        self._student = student
        self._names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module that this finder knows."""
        if path is None and (f"{name}.py" in self._names or name in self._names):
            loader: Any = self
            return importlib.machinery.ModuleSpec(name, loader)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Let an empty module be made, which is replaced at once."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Put a stand-in for the student's module in the place of ``module``."""
        sys.modules[module.__name__] = self._student.module(module.__name__)


# ---------------------------------------------------------------------- changes to libraries


def changes(source: str, namespace: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the attributes of modules that ``source`` assigns, as (module, path): ``numpy.linalg.inv = …``.

    namespace: the globals after ``source`` was executed.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            found = _attribute(target, namespace)
            if found is not None:
                yield found


def _attribute(target: ast.expr, namespace: dict[str, Any]) -> tuple[str, str] | None:
    """Return (module, path) of an assignment's target, if it is an attribute of a module or of a class in one."""
    parts: list[str] = []
    while isinstance(target, ast.Attribute):
        parts.insert(0, target.attr)
        target = target.value
    if not parts or not isinstance(target, ast.Name):
        return None
    value = namespace.get(target.id)
    while len(parts) > 1 and isinstance(value, types.ModuleType):
        inner = getattr(value, parts[0], None)
        if not isinstance(inner, types.ModuleType):
            break
        value = inner
        del parts[0]
    if not isinstance(value, types.ModuleType) or value.__name__.startswith("slashgrade_python"):
        return None
    return value.__name__, ".".join(parts)


def pass_on(source: str, namespace: dict[str, Any], student: RemoteStudent) -> None:
    """Make in the student's process the changes that ``source`` made to libraries here."""
    for module, path in changes(source, namespace):
        value: Any = sys.modules[module]
        for part in path.split("."):
            value = getattr(value, part)
        if value is Feedback.not_allowed:
            student.forbid(module, path)
        else:
            student.replace(module, path, value)


def follow_mocks(student: RemoteStudent) -> None:
    """Make ``unittest.mock.patch`` of a library's attribute patch it in the student's process too."""
    mock: Any = sys.modules.get("unittest.mock")
    if mock is None or hasattr(mock._patch, "slashgrade_follows"):
        return
    mock._patch.slashgrade_follows = True
    enter, leave = mock._patch.__enter__, mock._patch.__exit__

    def entered(patcher: Any) -> Any:
        result = enter(patcher)
        _on_module(patcher, lambda name, path: student.replace(name, path, getattr(patcher.target, path)))
        return result

    def left(patcher: Any, *details: Any) -> Any:
        _on_module(patcher, student.restore)
        return leave(patcher, *details)

    mock._patch.__enter__, mock._patch.__exit__ = entered, left


def _on_module(patcher: Any, act: Callable[[str, str], None]) -> None:
    target = patcher.target
    if isinstance(target, types.ModuleType) and target.__name__ not in ("sys", "test"):
        act(target.__name__, patcher.attribute)
