"""Student's subclasses of list, dict, tuple, numbers: Feedback's checks take them by what they hold, not by what they say."""

from __future__ import annotations

import pytest

from slashgrade_python.execution import Program
from slashgrade_python.feedback import Book, Feedback

HONEST = """
import enum, typing
from collections import Counter, OrderedDict

class Cart(list):
    owner = "me"
    def total(self): return sum(self)
class Deeper(Cart): pass
class Table(dict): pass
class Count(Counter): pass
class Order(OrderedDict): pass
class Pair(tuple):
    def swapped(self): return Pair(self[::-1])
class Vector(typing.NamedTuple):
    a: int
    b: int
    def norm(self): return self.a + self.b
class Point(typing.NamedTuple):
    a: int
    b: int
class Metres(float): pass
class Whole(int): pass
class Level(enum.IntEnum): HIGH = 3
class Wave(complex): pass
class Name(str): pass
class Unique(set): pass

cart, deeper = Cart([1, 2]), Deeper([1, 2])
table, count, order = Table(a=1, b=2), Count(a=1, b=2), Order(a=1, b=2)
pair, vector, point = Pair((1, 2)), Vector(1, 2), Point(1, 2)
metres, whole, level, wave = Metres(3.0), Whole(10**30 + 1), Level.HIGH, Wave(3 + 1j)
name, unique, nested = Name("n"), Unique([1]), [Cart([1]), Cart([2])]
"""

LYING = """
class Always:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __len__(self): return 2
    def __iter__(self): return iter(self.lie)
    def __contains__(self, key): return True
    def __getitem__(self, key): return dict(a=1, b=2)[key] if key in ("a", "b") else (1, 2)[key]
    def keys(self): return ["a", "b"]
    def items(self): return [("a", 1), ("b", 2)]
    def __sub__(self, other): return 0
    def __rsub__(self, other): return 0
    def __abs__(self): return 0
    def __float__(self): return 3.0
    def __int__(self): return 3
    def __class_getitem__(cls, _): return cls
class Cart(Always, list): lie = (1, 2)
class Table(Always, dict): lie = ("a", "b")
class Pair(Always, tuple): lie = (1, 2)
class Metres(Always, float): lie = ()
class Whole(Always, int): lie = ()
class Claims(Always):
    lie = (1, 2)
Claims.__module__, Claims.__qualname__ = "functools", "_CacheInfo"
class Counted(Always):
    lie = ("a", "b")
Counted.__module__, Counted.__qualname__ = "collections", "Counter"
class Posing:
    __class__ = list
    def __len__(self): return 2

cart, table, pair, metres, whole = Cart([9]), Table(a=7, b=7), Pair((8, 9)), Metres(9.0), Whole(9)
claims, counted, posing = Claims(), Counted(), Posing()
"""


@pytest.fixture(autouse=True)
def book():
    Feedback.book = Book(current="test_0")
    return Feedback.book


def load(student, source, names):
    loaded = student.load(Program(source, "user_code.py"), names.split())
    assert loaded.failure is None, loaded.failure
    return loaded.values


def says(method, *args):
    """Return what a check says of ``v``, without the line's end."""
    good = getattr(Feedback, method)("v", *args)
    text = Feedback.book.pages.pop("test_0")[0].rstrip("\n")
    assert good is (text == "'v' looks good")
    return text


