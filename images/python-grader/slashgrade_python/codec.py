"""Values as JSON trees: what crosses between the tester and the student's process by value.

None, booleans, floats, strings and ordinary integers are themselves. Everything else is an array whose first item is a
tag. Containers that can change are numbered in the order in which they are met, so that shared references and cycles
survive and a later message can name them.

A decoder makes only values of known, harmless types. What has no tree (functions, objects of classes) is left to the
``Objects`` of the link, which name it by number.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable
from typing import Any, Protocol

#: JSON's parser refuses integers with more decimal digits than this; larger ones travel in base 16.
SMALL = 1 << 63

_PLAIN = frozenset({float, str, bool, type(None)})


class Undecodable(Exception):
    """A tree that no encoder of ours makes."""


class Objects(Protocol):
    """What a codec asks about values that do not cross by value."""

    def tree_of(self, value: Any, encoder: Encoder) -> Any:
        """Return a tree that names ``value``."""

    def value_of(self, tree: Any, decoder: Decoder) -> Any:
        """Return what such a tree names."""


class Encoder:
    """Makes trees. ``known`` maps ids of containers that the receiver has already to the trees that name them."""

    def __init__(self, objects: Objects, known: dict[int, Any] | None = None) -> None:
        self.objects = objects
        self.buffers: list[Any] = []
        #: The containers met, in order: the receiver's decoder numbers them alike.
        self.met: list[Any] = []
        self._names: dict[int, Any] = dict(known or ())

    def encode(self, value: Any) -> Any:
        """Return the tree of ``value``."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is int:
            return value if -SMALL < value < SMALL else ["i", hex(value)]
        name = self._names.get(id(value))
        if name is not None:
            return name
        encode = _ENCODERS.get(kind) or _library_encoder(kind)
        tree = encode(self, value) if encode else None
        return self.objects.tree_of(value, self) if tree is None else tree

    def items(self, values: Any) -> list[Any]:
        """Return the trees of ``values``, quickly where they are all plain."""
        kinds = set(map(type, values))
        if kinds <= _PLAIN:
            return list(values)
        if kinds == {int} and max(values) < SMALL and min(values) > -SMALL:
            return list(values)
        return [self.encode(value) for value in values]

    def meet(self, value: Any) -> None:
        """Number a container, before its content is encoded."""
        self._names[id(value)] = ["r", len(self.met)]
        self.met.append(value)

    def buffer(self, data: Any) -> int:
        """Attach bytes; returns their number."""
        self.buffers.append(data)
        return len(self.buffers) - 1


class Decoder:
    """Makes values of trees. ``known`` finds what a name of a container known from earlier stands for."""

    def __init__(self, objects: Objects, buffers: list[bytes], known: Callable[[Any], Any] | None = None) -> None:
        self.objects = objects
        self.met: list[Any] = []
        self._buffers = buffers
        self._known = known

    def decode(self, tree: Any) -> Any:
        """Return the value of ``tree``. Raises Undecodable."""
        if type(tree) is not list:
            return tree
        try:
            tag = tree[0]
            decode = _DECODERS.get(tag)
            if decode is not None:
                return decode(self, tree)
            if tag in _LIBRARY_TAGS:
                return _library(_LIBRARY_TAGS[tag]).DECODERS[tag](self, tree)
            if tag in ("a", "p", "q") and self._known is not None:
                return self._known(tree)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, ImportError) as error:
            raise Undecodable(f"{type(error).__name__}: {error}") from error
        return self.objects.value_of(tree, self)

    def items(self, trees: list[Any]) -> list[Any]:
        """Return the values of ``trees``."""
        return [self.decode(tree) if type(tree) is list else tree for tree in trees]

    def meet(self, value: Any = None) -> int:
        """Number a container as the encoder did; returns the number. A container made later is set with ``met``."""
        self.met.append(value)
        return len(self.met) - 1

    def buffer(self, number: int) -> bytes:
        """Return attached bytes."""
        return self._buffers[number]


# ---------------------------------------------------------------------- built-in types


def _encode_list(encoder: Encoder, value: list[Any]) -> Any:
    encoder.meet(value)
    return ["l", encoder.items(value)]


def _decode_list(decoder: Decoder, tree: Any) -> Any:
    value: list[Any] = []
    decoder.meet(value)
    value.extend(decoder.items(tree[1]))
    return value


def _encode_dict(encoder: Encoder, value: dict[Any, Any]) -> Any:
    encoder.meet(value)
    return ["d", encoder.items(list(value)), encoder.items(list(value.values()))]


def _decode_dict(decoder: Decoder, tree: Any) -> Any:
    value: dict[Any, Any] = {}
    decoder.meet(value)
    keys = decoder.items(tree[1])
    fill(value, keys, decoder.items(tree[2]))
    return value


def fill(value: dict[Any, Any], keys: list[Any], items: list[Any]) -> None:
    """Add items to a dict one by one: keys of one hash take long, and a time limit ends a loop but not ``update``."""
    for key, item in zip(keys, items, strict=True):
        value[key] = item


def _encode_set(encoder: Encoder, value: set[Any]) -> Any:
    encoder.meet(value)
    return ["s", encoder.items(list(value))]


