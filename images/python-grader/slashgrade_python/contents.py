"""What objects of subclasses of Python's own classes hold, as plain values; what they override is not asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_CONTENTS: dict[type, Callable[[Any], Any]] = {
    list: lambda value: list(list.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
    str: str.__str__,
}

#: The classes that this is known of. No class can have two of them as bases.
KINDS = frozenset(_CONTENTS)


def content(value: Any) -> Any:
    """Return what ``value`` holds as an object of one of ``KINDS``; None if its class derives from none of them."""
    return next((take(value) for kind, take in _CONTENTS.items() if issubclass(type(value), kind)), None)
