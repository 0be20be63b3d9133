"""Matplotlib axes: their lines, scales, labels."""

from __future__ import annotations

from typing import Any

from slashgrade_python.texts import Texts

LABELS = ("xlabel", "title", "ylabel")


def problems(name: str, ref: Any, plot: Any, scales: str | None, texts: Texts) -> list[str]:
    """Return the first thing in which the axes ``plot`` differ from the axes ``ref``."""
    from matplotlib.axes import Axes

    if plot is None:
        return [f"'{name}' is None or not defined"]
    if not isinstance(plot, Axes):
        return [f"'{name}' is not an object of matplotlib axes"]
    for axis in scales or "":
        if _scale(ref, axis) != _scale(plot, axis):
            return [f"'{name}' does not have the correct scale for its axes"]
    expected, drawn = ref.get_lines(), plot.get_lines()
    if len(expected) != len(drawn):
        # The original prints the list object where the number of lines is meant.
        wanted = f"<a list of {len(expected)} Line2D objects>" if texts.original else len(expected)
        return [f"{len(drawn)} lines were plotted in '{name}' but {wanted} lines were expected"]
    if not _same_lines([_points(line) for line in expected], [_points(line) for line in drawn]):
        return [f"'{name}' is inaccurate"]
    return []


def label_feedback(axes: Any) -> list[tuple[str, bool]]:
    """Return, for x label, title and y label, the message for the student and whether the label is there."""
    return [
        (f"Plot has {label}", True) if getattr(axes, f"get_{label}")() else (f"Plot is missing {label}", False)
        for label in LABELS
    ]


def _scale(axes: Any, axis: str) -> str:
    return str(getattr(axes, f"get_{axis}scale")())


def _points(line: Any) -> Any:
    """Return a line's x and y values, shape (2, n), twice: with its points sorted, and with its rows sorted."""
    import numpy as np

    rows = np.array([np.asarray(line.get_xdata()), np.asarray(line.get_ydata())])
    return rows[:, np.lexsort((rows[1], rows[0]))], _either_way(np, rows)


def _either_way(np: Any, rows: Any) -> Any:
    """Return the rows in an order that does not depend on which is x.

    The original compares only these: it takes a line for right whose x and y are exchanged, and so does this one.
    """
    return rows[np.lexsort(rows.T)] if rows.size else rows


def _same_lines(expected: list[Any], drawn: list[Any]) -> bool:
    """Return whether every expected line has a drawn one of its own that is close to it."""
    import numpy as np

    left = list(drawn)
    for line in expected:
        match = next((i for i, other in enumerate(left) if _close(np, line, other)), None)
        if match is None:
            return False
        del left[match]
    return True


def _close(np: Any, line: Any, other: Any) -> bool:
    pairs = zip(line, other, strict=True)
    return any(mine.shape == its.shape and np.allclose(its, mine) for mine, its in pairs)
