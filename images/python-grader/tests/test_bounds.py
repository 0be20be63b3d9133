"""Values made to keep whoever rebuilds them busy: nothing is computed, and no single step outlasts its time."""

from __future__ import annotations

import fractions
import time

import pytest
import sympy

from slashgrade_python.codec import Decoder, Encoder, Undecodable
from slashgrade_python.execution import Program
from slashgrade_python.limits import TimedOut, limited


class Nothing:
    """Objects of a link that has none."""

    def tree_of(self, _value, _encoder):
        return ["object"]

    def value_of(self, tree, _decoder):
        raise Undecodable(str(tree))


def decoded(tree):
    return Decoder(Nothing(), []).decode(tree)


def integer(value):
    return ["Integer", hex(value)]


X = sympy.Symbol("x")
UNEVALUATED = [
    sympy.Pow(10, 64, evaluate=False),
    sympy.Mul(2, X + 1, evaluate=False),
    sympy.Add(X, X, evaluate=False),
    sympy.factorial(20, evaluate=False),
    sympy.Eq(2, 2, evaluate=False),
    sympy.Max(1, 2, evaluate=False),
    sympy.factor(2 * X**2 + 4 * X + 2),
    sympy.Integral(X**2, (X, 0, 1)),
    sympy.Derivative(sympy.sin(X), X),
    sympy.And(X > 1, X < 3),
    sympy.Interval(0, 1),
    sympy.FiniteSet(1, 2),
    sympy.betainc_regularized(X, 1, 0, 1),
]


@pytest.mark.parametrize("value", UNEVALUATED, ids=str)
def test_expressions_are_rebuilt_as_they_were(value):
    tree = Encoder(Nothing()).encode(value)
    assert tree[0] == "sy"
    got = decoded(tree)
    assert (type(got), got.args, got) == (type(value), value.args, value)


@pytest.mark.parametrize("name", ["Pow", "factorial", "binomial", "fibonacci", "primepi", "totient"])
def test_forged_expressions_compute_nothing(name):
    size = {"Pow": 3, "factorial": 20, "primepi": 100, "fibonacci": 20, "totient": 20, "binomial": 20}[name]
    arguments = [integer(size)] if name in ("factorial", "fibonacci", "primepi", "totient") else [integer(size)] * 2
    got = decoded(["sy", [name, arguments]])
    assert type(got) is getattr(sympy, name)


@pytest.mark.parametrize(
    "tree",
    [
        ["sy", ["RealNumber", [integer(3)]]],
        ["sy", ["Integer", [integer(3)]]],
        ["sy", ["Float", 0, "0x3", 0, 10**9, 53]],
        ["sy", ["Rational", hex(3**200_000), hex(2**200_000)]],
        ["fr", hex(3**200_000), hex(2**200_000)],
        ["fr", hex(2**200_000), hex(3**200_000)],
    ],
    ids=lambda tree: str(tree)[:40],
)
def test_forged_numbers_are_refused(tree):
    with pytest.raises(Undecodable):
        decoded(tree)


def test_fractions_up_to_the_bound_cross_and_larger_ones_stay(student):
    source = "from fractions import Fraction\nx, y = Fraction(3**50_000, 2**50_000), Fraction(3**200_000, 2**200_000)"
    loaded = student.load(Program(source, "user_code.py"), ["x", "y"])
    assert type(loaded.values["x"]) is fractions.Fraction
    assert type(loaded.values["y"]) is not fractions.Fraction
    assert loaded.values["y"] == loaded.values["x"] ** 4


#: Numbers that all have one hash, so that each is compared with all before it: together they would take minutes.
COLLIDING = [["i", hex(k * (2**61 - 1))] for k in range(5, 200_000)]


@pytest.mark.parametrize("tag", ["s", "f", "d", "ct", "od"])
def test_colliding_items_do_not_outlast_the_time(tag):
    parts = [COLLIDING] if tag in ("s", "f") else [COLLIDING, COLLIDING]
    begun = time.monotonic()
    with pytest.raises(TimedOut), limited(0.5):
        decoded([tag, *parts])
    assert time.monotonic() - begun < 15
