"""NumPy: arrays, masked arrays, matrices, scalars, dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from slashgrade_python.codec import Decoder, Encoder

#: Kinds of dtype whose items are plain bytes.
_PLAIN = frozenset("?biufcmMSUV")


def encode(encoder: Encoder, value: Any) -> Any:
    """Return the tree of ``value``; None if it is of a class that is not known here."""
    kind = type(value)
    if kind is np.ndarray or kind is np.matrix:
        return _encode_array(encoder, value)
    if kind is np.ma.MaskedArray:
        return ["ma", encoder.encode(np.asarray(value.data)), encoder.encode(np.ma.getmaskarray(value))]
    if isinstance(value, np.generic) and value.dtype.kind in _PLAIN:
        return ["ns", _dtype_tree(value.dtype), encoder.buffer(np.asarray(value).tobytes())]
    if isinstance(value, np.dtype) and _is_plain(value):
        return ["dt", _dtype_tree(value)]
    return None


def _encode_array(encoder: Encoder, value: Any) -> Any:
    matrix = type(value) is np.matrix
    if _is_plain(value.dtype):
        encoder.meet(value)
        data = np.ascontiguousarray(value).reshape(-1).view(np.uint8) if value.size else np.empty(0, np.uint8)
        return ["nd", _dtype_tree(value.dtype), list(value.shape), encoder.buffer(np.asarray(data)), matrix]
    if value.dtype.kind == "O":
        encoder.meet(value)
        return ["no", list(value.shape), encoder.items(np.asarray(value).reshape(-1).tolist()), matrix]
    return None


def _is_plain(dtype: Any) -> bool:
    return dtype.kind in _PLAIN and not dtype.hasobject


def _dtype_tree(dtype: Any) -> Any:
    """Return a dtype as text, or as a description if it has fields."""
    return dtype.str if dtype.names is None else [[name, _dtype_tree(dtype[name])] for name in dtype.names]


def _dtype(tree: Any) -> Any:
    fields = tree if isinstance(tree, str) else [(str(name), _dtype(field)) for name, field in tree]
    dtype = np.dtype(fields)
    if not _is_plain(dtype):
        raise ValueError("not a plain dtype")
    return dtype


def _decode_array(decoder: Decoder, tree: Any) -> Any:
    _, dtype, shape, buffer, matrix = tree
    array = np.frombuffer(decoder.buffer(buffer), dtype=_dtype(dtype)).reshape(shape).copy()
    value = array.view(np.matrix) if matrix else array
    decoder.meet(value)
    return value


def _decode_objects(decoder: Decoder, tree: Any) -> Any:
    _, shape, items, matrix = tree
    array = np.empty(len(items), dtype=object)
    value = array.reshape(shape)
    value = value.view(np.matrix) if matrix else value
    decoder.meet(value)
    for index, item in enumerate(decoder.items(items)):
        array[index] = item
    return value


def _decode_scalar(decoder: Decoder, tree: Any) -> Any:
    return np.frombuffer(decoder.buffer(tree[2]), dtype=_dtype(tree[1]))[0]


DECODERS = {
    "nd": _decode_array,
    "no": _decode_objects,
    "ns": _decode_scalar,
    "ma": lambda decoder, tree: np.ma.MaskedArray(decoder.decode(tree[1]), decoder.decode(tree[2])),
    "dt": lambda decoder, tree: _dtype(tree[1]),
}
