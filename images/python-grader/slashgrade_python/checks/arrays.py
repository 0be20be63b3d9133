"""NumPy arrays."""

from __future__ import annotations

import sys
from typing import Any

from slashgrade_python import mirror

NO_MATRIX = (
    "'{name}' is a numpy matrix. Do not use those. "
    "https://docs.scipy.org/doc/scipy/tutorial/linalg.html#numpy-matrix-vs-2-d-numpy-ndarray"
)


def own(data: Any) -> Any:
    """Return ``data``, or the values of an object of the student's process that says it is an array."""
    import numpy as np

    if mirror.is_stand_in(data) and isinstance(data, np.ndarray) and not isinstance(data, np.matrix):
        return np.asarray(data)
    return data


def _kind_problems(name: str, data: Any) -> list[str]:
    import numpy as np

    if data is None:
        return [f"'{name}' is None or not defined"]
    if not isinstance(data, np.ndarray):
        return [f"'{name}' is not a numpy array"]
    if isinstance(data, np.matrix):
        return [NO_MATRIX.format(name=name)]
    return []


def sanity_problems(name: str, num_axes: int, data: Any) -> list[str]:
    """Return what keeps ``data`` from being an array with ``num_axes`` axes of floating point or complex numbers."""
    if found := _kind_problems(name, data := own(data)):
        return found
    if data.ndim != num_axes:
        return [f"'{name}' does not have the correct number of axes--got: {data.ndim}, expected: {num_axes}"]
    if data.dtype.kind not in "fc":
        return [f"'{name}' does not consist of floating point numbers--got: '{data.dtype}'"]
    return []


def feature_problems(name: str, ref: Any, data: Any) -> list[str]:
    """Return how ``data`` differs from the array ``ref`` in type, shape or kind of dtype."""
    if found := _kind_problems(name, data := own(data)):
        return found
    if ref.shape != data.shape:
        return [f"'{name}' does not have correct shape--got: '{data.shape}', expected: '{ref.shape}'"]
    if ref.dtype.kind != data.dtype.kind:
        return [f"'{name}' does not have correct data type--got: '{data.dtype}', expected: '{ref.dtype}'"]
    return []


def close(ref: Any, data: Any, rtol: float, atol: float) -> bool:
    """Return ``numpy.allclose(ref, data)``: |ref - data| <= atol + rtol * |data| everywhere.

    A mask hides nothing from a reference that has none.
    """
    import numpy as np

    data = own(data)
    masked: Any = sys.modules.get("numpy.ma")  # a masked array can only be here if it is
    if masked and isinstance(data, masked.MaskedArray) and not isinstance(ref, masked.MaskedArray):
        data = np.asarray(data)
    return bool(np.allclose(ref, data, rtol=rtol, atol=atol))
