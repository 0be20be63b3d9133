"""The standard library's values: dates and times, decimals, fractions, deques, counters, ordered dicts."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
from typing import Any

from slashgrade_python.codec import Decoder, Encoder, fill

#: Bits of a fraction's numerator and denominator above which it stays where it is. Reducing one takes time with the
#: square of them: at this bound a few tenths of a second, which no time limit can interrupt.
FRACTION_BITS = 1 << 18

_DATES = {kind.__name__: kind for kind in (datetime.date, datetime.datetime, datetime.time)}


def encode(encoder: Encoder, value: Any) -> Any:
    """Return the tree of ``value``; None if it is of a class that is not known here."""
    kind = type(value)
    if kind is decimal.Decimal:
        return ["dm", str(value)]
    if kind is fractions.Fraction:
        return ratio_tree("fr", value.numerator, value.denominator)
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


def ratio_tree(tag: str, numerator: int, denominator: int) -> Any:
    """Return the tree of a fraction; None if it is too large."""
    if max(numerator.bit_length(), denominator.bit_length()) > FRACTION_BITS:
        return None
    return [tag, hex(numerator), hex(denominator)]


def ratio(tree: Any) -> tuple[int, int]:
    """Return numerator and denominator of such a tree. Raises ValueError if they are too large."""
    numerator, denominator = int(tree[1], 16), int(tree[2], 16)
    if max(numerator.bit_length(), denominator.bit_length()) > FRACTION_BITS:
        raise ValueError("too large a fraction")
    return numerator, denominator


def _date(_: Decoder, tree: Any) -> Any:
    if tree[1] == "timedelta":
        return datetime.timedelta(*map(int, tree[2:5]))
    return _DATES[tree[1]].fromisoformat(tree[2])


def _pairs(decoder: Decoder, keys: Any, values: Any) -> dict[Any, Any]:
    pairs: dict[Any, Any] = {}
    fill(pairs, decoder.items(keys), decoder.items(values))
    return pairs


def _default(decoder: Decoder, tree: Any) -> Any:
    factory = decoder.decode(tree[1])
    return collections.defaultdict(factory, _pairs(decoder, tree[2], tree[3]))


DECODERS = {
    "dm": lambda _, tree: decimal.Decimal(tree[1]),
    "fr": lambda _, tree: fractions.Fraction(*ratio(tree)),
    "da": _date,
    "dq": lambda decoder, tree: collections.deque(decoder.items(tree[1]), tree[2]),
    "ct": lambda decoder, tree: collections.Counter(_pairs(decoder, tree[1], tree[2])),
    "od": lambda decoder, tree: collections.OrderedDict(_pairs(decoder, tree[1], tree[2])),
    "dd": _default,
}
