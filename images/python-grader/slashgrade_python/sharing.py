"""Containers that both processes hold: noticing a change on one side and making it on the other.

A function that sorts a list in place must sort the test's list. So for the time of a call the containers among its
arguments are shared, for good those that the student's names hold, and for a while those that tests read from a
student's object (``st.root.children.append(node)``). Before a message leaves, its sender compares them with how they
were at the last message, and sends what changed.
"""

from __future__ import annotations

import operator
import sys
from typing import Any

#: Containers and items in them above which the values of the student's names are not kept in step: comparing them at
#: every call would cost more than the call.
PINNED_CONTAINERS = 2_000
PINNED_ITEMS = 100_000

#: How many containers read from objects are kept in step, the latest ones, and how many items such a reading may have:
#: few, because the next message costs a look at each of them.
READ_CONTAINERS = 100
READ_ITEMS = 10_000


class Shared:
    """Containers numbered alike on both sides, and how they looked when the sides last agreed."""

    def __init__(self, objects: list[Any], tag: str) -> None:
        self.objects: dict[int, Any] = {}
        self._tag = tag
        self._last: dict[int, Any] = {}
        self._count = 0
        self.add(objects)

    def add(self, objects: list[Any], most: int | None = None) -> None:
        """Share further containers; the oldest are let go where there are more than ``most``."""
        for value in objects:
            self.objects[self._count] = value
            self._last[self._count] = _look(value)
            self._count += 1
        while most is not None and len(self.objects) > most:
            oldest = next(iter(self.objects))
            del self.objects[oldest], self._last[oldest]

    def names(self) -> dict[int, Any]:
        """Return the trees by which a message names these containers."""
        return {id(value): [self._tag, number] for number, value in self.objects.items()}

    def changes(self) -> list[tuple[int, Any]]:
        """Return number and a shallow copy of each container that changed; from now on this state is agreed on."""
        found = []
        for number, value in self.objects.items():
            if not _same(value, self._last[number]):
                self._last[number] = _look(value)
                found.append((number, _copy(value)))
        return found

    def apply(self, number: int, content: Any) -> None:
        """Give a container the content that it has on the other side."""
        value = self.objects[number]
        _fill(value, content)
        self._last[number] = _look(value)


def pinnable(objects: list[Any], containers: int = PINNED_CONTAINERS, items: int = PINNED_ITEMS) -> bool:
    """Return whether these containers are few and small enough to be kept in step."""
    sizes = (getattr(value, "size", None) or _length(value) for value in objects)
    return len(objects) <= containers and sum(sizes) <= items


def _length(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else 1


def _look(value: Any) -> Any:
    """Return what tells whether ``value`` changed: its items, by identity, or a copy of its data."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list | set):
        return list(value)
    if isinstance(value, bytearray):
        return bytes(value)
    if _is_array(value):
        return [value.shape, value.dtype, value.tobytes()]
    if _is_pandas(value):
        return value.copy(deep=True)
    return [*vars(value), *vars(value).values()]


def _same(value: Any, look: Any) -> bool:
    if isinstance(value, bytearray):
        return bool(bytes(value) == look)
    if _is_array(value):
        return bool(value.shape == look[0] and value.dtype == look[1] and value.tobytes() == look[2])
    if _is_pandas(value):
        return bool(value.equals(look))
    now = _look(value)
    return len(now) == len(look) and all(map(operator.is_, now, look))


def _copy(value: Any) -> Any:
    """Return the content of a container as a container of its own."""
    if isinstance(value, dict | list | set | bytearray) or _is_array(value):
        return value.copy()
    if _is_pandas(value):
        return value.copy(deep=False)
    return dict(vars(value))


def _fill(value: Any, content: Any) -> None:
    if isinstance(value, list | bytearray):
        value[:] = content
    elif isinstance(value, dict | set):
        value.clear()
        value.update(content)
    elif _is_array(value):
        if value.shape == content.shape and value.dtype == content.dtype:
            value[...] = content
    elif _is_pandas(value):
        value._update_inplace(content)
    elif isinstance(content, dict):
        vars(value).clear()
        vars(value).update(content)


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _is_pandas(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series)
