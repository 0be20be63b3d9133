"""Lists, dicts and tuples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from slashgrade_python import mirror


def own(kind: type, data: Any) -> Any:
    """Return ``data`` if it is a ``kind``, else None; of an object of the student's process what it really holds.

    Its own methods are not asked: they could say anything.
    """
    if mirror.is_stand_in(data):
        held = mirror.plain(data)
        return held if type(held) is kind else None
    return data if isinstance(data, kind) else None


def list_problems(name: str, ref: Any, data: Any, entry_type: Any) -> list[str]:
    """Return what is wrong with the list ``data``: its type, its length, the type of its first wrong entry."""
    if data is None:
        return [f"'{name}' is None or not defined"]
    if (data := own(list, data)) is None:
        return [f"'{name}' is not a list"]
    if len(ref) != len(data):
        return [f"'{name}' has the wrong length--expected {len(ref)}, got {len(data)}"]
    if entry_type is not None:
        for index, entry in enumerate(data):
            if not isinstance(entry, entry_type):
                return [f"'{name}[{index}]' has the wrong type"]
    return []


def tuple_problems(name: str, ref: Any, data: Any) -> list[str]:
    """Return what is wrong with the tuple ``data``: every entry of a wrong type, and then that it is inaccurate."""
    if data is None:
        return [f"{name} is None or not defined"]
    if (data := own(tuple, data)) is None:
        return [f"{name} is not a tuple"]
    if len(data) != len(ref):
        return [f"{name} should be of length {len(ref)}"]
    wrong = [
        f"{name}[{index}] should be of type {type(expected).__name__}"
        for index, (expected, entry) in enumerate(zip(ref, data, strict=True))
        if type(entry) is not type(expected)
    ]
    return [] if not wrong and data == ref else [*wrong, f"'{name}' is inaccurate"]


def dict_problems(name: str, ref: Any, data: Any, target_keys: Iterable[Any] | None) -> list[str]:
    """Return the first thing that is wrong with the dict ``data``."""
    if (held := own(dict, data)) is None:
        return [f"'{name}' is not a dict, got type {type(data).__name__}"]
    if found := _key_problems(name, ref, held, target_keys):
        return found
    for key in ref if target_keys is None else target_keys:
        value = held[key]
        if type(value) is not type(ref[key]):
            return [f"'{name}' has key `{key}` with type `{type(value).__name__}`, which is not the right type"]
        if not _equal(value, ref[key]):
            return [f"'{name}' has key `{key}` with value `{value}`, which is not correct"]
    return []


def _key_problems(name: str, ref: Any, data: Any, target_keys: Iterable[Any] | None) -> list[str]:
    wanted = set(ref) if target_keys is None else set(target_keys)
    if not wanted <= set(ref):
        raise ValueError(f"target_keys are not all keys of the reference: {_listed(wanted - set(ref))}")
    if missing := wanted - set(data):
        return [f"'{name}' has missing keys: `{_listed(missing)}`"]
    if target_keys is None and (extra := set(data) - wanted):
        return [f"'{name}' has extra keys: `{_listed(extra)}`"]
    return []


def _listed(keys: Iterable[Any]) -> str:
    return ", ".join(sorted(str(key) for key in keys))


def _equal(left: Any, right: Any) -> bool:
    same = left == right
    return bool(same.all()) if hasattr(same, "all") else bool(same)
