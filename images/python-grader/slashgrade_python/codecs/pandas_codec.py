"""pandas: frames, series, indexes, timestamps. Their arrays cross as NumPy arrays; extension types by their name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from slashgrade_python.codec import Decoder, Encoder


def encode(encoder: Encoder, value: Any) -> Any:
    """Return the tree of ``value``; None if it is of a class that is not known here."""
    kind = type(value)
    if kind is pd.DataFrame:
        encoder.meet(value)
        columns = [_array(encoder, value.iloc[:, number].array) for number in range(value.shape[1])]
        return ["df", _index(encoder, value.index), _index(encoder, value.columns), columns]
    if kind is pd.Series:
        encoder.meet(value)
        return ["se", _index(encoder, value.index), encoder.encode(value.name), _array(encoder, value.array)]
    if isinstance(value, pd.Index):
        return ["ix", _index(encoder, value)]
    if kind is pd.Timestamp:
        return ["ts", value.value, None if value.tz is None else str(value.tz)]
    if kind is pd.Timedelta:
        return ["td", value.value]
    if value is pd.NA or value is pd.NaT:
        return ["na", "NA" if value is pd.NA else "NaT"]
    return None


def _index(encoder: Encoder, index: Any) -> Any:
    names = encoder.items(list(index.names))
    if isinstance(index, pd.MultiIndex):
        levels = [_index(encoder, level) for level in index.levels]
        return ["mi", names, levels, [encoder.encode(np.asarray(codes)) for codes in index.codes]]
    if isinstance(index, pd.RangeIndex):
        return ["ri", names, index.start, index.stop, index.step]
    freq = getattr(index, "freqstr", None) if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    return ["in", names, _array(encoder, index.array), freq]


def _array(encoder: Encoder, array: Any) -> Any:
    """Return a column's tree: its dtype's name and its items as something simpler."""
    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        return ["", encoder.encode(np.asarray(array))]
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _index(encoder, dtype.categories)
        return ["category", encoder.encode(np.asarray(array.codes)), categories, bool(dtype.ordered)]
    if isinstance(dtype, pd.DatetimeTZDtype):
        return ["tz", encoder.encode(np.asarray(array.asi8)), dtype.unit, str(dtype.tz)]
    return ["by name", str(dtype), encoder.encode(array.astype(object))]


def _decode_array(decoder: Decoder, tree: Any) -> Any:
    kind = tree[0]
    if kind == "":
        return decoder.decode(tree[1])
    if kind == "category":
        categories = _decode_index(decoder, tree[2])
        codes = decoder.decode(tree[1])
        return pd.Categorical.from_codes(codes, categories=categories, ordered=bool(tree[3]))
    if kind == "tz":
        moments = decoder.decode(tree[1]).view(f"M8[{tree[2]}]")
        return pd.DatetimeIndex(moments, tz="UTC").tz_convert(tree[3]).array
    return pd.array(decoder.decode(tree[2]), dtype=tree[1])


def _decode_index(decoder: Decoder, tree: Any) -> Any:
    names = decoder.items(tree[1])
    if tree[0] == "mi":
        levels = [_decode_index(decoder, level) for level in tree[2]]
        return pd.MultiIndex(levels=levels, codes=[decoder.decode(codes) for codes in tree[3]], names=names)
    if tree[0] == "ri":
        start, stop, step = tree[2:5]
        return pd.RangeIndex(start, stop, step, name=names[0])
    index = pd.Index(_decode_array(decoder, tree[2]), name=names[0])
    if tree[3] is not None:
        index = type(index)(index, freq=tree[3])
    return index


def _decode_frame(decoder: Decoder, tree: Any) -> Any:
    number = decoder.meet()
    index, columns = _decode_index(decoder, tree[1]), _decode_index(decoder, tree[2])
    arrays = [_decode_array(decoder, column) for column in tree[3]]
    frame = pd.DataFrame(dict(enumerate(arrays)), index=index)
    frame.columns = columns
    decoder.met[number] = frame
    return frame


def _decode_series(decoder: Decoder, tree: Any) -> Any:
    number = decoder.meet()
    index, name = _decode_index(decoder, tree[1]), decoder.decode(tree[2])
    decoder.met[number] = series = pd.Series(_decode_array(decoder, tree[3]), index=index, name=name)
    return series


def _decode_timestamp(_: Decoder, tree: Any) -> Any:
    return pd.Timestamp(tree[1]) if tree[2] is None else pd.Timestamp(tree[1], tz=tree[2])


DECODERS = {
    "df": _decode_frame,
    "se": _decode_series,
    "ix": lambda decoder, tree: _decode_index(decoder, tree[1]),
    "ts": _decode_timestamp,
    "td": lambda _, tree: pd.Timedelta(tree[1], unit="ns"),
    "na": lambda _, tree: pd.NA if tree[1] == "NA" else pd.NaT,
}
