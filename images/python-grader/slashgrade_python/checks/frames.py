"""pandas DataFrames."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from slashgrade_python import mirror


@dataclass(frozen=True)
class Rules:
    """How strictly frames are compared."""

    #: Compare values, not only the number of rows and the columns.
    check_values: bool = True
    #: Rows and columns may stand in another order as long as their labels match.
    any_order: bool = True


def is_frame(value: Any) -> bool:
    """Return whether ``value`` is a DataFrame; imports pandas only if something already did."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def own(value: Any) -> Any:
    """Return ``value``, or as a plain frame what an object holds that says it is one, of a subclass of DataFrame."""
    if mirror.is_stand_in(value) and is_frame(value):
        return mirror.ask_module(value, "pandas").DataFrame(value)
    return value


def _has_stand_ins(frame: Any) -> bool:
    """Return whether a frame's labels or items are objects of the student's classes: they could claim to equal any."""
    columns = (frame.iloc[:, number] for number in range(frame.shape[1]))
    parts = (part for part in (frame.index, frame.columns, *columns) if part.dtype == object)
    return any(mirror.is_stand_in(item) for part in parts for item in part)


def problems(name: str, ref: Any, data: Any, subset: list[Any] | None, rules: Rules) -> list[str]:
    """Return the first thing that is wrong with the frame ``data``."""
    if not is_frame(data) or mirror.is_stand_in(data):
        return [f"{name} is not a DataFrame"]
    if len(data) == 0 and len(ref) > 0:
        return [f"{name} is empty and should not be empty"]
    if len(data) != len(ref):
        return [f"{name} is inaccurate"]
    for column in subset or ():
        if column not in data.columns:
            return [f"Variable (column) `{column}` is not in `{name}`"]
    if subset:
        ref, data = ref[subset], data[subset]
    if rules.check_values and (_has_stand_ins(data) or not _equal(ref, data, rules.any_order)):
        return [f"{name} is inaccurate"]
    return []


def _equal(ref: Any, data: Any, any_order: bool) -> bool:
    from pandas.testing import assert_frame_equal

    try:
        assert_frame_equal(ref, data, check_like=any_order)
    except Exception:  # mostly an AssertionError; values that cannot be compared are not equal either
        return False
    return True