@pytest.mark.parametrize(
    ("name", "method", "ref", "wrong", "told"),
    [
        ("cart", "check_list", [7, 8], [1], "'v' has the wrong length--expected 1, got 2"),
        ("deeper", "check_list", [7, 8], [1], "'v' has the wrong length--expected 1, got 2"),
        ("table", "check_dict", {"a": 1, "b": 2}, {"a": 1}, "'v' has extra keys: `b`"),
        (
            "count",
            "check_dict",
            {"a": 1, "b": 2},
            {"a": 1, "b": 3},
            "'v' has key `b` with value `2`, which is not correct",
        ),
        ("order", "check_dict", {"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 0}, "'v' has missing keys: `c`"),
        ("pair", "check_tuple", (1, 2), (1, 3), "'v' is inaccurate"),
        ("vector", "check_tuple", (1, 2), (1, "a"), "v[1] should be of type str"),
        ("point", "check_tuple", (1, 2), (1,), "v should be of length 1"),
        ("metres", "check_scalar", 3, 4, "'v' is inaccurate"),
        ("whole", "check_scalar", 10**30 + 1, 10**31, "'v' is inaccurate"),
        ("level", "check_scalar", 3, 4, "'v' is inaccurate"),
        ("wave", "check_scalar", 3 + 1j, 3, "'v' is inaccurate"),
        ("name", "check_list", None, None, "'v' is not a list"),
        ("cart", "check_tuple", None, None, "v is not a tuple"),
        ("cart", "check_dict", None, None, "'v' is not a dict, got type Cart"),
        ("pair", "check_scalar", None, None, "'v' is not a number"),
        ("name", "check_scalar", None, None, "'v' is not a number"),
    ],
)
def test_honest_subclasses_are_judged_by_what_they_hold(student, name, method, ref, wrong, told):
    value = load(student, HONEST, name)[name]
    if ref is not None:
        assert says(method, ref, value) == "'v' looks good"
    assert says(method, wrong, value) == told


def test_entries_may_be_of_a_subclass(student):
    nested = load(student, HONEST, "nested")["nested"]
    assert says("check_list", [0, 0], nested, list) == "'v' looks good"
    assert says("check_list", [0, 0], nested, tuple) == "'v[0]' has the wrong type"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cart", list),
        ("table", dict),
        ("count", dict),
        ("pair", tuple),
        ("metres", float),
        ("whole", int),
        ("level", int),
        ("wave", complex),
        ("name", str),
        ("unique", set),
        ("vector", tuple),
    ],
)
def test_isinstance_knows_what_a_subclass_derives_from(student, name, kind):
    values = load(student, HONEST, f"{name} Cart")
    assert isinstance(values[name], kind)
    assert not isinstance(values[name], bytes)
    assert isinstance(values[name], values["Cart"]) is (name == "cart")


def test_subclasses_are_operands_on_the_right(student):
    values = load(student, HONEST, "cart pair name table unique metres wave")
    assert [0] + values["cart"] == [0, 1, 2]
    assert (0,) + values["pair"] == (0, 1, 2)
    assert "a " + values["name"] == "a n"
    assert {"c": 3} | values["table"] == {"a": 1, "b": 2, "c": 3}
    assert {2} | values["unique"] == {1, 2}
    assert (1 + values["metres"], 1 - values["wave"]) == (4.0, -2 - 1j)
    for other in ([0], "a"):
        with pytest.raises(TypeError):
            other + values["pair"]


def test_subclass_may_have_an_addition_of_its_own(student):
    source = "class Own(list):\n    def __radd__(self, other): return ('mine', other)\nx = Own([1])"
    assert [0] + load(student, source, "x")["x"] == ("mine", [0])


def test_subclasses_keep_their_own_attributes(student):
    values = load(student, HONEST, "cart vector pair")
    assert (values["cart"].owner, values["cart"].total()) == ("me", 3)
    assert values["vector"].norm() == 3
    assert says("check_tuple", (2, 1), values["pair"].swapped()) == "'v' looks good"


@pytest.mark.parametrize(
    ("name", "method", "ref", "told"),
    [
        ("cart", "check_list", [1, 2], "'v' has the wrong length--expected 2, got 1"),
        ("table", "check_dict", {"a": 1, "b": 2}, "'v' has key `a` with value `7`, which is not correct"),
        ("table", "check_dict", {"a": 7, "z": 7}, "'v' has missing keys: `z`"),
        ("pair", "check_tuple", (1, 2), "'v' is inaccurate"),
        ("metres", "check_scalar", 3.0, "'v' is inaccurate"),
        ("whole", "check_scalar", 3, "'v' is inaccurate"),
        ("claims", "check_tuple", (1, 2), "v is not a tuple"),
        ("counted", "check_dict", {"a": 1, "b": 2}, "'v' is not a dict, got type Counted"),
        ("posing", "check_list", [1, 2], "'v' is not a list"),
    ],
)
def test_lying_subclasses_are_judged_by_what_they_hold(student, name, method, ref, told):
    assert says(method, ref, load(student, LYING, name)[name]) == told


def test_lies_would_pass_if_they_were_asked(student):
    values = load(student, LYING, "pair table claims")
    assert values["pair"] == (1, 2)
    assert list(values["table"]) == ["a", "b"]
    assert isinstance(values["claims"], tuple)
