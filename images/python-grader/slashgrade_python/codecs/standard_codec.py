"""The standard library's values: dates and times, decimals, fractions, deques, counters, ordered dicts."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
from typing import Any

from slashgrade_python.codec import Decoder, Encoder

_DATES = {kind.__name__: kind for kind in (datetime.date, datetime.datetime, datetime.time)}


def encode(encoder: Encoder, value: Any) -> Any:
    """Return the tree of ``value``; None if it is of a class that is not known here."""
    kind = type(value)
    if kind is decimal.Decimal:
        return ["dm", str(value)]
    if kind is fractions.Fraction:
        return ["fr", hex(value.numerator), hex(value.denominator)]
    if kind in _DATES.values() and getattr(value, "tzinfo", None) in (None, datetime.UTC):
        return ["da", kind.__name__, value.isoformat()]
    if kind is datetime.timedelta:
        return ["da", "timedelta", value.days, value.seconds, value.microseconds]
    if kind is collections.deque:
        return ["dq", encoder.items(list(value)), value.maxlen]
    if kind is collections.Counter:
        return ["ct", encoder.items(list(value)), encoder.items(list(value.values()))]
    if kind is collections.OrderedDict:
        return ["od", encoder.items(list(value)), encoder.items(list(value.values()))]
    if kind is collections.defaultdict:
        factory = encoder.encode(value.default_factory)
        return ["dd", factory, encoder.items(list(value)), encoder.items(list(value.values()))]
    return None


def _date(_: Decoder, tree: Any) -> Any:
    if tree[1] == "timedelta":
        return datetime.timedelta(*map(int, tree[2:5]))
    return _DATES[tree[1]].fromisoformat(tree[2])


def _pairs(decoder: Decoder, keys: Any, values: Any) -> dict[Any, Any]:
    return dict(zip(decoder.items(keys), decoder.items(values), strict=True))


def _default(decoder: Decoder, tree: Any) -> Any:
    factory = decoder.decode(tree[1])
    return collections.defaultdict(factory, _pairs(decoder, tree[2], tree[3]))


DECODERS = {
    "dm": lambda _, tree: decimal.Decimal(tree[1]),
    "fr": lambda _, tree: fractions.Fraction(int(tree[1], 16), int(tree[2], 16)),
    "da": _date,
    "dq": lambda decoder, tree: collections.deque(decoder.items(tree[1]), tree[2]),
    "ct": lambda decoder, tree: collections.Counter(_pairs(decoder, tree[1], tree[2])),
    "od": lambda decoder, tree: collections.OrderedDict(_pairs(decoder, tree[1], tree[2])),
    "dd": _default,
}
