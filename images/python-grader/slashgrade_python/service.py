"""What student code may do with objects that tests handed out: use them, no more.

Some of Python's own objects lead further than they seem to: a generator to its frame, a frame to everything that the
tests know, a file to a class that opens any descriptor. Whatever leads out of the object itself is refused.
"""

from __future__ import annotations

import os
import sys
import types
import unittest
from typing import Any

from slashgrade_python import mirror

#: The operation of calling a class that the other side knows only as an object's class: nobody handed it out.
MAKE = "make"

#: Methods cross as objects: these are what ``getattr`` returned, which gives public ones only.
METHODS = (types.MethodType, types.BuiltinMethodType)
#: What can only be called.
_CALLED = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, type)
#: What hands out values one by one, and the attributes of these that do not show how.
_GENERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_GENERATORS_OWN = frozenset({"send", "throw", "close", "asend", "athrow", "aclose"})
#: What shows the tests themselves.
_CLOSED = (types.FrameType, types.CodeType, types.TracebackType, types.CellType, types.ModuleType, unittest.TestCase)
#: Methods that load code into the process, of database connections.
_LOADING = frozenset({"enable_load_extension", "load_extension"})
#: Set in ``__flags__`` of classes that were made while the program ran, CPython's Py_TPFLAGS_HEAPTYPE.
_HEAP = 1 << 9
#: Where Python and the libraries lie.
_LIBRARIES = tuple(os.path.join(prefix, "") for prefix in (sys.prefix, sys.base_prefix))


def permits(operation: str, target: Any, name: Any) -> bool:
    """Return whether student code may do this. name: of the attribute or the special method, if there is one."""
    if isinstance(target, _CLOSED) or _is_graders(type(target)):
        return False
    if operation == MAKE:
        return _is_questions(target)
    if operation == "call":
        return not (isinstance(target, type) and _is_graders(target))
    if operation == "special" and name == "__call__" and isinstance(target, METHODS):
        return True
    if isinstance(target, _CALLED):
        return False
    if operation == "special":
        return name in mirror.FORWARDED
    return operation in ("getattr", "setattr") and _is_public(target, name)


def _is_public(target: Any, name: Any) -> bool:
    if not isinstance(name, str) or name.startswith("_") or name in _LOADING:
        return False
    return not isinstance(target, _GENERATORS) or name in _GENERATORS_OWN


def _is_graders(kind: type) -> bool:
    return str(kind.__module__).partition(".")[0] == __name__.partition(".")[0]


def _is_questions(kind: type) -> bool:
    """Return whether the question's files define a class, in Python. In setup code its module is ``builtins``."""
    if kind.__module__ == "builtins":
        return bool(kind.__flags__ & _HEAP)
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return isinstance(file, str) and not file.startswith(_LIBRARIES) and not _is_graders(kind)
