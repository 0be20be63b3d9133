"""Numbers."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from slashgrade_python import mirror


def is_number(value: Any) -> bool:
    """Return whether ``value`` is a number: Python's, NumPy's, or anything with a true ``is_number`` (SymPy)."""
    if isinstance(value, complex | float | int):
        return True
    numpy = sys.modules.get("numpy")  # a NumPy number can only be here if NumPy is
    if numpy is not None and isinstance(value, numpy.number):
        return True
    return bool(getattr(value, "is_number", False))


def own(value: Any) -> Any:
    """Return ``value``, or the number that an object of the student's process holds or converts to; None if none.

    Its own operators are not asked: they could say anything.
    """
    value = mirror.plain(value)
    if not mirror.is_stand_in(value):
        return value
    for kind in (float, complex):
        with contextlib.suppress(Exception):  # whatever its conversion raises
            return kind(value)
    return None


def close(ref: Any, data: Any, rtol: float | None, atol: float | None) -> bool:
    """Return whether ``|ref - data|`` is strictly below ``|ref| * rtol`` or below ``atol``; None disables one."""
    if rtol is not None and bool(abs(ref - data) < abs(ref) * rtol):
        return True
    return atol is not None and bool(abs(ref - data) < atol)


def problems(name: str, ref: Any, data: Any, rtol: float | None, atol: float | None) -> list[str]:
    """Return what is wrong with the number ``data``."""
    if data is None:
        return [f"'{name}' is None or not defined"]
    if not is_number(data) or (data := own(data)) is None:
        return [f"'{name}' is not a number"]
    if not close(ref, data, rtol, atol):
        return [f"'{name}' is inaccurate"]
    return []