def _decode_set(decoder: Decoder, tree: Any) -> Any:
    value: set[Any] = set()
    decoder.meet(value)
    return _add(value, decoder.items(tree[1]))


def _add(value: set[Any], items: list[Any]) -> set[Any]:
    """Add items to a set one by one, as ``fill`` does to a dict."""
    for item in items:
        value.add(item)
    return value


def _encode_bytearray(encoder: Encoder, value: bytearray) -> Any:
    encoder.meet(value)
    return ["B", encoder.buffer(bytes(value))]


def _decode_bytearray(decoder: Decoder, tree: Any) -> Any:
    value = bytearray(decoder.buffer(tree[1]))
    decoder.meet(value)
    return value


_ENCODERS: dict[type, Callable[[Encoder, Any], Any]] = {
    list: _encode_list,
    dict: _encode_dict,
    set: _encode_set,
    bytearray: _encode_bytearray,
    tuple: lambda encoder, value: ["t", encoder.items(value)],
    frozenset: lambda encoder, value: ["f", encoder.items(list(value))],
    bytes: lambda encoder, value: ["b", encoder.buffer(value)],
    complex: lambda _, value: ["z", value.real, value.imag],
    range: lambda encoder, value: ["rg", *encoder.items((value.start, value.stop, value.step))],
    slice: lambda encoder, value: ["sl", *encoder.items((value.start, value.stop, value.step))],
    type(Ellipsis): lambda *_: ["e"],
    type(NotImplemented): lambda *_: ["ni"],
}

_DECODERS: dict[str, Callable[[Decoder, Any], Any]] = {
    "l": _decode_list,
    "d": _decode_dict,
    "s": _decode_set,
    "B": _decode_bytearray,
    "t": lambda decoder, tree: tuple(decoder.items(tree[1])),
    "f": lambda decoder, tree: frozenset(_add(set(), decoder.items(tree[1]))),
    "b": lambda decoder, tree: decoder.buffer(tree[1]),
    "i": lambda _, tree: int(tree[1], 16),
    "z": lambda _, tree: complex(tree[1], tree[2]),
    "rg": lambda decoder, tree: range(*decoder.items(tree[1:])),
    "sl": lambda decoder, tree: slice(*decoder.items(tree[1:])),
    "e": lambda *_: ...,
    "ni": lambda *_: NotImplemented,
    "r": lambda decoder, tree: decoder.met[tree[1]],
    "nt": lambda decoder, tree: _named(tree[1], tuple(tree[2]))(*decoder.items(tree[3])),
}

# ---------------------------------------------------------------------- named tuples

_NAMED: dict[tuple[str, tuple[str, ...]], Any] = {}

#: What classes of named tuples have without their author's doing, fields apart.
_GIVEN = frozenset(vars(namedtuple("_Empty", ()))) | {
    "__annotations__",
    "__annotate__",
    "__annotate_func__",
    "__annotations_cache__",
    "__orig_bases__",
    "__firstlineno__",
    "__static_attributes__",
}


def _named(title: str, fields: tuple[str, ...]) -> Any:
    """Return the class of named tuples with these fields: one class for equal ones, so that types compare equal."""
    key = (title, fields)
    if key not in _NAMED:
        _NAMED[key] = namedtuple(title, fields)
    return _NAMED[key]


def encode_named_tuple(encoder: Encoder, value: Any) -> Any:
    """Return the tree of a named tuple."""
    return ["nt", type(value).__name__, list(value._fields), encoder.items(tuple(value))]


def is_named_tuple(kind: type) -> bool:
    """Return whether ``kind`` is a class made by namedtuple or NamedTuple, with nothing added."""
    fields = getattr(kind, "_fields", None)
    return kind.__bases__ == (tuple,) and isinstance(fields, tuple) and vars(kind).keys() <= _GIVEN.union(fields)


# ---------------------------------------------------------------------- libraries

#: Packages whose types cross by value, and the module that knows how.
_LIBRARIES = {
    "numpy": "numpy_codec",
    "pandas": "pandas_codec",
    "sympy": "sympy_codec",
    "datetime": "standard_codec",
    "decimal": "standard_codec",
    "fractions": "standard_codec",
    "collections": "standard_codec",
    "networkx": "networkx_codec",
}
_LIBRARY_TAGS = {
    **dict.fromkeys(("nd", "no", "ns", "ma", "dt"), "numpy_codec"),
    **dict.fromkeys(("df", "se", "ix", "ts", "td", "na"), "pandas_codec"),
    **dict.fromkeys(("sy", "sm"), "sympy_codec"),
    **dict.fromkeys(("dm", "fr", "da", "dq", "ct", "dd", "od"), "standard_codec"),
    "nx": "networkx_codec",
}


def _library(name: str) -> Any:
    module = f"slashgrade_python.codecs.{name}"
    if module not in sys.modules:
        __import__(module)
    return sys.modules[module]


def _library_encoder(kind: type) -> Callable[[Encoder, Any], Any] | None:
    """Return a function for values of ``kind``; it returns None for those that cannot cross by value."""
    if is_named_tuple(kind):
        return encode_named_tuple
    package = str(kind.__module__).partition(".")[0]
    if package not in _LIBRARIES or package not in sys.modules:
        return None
    encode: Callable[[Encoder, Any], Any] = _library(_LIBRARIES[package]).encode
    return encode
