"""Stand-ins for the other process's objects: what a test holds when it holds a student's function, class or object.

A student's class becomes a class here, so that ``isinstance``, ``issubclass`` and ``assertRaises`` work; its instances
are objects whose every attribute and operator is asked of the other side. A student's function becomes a function with
the same name, documentation and signature. Nothing of it runs here.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from slashgrade_python import contents

if TYPE_CHECKING:
    from slashgrade_python.link import Link

#: Special methods that are forwarded where the other side's class has them.
_SPECIAL = """
call len length_hint getitem setitem delitem iter next contains reversed missing eq ne lt le gt ge hash bool
int float complex index round trunc floor ceil neg pos abs invert add sub mul matmul truediv floordiv mod
divmod pow lshift rshift and or xor radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift
rrshift rand ror rxor iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor str
repr format bytes enter exit array
"""
FORWARDED = frozenset(f"__{name}__" for name in _SPECIAL.split())

#: Those of Python's own classes whose ``+`` wants an object of the same class on its right.
SEQUENCES = frozenset({list, tuple, str})

#: Packages whose classes an object may claim to be of, for isinstance: those of the image that test code compares with.
_PACKAGES = """
numpy pandas matplotlib scipy sympy networkx sklearn seaborn PIL bs4 automata pulp bokeh folium collections
datetime decimal fractions abc enum io pathlib random types functools itertools
"""
CLAIMABLE = frozenset(_PACKAGES.split())

#: Attributes that libraries ask for by themselves and believe: an address in memory to read from, a function to compare
#: with instead of their own. Stand-ins have none of them.
BELIEVED = ("__array_", "__dlpack", "__arrow_c_", "__cuda_array_", "__buffer__", "__dataframe__")

#: Where a stand-in class keeps its link and number, and a stand-in function its number.
_ORIGIN = "_remote_origin"
NUMBER = "_remote_number"


class RemoteType(type):
    """The class of stand-in classes. Class attributes are asked of the other side; calling makes an object there."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an object on the other side; an exception only here, where it is raised."""
        if issubclass(cls, BaseException):
            return super().__call__(*args, **kwargs)
        link, number = identity(cls)
        return link.call(number, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        if _ORIGIN not in cls.__dict__ or name.startswith(BELIEVED):
            raise AttributeError(name)
        link, number = identity(cls)
        return link.request("getattr", number, (name,))

    def __setattr__(cls, name: str, value: Any) -> None:
        link, number = identity(cls)
        link.request("setattr", number, (name, value))

    def __delattr__(cls, name: str) -> None:
        link, number = identity(cls)
        link.request("delattr", number, (name,))


def identity(kind: type) -> tuple[Link, int]:
    """Return the link of a stand-in class, and the number that the other side knows it by."""
    found: tuple[Link, int] = kind.__dict__[_ORIGIN]
    return found


class RemoteObject:
    """An object of the other process."""

    __slots__ = ("__weakref__", "_remote_link", "_remote_number")

    _remote_link: Link
    _remote_number: int
    #: Which of Python's own classes its class derives from there, if one of ``contents.KINDS``.
    _remote_builtin: ClassVar[type | None] = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith(BELIEVED):
            raise AttributeError(name)
        return self._remote_link.request("getattr", self._remote_number, (name,))

    def __setattr__(self, name: str, value: Any) -> None:
        self._remote_link.request("setattr", self._remote_number, (name, value))

    def __delattr__(self, name: str) -> None:
        self._remote_link.request("delattr", self._remote_number, (name,))

    def __dir__(self) -> Iterable[str]:
        return list(self._remote_link.request("dir", self._remote_number, ()))

    def __copy__(self) -> Any:
        return self._remote_link.request("copy", self._remote_number, ())

    def __deepcopy__(self, _memo: Any) -> Any:
        return self._remote_link.request("deepcopy", self._remote_number, ())

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError(f"a {type(self).__name__} of the student's code cannot be pickled")


def new_object(link: Link, number: int, kind: type) -> RemoteObject:
    """Return the stand-in for object ``number`` of class ``kind``."""
    value: RemoteObject = object.__new__(kind)
    object.__setattr__(value, "_remote_link", link)
    object.__setattr__(value, "_remote_number", number)
    return value


# ---------------------------------------------------------------------- classes


def describe(kind: type) -> dict[str, Any]:
    """Return what the other side needs to make a stand-in for the class ``kind``."""
    return {
        "name": kind.__name__,
        "qualname": kind.__qualname__,
        "module": str(kind.__module__),
        "doc": kind.__doc__ if isinstance(kind.__doc__, str) else None,
        "special": sorted(name for name in FORWARDED if _overrides(kind, name)),
        "unhashable": kind.__hash__ is None,
        "error": issubclass(kind, BaseException),
    }


def _overrides(kind: type, name: str) -> bool:
    own = getattr(kind, name, None)
    return own is not None and own is not getattr(object, name, None)


def new_class(link: Link, number: int, description: dict[str, Any], bases: list[type]) -> type:
    """Return a stand-in for a class of the other process."""
    if description["error"]:
        bases = [base for base in bases if issubclass(base, BaseException)] or [Exception]
        namespace: dict[str, Any] = {"__str__": _error_text}
    else:
        namespace = {name: _forward(name) for name in description["special"] if name in FORWARDED}
        if builtin := next((base for base in bases if base in contents.KINDS), None):
            namespace["_remote_builtin"] = builtin
            if builtin in SEQUENCES:
                namespace.setdefault("__radd__", _continued)
        bases = [base for base in bases if issubclass(base, RemoteObject)] or [RemoteObject]
        if description["unhashable"]:
            namespace["__hash__"] = None
        elif "__eq__" in namespace and "__hash__" not in namespace:
            namespace["__hash__"] = _forward("__hash__")
        namespace["__slots__"] = ()
        namespace["__class__"] = property(_claimed_class)
    namespace |= {"__doc__": description["doc"], "__module__": str(description["module"])}
    made = _make(str(description["name"]), bases, namespace)
    type.__setattr__(made, "__qualname__", str(description["qualname"]))
    type.__setattr__(made, _ORIGIN, (link, number))
    return made


def plain_class(link: Link, kind: Any) -> type:
    """Return a stand-in for a class that has none of its own: one whose instances only have attributes."""
    name = kind.__name__ if isinstance(kind, type) else "object"
    return new_class(link, -1, describe(object) | {"name": name, "qualname": name}, [])


def _make(name: str, bases: list[type], namespace: dict[str, Any]) -> type:
    try:
        return RemoteType(name, tuple(bases), namespace)
    except TypeError:  # bases that cannot be combined here
        return RemoteType(name, (bases[0],), namespace)


def _continued(value: RemoteObject, other: Any) -> Any:
    """Add what ``value`` holds to a plain sequence, which would take only an object of its own class."""
    kind = value._remote_builtin
    return other + plain(value) if kind and isinstance(other, kind) else NotImplemented


def _error_text(error: BaseException) -> str:
    text = error.__dict__.get("_remote_text")
    return text if isinstance(text, str) else BaseException.__str__(error)


def _forward(name: str) -> Callable[..., Any]:
    def method(self: RemoteObject, *args: Any, **kwargs: Any) -> Any:
        if name == "__exit__":
            args = (*args[:2], None)  # a traceback stays where it is
        return self._remote_link.request("special", self._remote_number, (name, *args), kwargs)

    method.__name__ = name
    return method


def _claimed_class(value: RemoteObject) -> type:
    """Return the class that isinstance sees: the library's or Python's own where the object is of a subclass of it."""
    for kind in type(value).__mro__:
        if isinstance(kind, RemoteType) and (known := library_class(kind.__module__, kind.__qualname__)):
            return known
    return value._remote_builtin or type(value)


def is_stand_in(value: Any) -> bool:
    """Return whether ``value`` is an object of the other process, whatever its class claims."""
    return isinstance(type(value), RemoteType)


def plain(value: Any) -> Any:
    """Return ``value``, or what an object of a subclass of list, dict, float … holds there, as a plain value.

    A stand-in that only claims to be of such a class comes back as it is.
    """
    if isinstance(value, RemoteObject) and value._remote_builtin is not None:
        return value._remote_link.root("content", value)
    return value


def ask_module(value: RemoteObject, name: str) -> Any:
    """Return the stand-in for a module of the process that ``value`` is in."""
    return value._remote_link.root("module", name)


def library_class(module: str, qualname: str) -> type | None:
    """Return a class of a library that this process has imported, or None. Never imports anything."""
    found = sys.modules.get(module) if module.partition(".")[0] in CLAIMABLE else None
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


def builtin_class(name: str) -> type | None:
    """Return a class of ``builtins``, or None."""
    found = vars(builtins).get(name)
    return found if isinstance(found, type) else None


# ---------------------------------------------------------------------- functions


def describe_function(function: Any) -> dict[str, Any]:
    """Return what the other side needs to make a stand-in for a Python function, defaults apart."""
    code = function.__code__
    return {
        "name": function.__name__,
        "qualname": function.__qualname__,
        "module": str(function.__module__),
        "doc": function.__doc__ if isinstance(function.__doc__, str) else None,
        "file": code.co_filename,
        "line": code.co_firstlineno,
        "flags": code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS),
        "counts": [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount],
        "names": list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 2]),
    }


