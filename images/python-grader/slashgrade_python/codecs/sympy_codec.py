"""SymPy: expressions as trees of class names; no text is ever parsed.

``expression.func(*expression.args) == expression`` is SymPy's own rule; only atoms need words of their own.
Constructors are given expressions, never strings: some of them would evaluate a string as Python. They evaluate
nothing: the expression is to be what it was, and ``10**10**9`` would keep them busy beyond any time limit.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy.core.function import Application, AppliedUndef
from sympy.core.relational import Relational

from slashgrade_python.codec import Decoder, Encoder
from slashgrade_python.codecs.standard_codec import ratio, ratio_tree

_ATOMS = """
Pi Exp1 ImaginaryUnit Infinity NegativeInfinity ComplexInfinity NaN EulerGamma GoldenRatio Catalan true false
EmptySet UniversalSet Reals Integers Naturals Naturals0 Rationals Complexes
"""
_SINGLETONS = {name: getattr(sympy.S, name) for name in _ATOMS.split()}
#: The classes whose constructors evaluate unless they are told not to.
_EVALUATING = (
    sympy.Add,
    sympy.Mul,
    sympy.Pow,
    Application,
    Relational,
    sympy.Union,
    sympy.Intersection,
    sympy.FiniteSet,
)
_NAMES = {value: name for name, value in _SINGLETONS.items()}


def encode(encoder: Encoder, value: Any) -> Any:
    """Return the tree of ``value``; None if it cannot be taken apart."""
    if isinstance(value, sympy.MatrixBase):
        rows, columns = value.shape
        trees = [_tree(item) for item in value.flat()]
        return None if None in trees else ["sm", rows, columns, trees, isinstance(value, sympy.ImmutableMatrix)]
    if isinstance(value, sympy.Basic):
        tree = _tree(value)
        return None if tree is None else ["sy", tree]
    return None


def _tree(value: Any) -> Any:
    """Return an expression's tree, or None."""
    if isinstance(value, sympy.Integer):
        return ["Integer", hex(value.p)]
    if isinstance(value, sympy.Rational):
        return ratio_tree("Rational", value.p, value.q)
    if isinstance(value, sympy.Float):
        sign, mantissa, exponent, bits = value._mpf_
        return ["Float", int(sign), hex(int(mantissa)), int(exponent), int(bits), int(value._prec)]
    if value in _NAMES:
        return ["S", _NAMES[value]]
    if type(value) is sympy.Symbol:
        return ["Symbol", value.name, {key: bool(on) for key, on in value._assumptions_orig.items()}]
    return _tree_of_compound(value)


def _tree_of_compound(value: Any) -> Any:
    if not value.args:
        return None
    arguments = [_tree(argument) for argument in value.args]
    if None in arguments:
        return None
    if isinstance(value, AppliedUndef):
        return ["Applied", value.func.__name__, arguments]
    name = type(value).__name__
    return [name, arguments] if getattr(sympy, name, None) is type(value) else None


def _expression(tree: Any) -> Any:
    kind = tree[0]
    if kind == "Integer":
        return sympy.Integer(int(tree[1], 16))
    if kind == "Rational":
        return sympy.Rational(*ratio(tree))
    if kind == "Float":
        sign, mantissa, exponent, bits, precision = (int(tree[1]), int(tree[2], 16), *map(int, tree[3:]))
        if bits != mantissa.bit_length():
            raise ValueError("not a floating point number")
        return sympy.Float._new((sign, mantissa, exponent, bits), precision)
    if kind == "S":
        return _SINGLETONS[tree[1]]
    if kind == "Symbol":
        return sympy.Symbol(str(tree[1]), **{str(key): bool(on) for key, on in tree[2].items()})
    if kind == "Applied":
        return sympy.Function(str(tree[1]))(*map(_expression, tree[2]))
    return _compound(getattr(sympy, kind), [_expression(argument) for argument in tree[1]])


def _compound(made: Any, arguments: list[Any]) -> Any:
    if not (isinstance(made, type) and issubclass(made, sympy.Basic)) or issubclass(made, sympy.Atom):
        raise ValueError("not a class of compound expressions")
    if issubclass(made, _EVALUATING) and made is not sympy.betainc_regularized:  # which has no such parameter
        return made(*arguments, evaluate=False)
    return made(*arguments)


def _matrix(_: Decoder, tree: Any) -> Any:
    kind = sympy.ImmutableMatrix if tree[4] else sympy.Matrix
    return kind(int(tree[1]), int(tree[2]), [_expression(item) for item in tree[3]])


DECODERS = {"sy": lambda _, tree: _expression(tree[1]), "sm": _matrix}
