"""What of the tester's objects may be sent to a student's process by value, as a pickle.

Objects of libraries, and functions of tests that are closed in themselves (``lambda x: x**2``): those run at full speed
on the other side. Everything that could carry more of the tests with it, or whose side effects a test could want to
see, stays here and is asked for over the link.
"""

from __future__ import annotations

import builtins
import dis
import functools
import pickle
import sys
import types
from typing import Any

_IMMUTABLE = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis))
_STORES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF", "IMPORT_NAME"})
#: Packages that only the tester has, or whose objects record what is done to them.
_STAY = frozenset({"slashgrade_python", "unittest", "test", "builtins", "__main__", "io", "_io"})


def pickled(value: Any, secret_files: frozenset[str]) -> bytes | None:
    """Return ``value`` as a pickle, or None if it stays in this process."""
    if isinstance(value, types.FunctionType):
        if getattr(value, "__module__", None) in sys.modules and _is_global(value):
            return _plain(value) if _package(value) not in _STAY else None
        return _function(value, secret_files)
    if isinstance(value, types.BuiltinFunctionType | type | functools.partial):
        inner = value.func if isinstance(value, functools.partial) else value
        return _plain(value) if _is_global(inner) and _package(inner) not in _STAY - {"builtins"} else None
    return None if _package(type(value)) in _STAY else _plain(value)


def _package(value: Any) -> str:
    return str(getattr(value, "__module__", "") or "").partition(".")[0]


def _is_global(value: Any) -> bool:
    """Return whether a module has ``value`` under its name, so that the other side finds it there."""
    module = sys.modules.get(getattr(value, "__module__", "") or "")
    found: Any = module
    for part in getattr(value, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    return module is not None and found is value


def _plain(value: Any) -> bytes | None:
    try:
        return pickle.dumps(value, protocol=5)
    except Exception:  # whatever a library's __reduce__ may raise
        return None


def _function(function: types.FunctionType, secret_files: frozenset[str]) -> bytes | None:
    if not _closed(function, secret_files, set()):
        return None
    import cloudpickle

    data: bytes = cloudpickle.dumps(function)
    return data


def _closed(function: types.FunctionType, secret_files: frozenset[str], seen: set[int]) -> bool:
    """Return whether a function needs nothing but libraries and constants, and changes nothing outside itself."""
    if id(function) in seen:
        return True
    seen.add(id(function))
    code = function.__code__
    if code.co_filename in secret_files or _changes_outside(code):
        return False
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    try:
        values += [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # an empty cell
        return False
    names = _names(code)
    values += [function.__globals__[name] for name in names if name in function.__globals__]
    known = all(name in function.__globals__ or hasattr(builtins, name) for name in names)
    return known and all(_harmless(value, secret_files, seen) for value in values)


def _changes_outside(code: types.CodeType) -> bool:
    own = set(code.co_cellvars)
    for step in dis.get_instructions(code):
        if step.opname in _STORES and not (step.opname.endswith("DEREF") and step.argval in own):
            return True
    return any(_changes_outside(inner) for inner in code.co_consts if isinstance(inner, types.CodeType))


def _names(code: types.CodeType) -> set[str]:
    """Return the global names that a function and the functions in it use."""
    found = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            found |= _names(inner)
    return found


def _harmless(value: Any, secret_files: frozenset[str], seen: set[int]) -> bool:
    if isinstance(value, _IMMUTABLE):
        return True
    if isinstance(value, tuple | frozenset):
        return all(_harmless(item, secret_files, seen) for item in value)
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0] not in _STAY - {"builtins", "io"}
    if isinstance(value, types.FunctionType) and not _is_global(value):
        return _closed(value, secret_files, seen)
    if isinstance(value, types.BuiltinFunctionType | types.FunctionType | type):
        return _is_global(value) and _package(value) not in _STAY - {"builtins", "io"}
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ufunc | numpy.number)