def new_function(link: Link, number: int, description: dict[str, Any], defaults: Any) -> Any:
    """Return a stand-in for a function of the other process."""

    def function(*args: Any, **kwargs: Any) -> Any:
        return link.call(number, args, kwargs)

    setattr(function, NUMBER, number)
    function.__code__ = function.__code__.replace(
        co_filename=str(description["file"]), co_firstlineno=max(int(description["line"]), 1)
    )
    function.__name__ = str(description["name"])
    function.__qualname__ = str(description["qualname"])
    function.__module__ = str(description["module"])
    function.__doc__ = description["doc"]
    try:
        function.__signature__ = _signature(description, *defaults)  # type: ignore[attr-defined]
    except (TypeError, ValueError, IndexError):  # names that no function of Python has
        pass
    return function


def _signature(description: dict[str, Any], positional: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    total, only_positional, only_keyword = description["counts"]
    names = iter([str(name) for name in description["names"]])
    first_default = total - len(positional)
    made = []
    for index in range(total):
        kind = inspect.Parameter.POSITIONAL_ONLY if index < only_positional else inspect.Parameter.POSITIONAL_OR_KEYWORD
        default = positional[index - first_default] if index >= first_default else inspect.Parameter.empty
        made.append(_parameter(next(names), kind, default))
    later = [
        _parameter(name, inspect.Parameter.KEYWORD_ONLY, keywords.get(name, inspect.Parameter.empty))
        for name in (next(names) for _ in range(only_keyword))
    ]
    if description["flags"] & inspect.CO_VARARGS:
        made.append(_parameter(next(names), inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.empty))
    made.extend(later)
    if description["flags"] & inspect.CO_VARKEYWORDS:
        made.append(_parameter(next(names), inspect.Parameter.VAR_KEYWORD, inspect.Parameter.empty))
    return inspect.Signature(made)


def _parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(name)
    return inspect.Parameter(name, kind, default=default)
