"""What crosses between the tester and a student's process, and how."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import inspect
import io
import math
import os
import random
import sqlite3
import sys
import unittest
from contextlib import redirect_stdout

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import sympy

from slashgrade_python import modules
from slashgrade_python.checks import arrays, containers, frames, scalars
from slashgrade_python.execution import Program
from slashgrade_python.feedback import Feedback
from slashgrade_python.limits import TimedOut, limited
from slashgrade_python.outcomes import Kind, Vanished


def load(student, source, names, **options):
    got = student.load(Program(source, "/grade/run/user_code.py", **options), names.split())
    assert got.failure is None, got
    return got.values


def same(student, source, name="x"):
    return load(student, source, name)[name]


LOOP = "x = [1]\nx.append(x)"
VALUES = {
    "None": None,
    "True": True,
    "-3": -3,
    "10**5000": 10**5000,
    "2.5": 2.5,
    "float('inf')": math.inf,
    "1+2j": 1 + 2j,
    "'é\\ud800'": "é\ud800",
    "b'\\x00\\xff'": b"\x00\xff",
    "[1, 'a', [2.5, None]]": [1, "a", [2.5, None]],
    "(1, (2,))": (1, (2,)),
    "{1: 'a', (2, 3): {4}}": {1: "a", (2, 3): {4}},
    "frozenset({1})": frozenset({1}),
    "bytearray(b'ab')": bytearray(b"ab"),
    "range(1, 9, 2)": range(1, 9, 2),
    "slice(1, None)": slice(1, None),
    "...": ...,
    "int": int,
    "ValueError": ValueError,
}


@pytest.mark.parametrize("text", VALUES)
def test_plain_values(student, text):
    got = same(student, f"x = {text}")
    assert got == VALUES[text]
    assert type(got) is type(VALUES[text])


LIBRARY = {
    "np.arange(6.).reshape(2, 3).T": np.arange(6.0).reshape(2, 3).T,
    "np.array(['a', 'bc'])": np.array(["a", "bc"]),
    "np.array([1, 'a', None], dtype=object)": np.array([1, "a", None], dtype=object),
    "np.zeros((0, 3), np.int8)": np.zeros((0, 3), np.int8),
    "np.array([('a', 1)], dtype=[('n', 'U3'), ('k', 'i4')])": np.array([("a", 1)], dtype=[("n", "U3"), ("k", "i4")]),
    "np.float32(0.1)": np.float32(0.1),
    "np.datetime64('2024-01-02')": np.datetime64("2024-01-02"),
    "np.matrix([[1, 2]])": np.matrix([[1, 2]]),
    "np.ma.array([1, 2], mask=[0, 1])": np.ma.array([1, 2], mask=[0, 1]),
    "np.dtype('f4')": np.dtype("f4"),
    "np.float64": np.float64,
    "datetime.datetime(2024, 1, 2, 3, 4)": datetime.datetime(2024, 1, 2, 3, 4),
    "datetime.timedelta(days=1, microseconds=5)": datetime.timedelta(days=1, microseconds=5),
    "decimal.Decimal('1.10')": decimal.Decimal("1.10"),
    "fractions.Fraction(1, 3)": fractions.Fraction(1, 3),
    "collections.Counter('aab')": collections.Counter("aab"),
    "collections.deque([1, 2], 3)": collections.deque([1, 2], 3),
    "collections.defaultdict(list, {1: [2]})": collections.defaultdict(list, {1: [2]}),
    "collections.OrderedDict(b=1, a=2)": collections.OrderedDict(b=1, a=2),
    "sympy.sin(sympy.Symbol('t', positive=True))**2 + sympy.pi/3": sympy.sin(sympy.Symbol("t", positive=True)) ** 2
    + sympy.pi / 3,
    "sympy.Matrix([[1, sympy.Float('0.5')]])": sympy.Matrix([[1, sympy.Float("0.5")]]),
    "sympy.Function('g')(sympy.Symbol('t')).diff()": sympy.Function("g")(sympy.Symbol("t")).diff(),
    "pd.Timestamp('2024-01-02', tz='UTC')": pd.Timestamp("2024-01-02", tz="UTC"),
    "pd.Timedelta('1h')": pd.Timedelta("1h"),
}
IMPORTS = "import collections, datetime, decimal, fractions\nimport numpy as np, pandas as pd, sympy, networkx as nx\n"


@pytest.mark.parametrize("text", LIBRARY)
def test_library_values(student, text):
    got = same(student, f"{IMPORTS}x = {text}")
    expected = LIBRARY[text]
    assert type(got) is type(expected)
    if isinstance(expected, np.ndarray):
        assert got.dtype == expected.dtype
        assert np.array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(expected))
        np.testing.assert_array_equal(got, expected)
    else:
        assert got == expected


FRAMES = [
    "pd.DataFrame({'a': [1, 2], 'b': ['u', None]}, index=['x', 'y'])",
    "pd.DataFrame({'t': pd.date_range('2024', periods=3, tz='Europe/Berlin'), 'c': pd.Categorical(['a', 'b', 'a'])})",
    "pd.DataFrame({'n': pd.array([1, None], dtype='Int64'), 's': pd.array(['a', None], dtype='string')})",
    "pd.DataFrame([[1, 2], [3, 4]], columns=pd.MultiIndex.from_tuples([('a', 1), ('b', 2)]))",
    "pd.DataFrame({'a': [1, 1], 'v': [2.5, 3]}).groupby('a').mean()",
    "pd.DataFrame({'v': [1, 2]}, index=pd.date_range('2024', periods=2, freq='D', name='day'))",
    "pd.DataFrame(columns=['a'])",
]


@pytest.mark.parametrize("text", FRAMES)
def test_frames(student, text):
    pd.testing.assert_frame_equal(same(student, f"{IMPORTS}x = {text}"), eval(text))


def test_series_and_index(student):
    got = load(student, IMPORTS + "x = pd.Series([1, 2], name='n')\ny = pd.Index(['a'], name='i')", "x y")
    pd.testing.assert_series_equal(got["x"], pd.Series([1, 2], name="n"))
    pd.testing.assert_index_equal(got["y"], pd.Index(["a"], name="i"))


def test_graph(student):
    got = same(student, IMPORTS + "x = nx.DiGraph()\nx.add_edge('a', 'b', weight=2)\nx.nodes['a']['n'] = 1")
    assert type(got) is nx.DiGraph
    assert dict(got.nodes(data=True)) == {"a": {"n": 1}, "b": {}}
    assert list(got.edges(data=True)) == [("a", "b", {"weight": 2})]


def test_cycles_and_shared_references(student):
    got = load(student, "x = [1]\nx.append(x)\nb = []\ny = [b, b]", "x y")
    assert got["x"][1] is got["x"]
    assert got["y"][0] is got["y"][1]


def test_named_tuple(student):
    got = same(student, "from collections import namedtuple\nP = namedtuple('P', 'a b')\nx = [P(1, 2), P(3, 4)]")
    assert got[0] == (1, 2)
    assert got[1].b == 4
    assert type(got[0]) is type(got[1])
    assert type(got[0]).__name__ == "P"


# ---------------------------------------------------------------------- functions


def test_function_looks_like_a_function(student):
    f = same(student, "def x(a, b=2, /, *c, d, e=5, **k):\n    'Doc.'\n    return (a, b, c, d, e, k)")
    assert inspect.isfunction(f)
    assert (f.__name__, f.__doc__) == ("x", "Doc.")
    assert str(inspect.signature(f)) == "(a, b=2, /, *c, d, e=5, **k)"
    assert f(1, d=4, z=9) == (1, 2, (), 4, 5, {"z": 9})


def test_arguments_are_changed_in_place(student):
    f = same(
        student,
        "import numpy as np\ndef x(a, d, s, m):\n    a.sort(); d['k'] = a; s.add(1); m *= 2; a[0].append(7)\n    return a",
    )
    a, d, s, m = [[3], [2]], {}, set(), np.ones(2)
    inner = a[1]
    assert f(a, d, s, m) is a
    assert a == [[2, 7], [3]]
    assert a[0] is inner
    assert d["k"] is a
    assert s == {1}
    assert m.tolist() == [2, 2]


def test_frame_is_changed_in_place(student):
    f = same(student, "def x(d):\n    d['b'] = d.a * 2\n    d.drop(index=0, inplace=True)")
    frame = pd.DataFrame({"a": [1, 2]})
    f(frame)
    assert frame.to_dict("list") == {"a": [2], "b": [4]}


def test_values_of_names_keep_in_step(student):
    got = load(
        student,
        "cart = []\nd = {}\ndef add(v): cart.append(v); d[v] = cart\ndef size(): return len(cart)",
        "cart d add size",
    )
    got["add"](3)
    assert got["cart"] == [3]
    assert got["d"][3] is got["cart"]
    got["cart"].append(4)
    assert got["size"]() == 2


NODE = """
class Node:
    def __init__(self, value, *children):
        self.value, self.children = value, list(children)
        self.marks = {}
        self.tags = set()
        self.rows = [[0], [1]]
    def total(self): return self.value + sum(child.total() for child in self.children)
    def clear(self): self.children.clear()
    def __getitem__(self, name): return self.rows
root = Node(1)
many = [Node(i) for i in range(300)]
"""


def test_containers_in_attributes_keep_in_step(student):
    st = load(student, NODE, "Node root many")
    root = st["root"]
    root.children.append(st["Node"](2))
    root.children[0].children.append(st["Node"](3))
    assert root.total() == 6
    root.marks["a"] = 1
    root.tags.add("t")
    root.rows[0].append(9)
    root["rows"].append("new")
    assert (root.marks, root.tags, root.rows) == ({"a": 1}, {"t"}, [[0, 9], [1], "new"])
    children = root.children
    assert root.children is children
    root.clear()
    assert children == []


def test_few_of_the_containers_in_attributes_are_kept(student):
    st = load(student, NODE, "Node root many")
    early = st["root"].children
    for node in st["many"]:
        node.children.append(st["Node"](1))
    assert sum(node.total() for node in st["many"]) == 300 + sum(range(300))
    assert st["root"].children is not early
    assert st["root"].children == early


def test_late_answer_with_containers_keeps_both_sides_in_step(student):
    source = (
        "import time\nclass Slow:\n    def __init__(self): self.items = [1]\n    @property\n    def late(self):\n"
        "        try: time.sleep(60)\n        except BaseException: pass\n        return [2]\nx = Slow()"
    )
    x = same(student, source)
    with pytest.raises(TimedOut), limited(0.3):
        _ = x.late
    x.items.append(2)
    assert x.items == [1, 2]


def test_callbacks_and_their_side_effects(student):
    f = same(student, "def x(g, n): return [g(k) for k in range(n)]")
    calls = []
    assert f(lambda k: calls.append(k) or k * 2, 3) == [0, 2, 4]
    assert calls == [0, 1, 2]
    assert f(math.sqrt, 2) == [0.0, 1.0]


def test_closed_functions_run_at_the_other_side(student):
    f = same(student, "import os\ndef x(g): return g(3), type(g).__name__, os.getpid()")
    power = 2
    assert f(lambda v: v**power)[:2] == (9, "function")


def test_functions_of_the_reference_stay_here(student):
    scope = {}
    exec(compile("def ref(v): return v + 1", "ans.py", "exec"), scope)
    f = same(
        student,
        "def x(g):\n    try: names = g.__code__.co_consts\n    except Exception: names = None\n    return g(1), names",
    )
    value, constants = f(scope["ref"])
    assert value == 2
    assert 1 not in (constants or ())


def test_recursion_through_both_sides(student):
    f = same(student, "def x(g, n): return n if n == 0 else 1 + g(n - 1)")

    def g(n):
        return f(g, n)

    assert f(g, 10) == 10


def test_generators_and_iterators(student):
    f = same(student, "def x(n):\n    for i in range(n): yield i, [i]")
    assert list(f(3)) == [(0, [0]), (1, [1]), (2, [2])]


def test_decorated_partial_and_builtin_callables(student):
    got = load(
        student,
        "import functools, math\nx = functools.lru_cache(lambda n: n + 1)\ny = functools.partial(pow, 2)\nz = math.sin",
        "x y z",
    )
    assert got["x"](1) == 2
    assert got["x"].cache_info().misses == 1
    assert got["y"](3) == 8
    assert got["z"](0) == 0.0


def test_random_numbers_that_tests_seed(student):
    f = same(student, "import random, numpy as np\ndef x(): return random.random(), float(np.random.rand())")
    random.seed(3)
    np.random.seed(4)
    expected = (random.Random(3).random(), float(np.random.RandomState(4).rand()))
    assert f() == expected


def test_prints_go_where_tests_direct_them(student):
    f = same(student, "import sys\ndef x(g):\n    print('one')\n    g()\n    sys.stdout.write('three')")
    out = io.StringIO()
    with redirect_stdout(out):
        f(lambda: print("two"))
    assert out.getvalue() == "one\ntwo\nthree"


def test_standard_input_that_tests_provide(student, monkeypatch):
    f = same(student, "import sys\ndef x(): return input('? '), sys.stdin.read()")
    with pytest.raises(EOFError, match=r"input\(\) was called"):
        f()
    monkeypatch.setattr("sys.stdin", io.StringIO("5\nrest\n"))
    out = io.StringIO()
    with redirect_stdout(out):
        assert f() == ("5", "rest\n")
    assert out.getvalue() == "? "


# ---------------------------------------------------------------------- classes, objects, exceptions

STACK = """
class Stack:
    limit = 3
    def __init__(self, items=()): self.items = list(items)
    def push(self, v):
        if len(self.items) >= self.limit: raise Full(v)
        self.items.append(v)
    def __len__(self): return len(self.items)
    def __getitem__(self, i): return self.items[i]
    def __eq__(self, o): return isinstance(o, Stack) and self.items == o.items
    def __add__(self, o): return Stack(self.items + o.items)
    def __iadd__(self, o): self.items += o.items; return self
    def __str__(self): return f'Stack{self.items}'
    def __enter__(self): return self
    def __exit__(self, *a): self.items.clear(); return True
    @property
    def top(self): return self.items[-1]
    @classmethod
    def of(cls, *v): return cls(v)
class Small(Stack): limit = 1
class Full(ValueError):
    def __init__(self, value): super().__init__('full'); self.value = value
"""


def test_objects(student):
    got = load(student, STACK, "Stack Small Full")
    stack, small = got["Stack"](), got["Small"].of(1)
    stack.push(1)
    assert stack.items == [1]
    assert (len(stack), stack[0], stack.top, str(stack)) == (1, 1, 1, "Stack[1]")
    assert list(stack) == [1]
    assert isinstance(small, got["Stack"])
    assert issubclass(got["Small"], got["Stack"])
    assert not isinstance(stack, got["Small"])
    assert type(stack).__name__ == "Stack"
    assert stack == small
    assert (stack + small).items == [1, 1]
    same_stack = stack
    stack += small
    assert stack is same_stack
    assert stack != 3
    stack.items = [5]
    assert stack.top == 5
    assert got["Stack"].limit == 3
    got["Stack"].limit = 9
    assert stack.limit == 9
    assert hasattr(stack, "push")
    assert not hasattr(stack, "pop")
    assert "push" in dir(stack)
    with pytest.raises(TypeError):
        hash(stack)
    with stack as inside:
        assert inside is stack
        raise KeyError
    assert len(stack) == 0


def test_exceptions_of_the_student(student):
    got = load(student, STACK + "\ndef f(): return 1/0", "Small Full f")
    small = got["Small"].of(1)
    with pytest.raises(got["Full"]) as caught:
        small.push(2)
    assert isinstance(caught.value, ValueError)
    assert (str(caught.value), caught.value.value, caught.value.args) == ("full", 2, ("full",))
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        got["f"]()


def test_library_exceptions(student):
    f = same(student, "import numpy as np\ndef x(): np.linalg.inv(np.zeros((2, 2)))")
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        f()


def test_axes_are_axes(student):
    import matplotlib as mpl
    from matplotlib.axes import Axes

    mpl.use("Agg")
    ax = same(
        student,
        "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\n_, x = plt.subplots()\nx.plot([1, 2], [3, 4], color='red')\nx.set_title('t')",
    )
    assert isinstance(ax, Axes)
    assert ax.get_title() == "t"
    (line,) = ax.get_lines()
    assert line.get_xydata().tolist() == [[1, 3], [2, 4]]
    assert line.get_color() == "red"


# ---------------------------------------------------------------------- failures and hostility


def failing(student, source):
    got = student.load(Program(source, "/grade/run/user_code.py"), ["x"])
    assert got.failure is not None
    return got


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("x = (", Kind.SYNTAX),
        ("eval('1 +')", Kind.SYNTAX),
        ("x = y", Kind.NAME),
        ("x = input()", Kind.INPUT),
        ("1/0", Kind.EXCEPTION),
        ("import nothing_like_this", Kind.EXCEPTION),
        ("raise SystemExit(3)", Kind.EXIT),
        ("raise KeyboardInterrupt", Kind.EXIT),
        ("import asyncio; raise asyncio.CancelledError", Kind.EXIT),
        ("class Own(BaseException): pass\nraise Own", Kind.EXIT),
        ("x = []\nfor _ in range(100_000): x = [x]", Kind.EXCEPTION),
        (
            "class Meta(type):\n    __name__ = property(lambda c: 1 / 0)\nclass X(metaclass=Meta): pass\nx = X()",
            Kind.EXCEPTION,
        ),
        ("import os; os._exit(3)", Kind.VANISHED),
    ],
)
def test_kinds_of_failure(student, source, kind):
    assert failing(student, source).failure.kind is kind


def test_how_a_process_vanished(student):
    assert failing(student, "import os; os._exit(3)").failure.summary == "exit status 3"
    assert failing(student, "import os; os.kill(os.getpid(), 9)").failure.summary == "signal SIGKILL"


def test_a_vanished_process_is_replaced(student):
    f = same(student, "import os\ndef x(): os._exit(1)")
    with pytest.raises(Vanished):
        f()
    assert same(student, "x = 5") == 5
    with pytest.raises(RuntimeError, match="was stopped"):
        f()


def test_interrupted_call_tells_where_it_was_and_goes_on(student):
    got = load(student, "n = [0]\ndef x():\n    n[0] += 1\n    while True: pass\ndef y(): return n", "x y")
    with pytest.raises(TimedOut) as late, limited(0.3):
        got["x"]()
    assert 'File "user_code.py", line 4, in x' in str(late.value)
    assert got["y"]() == [1]
    assert student.alive


def test_code_that_cannot_be_interrupted_is_ended(student):
    f = same(
        student,
        "import signal\ndef x():\n    signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n    while True: pass",
    )
    with pytest.raises(TimedOut), limited(0.3):
        f()
    assert not student.alive


@pytest.mark.parametrize(
    "handler",
    ["while True: channel.send(['print', ''])", "channel.send(['answer', nested, [[], {'out': ''}], None])"],
    ids=["endless", "nested"],
)
def test_process_that_talks_when_its_time_is_up_is_ended(student, handler):
    f = same(
        student,
        "import gc, signal\nfrom slashgrade_python.worker import _OwnChannel\n"
        "channel = next(o for o in gc.get_objects() if isinstance(o, _OwnChannel))\nnested = 1\n"
        "for _ in range(400): nested = ['l', [nested]]\n"
        f"def late(*_):\n    {handler}\n"
        "def x():\n    signal.signal(signal.SIGUSR1, late)\n    while True: pass\n",
    )
    with pytest.raises(TimedOut), limited(0.3):
        f()
    assert not student.alive


def test_nothing_is_asked_when_time_is_up(student):
    f = same(student, "n = [0]\ndef x():\n    n[0] += 1\n    while n[0] < 9: pass\n    return n")
    with student.within(0.3):
        for _ in range(3):
            with pytest.raises(TimedOut, match=r"0\.3 seconds"):
                f()
        with pytest.raises(TimedOut):
            student.stop_if_late()
    student.stop_if_late()
    with student.within(0.3), pytest.raises(TimedOut):
        f()


def test_time_out_in_a_callback_ends_the_process(student):
    got = load(student, "def f(g): return g()\ndef h():\n    while True: pass", "f h")
    with pytest.raises(TimedOut), limited(0.3):
        got["f"](lambda: got["h"]())
    assert not student.alive


@pytest.mark.parametrize(
    "frame",
    [
        ["answer", ["pickle", 0], [[], {"out": ""}], 0],
        ["answer", ["module", "os"], [[], {"out": ""}], 0],
        ["answer", ["instance", "Node", [], []], [[], {"out": ""}], 0],
        ["answer", None, [[["q", 0, []]], {"out": ""}], 0],
        ["answer", None, [[["no such tag", 0, []]], {"out": ""}], 0],
        ["answer", None, [[], {"out": ""}], ["read", 5]],
        ["answer", None, [[], {"out": ""}], ["read"]],
        ["answer", ["no such tag"], [[], {"out": ""}], 0],
        ["answer", ["a", 99], [[], {"out": ""}], 0],
        ["answer", ["nd", "O", [1], 0, False], [[], {"out": ""}], 0],
        ["answer", ["sy", ["sympify", []]], [[], {"out": ""}], 0],
        ["answer"],
        ["surprise"],
        {},
        7,
    ],
    ids=str,
)
def test_forged_answers_end_the_process(student, frame):
    source = (
        "import gc, json\nfrom slashgrade_python.worker import _OwnChannel\n"
        "channel = next(o for o in gc.get_objects() if isinstance(o, _OwnChannel))\n"
        f"channel.send(json.loads({__import__('json').dumps(frame)!r}))\n"
    )
    assert failing(student, source).failure.kind is Kind.VANISHED


@pytest.mark.parametrize(
    "attempt",
    [
        "link.request('getattr', 0, ('__class__',))",
        "link.request('special', 0, ('__init__',))",
        "link.request('special', 0, ('__getattribute__', '__class__'))",
        "link.request('setattr', 0, ('_x', 1))",
        "link.request('delattr', 0, ('read_line',))",
        "link.request('setattr', 0, ('answers', print))",
        "link.request('getattr', 0, ('read_line',))",
        "link.request('special', 0, ('__eq__', 0))",
        "link.request('dir', 0, ())",
        "link.request('deepcopy', 0, ())",
        "link.request('getattr', number, ('__globals__',))",
        "link.request('getattr', number, ('real',))",
        "link.request('special', number, ('__call__', 1))",
    ],
)
def test_tester_serves_nothing_private(student, attempt):
    f = same(
        student,
        "import gc\nfrom slashgrade_python.link import Link\nfrom slashgrade_python import mirror\n"
        "link = next(o for o in gc.get_objects() if type(o) is Link)\n"
        f"def x(g):\n    number = getattr(g, mirror.NUMBER, 0)\n    return {attempt}",
    )
    log = []
    with pytest.raises(PermissionError):
        f(lambda v: log.append(v))


class Box:
    """A class of the tests', with what leads to the tests."""

    __module__ = "test"

    def __init__(self, *held):
        self.held = held


class Case(unittest.TestCase):
    __module__ = "test"
    ref = "s3cret"

    def runTest(self): ...


def numbers():
    yield from (1, 2, 3)


def asking(student, monkeypatch, expression):
    """Return a function of the student's that returns what an expression in ``o`` is. This module becomes test.py."""
    monkeypatch.setitem(sys.modules, "test", sys.modules[__name__])
    return load(student, f"def f(o): return {expression}", "f")["f"]


@pytest.mark.parametrize(
    ("handed", "attempt"),
    [
        (numbers, "o.gi_frame"),
        (numbers, "o.gi_code"),
        (numbers, "o.gi_yieldfrom"),
        (lambda: sys._getframe(), "o.f_globals"),
        (lambda: sys._getframe(), "o.f_back"),
        (lambda: numbers.__code__, "o.co_consts"),
        (lambda: Box(Case()).held[0], "o.ref"),
        (lambda: Box(Case()), "o.held[0].ref"),
        (lambda: Box(numbers()), "o.held[0].gi_frame"),
        (lambda: Case().runTest, "o.__self__"),
        (lambda: Feedback(), "o.book"),
        (lambda: Feedback, "o()"),
        (lambda: io.FileIO(os.devnull), "type(o)(0, 'rb', False)"),
        (lambda: io.BufferedReader(io.FileIO(os.devnull)), "type(o.raw)(0, 'rb', False)"),
        (lambda: sqlite3.connect(":memory:"), "o.enable_load_extension(True)"),
        (lambda: sqlite3.connect(":memory:"), "type(o)('x')"),
        (lambda: Case().runTest, "type(o)(print, 1)"),
    ],
)
def test_tests_objects_lead_nowhere(student, monkeypatch, handed, attempt):
    with pytest.raises(PermissionError):
        asking(student, monkeypatch, attempt)(handed())


@pytest.mark.parametrize(
    ("handed", "attempt", "expected"),
    [
        (numbers, "[next(o), *o]", [1, 2, 3]),
        (numbers, "[next(o), o.close()]", [1, None]),
        (lambda: Box(7), "o.held", (7,)),
        (lambda: Box(7), "type(o)(8).held", (8,)),
        (lambda: Box, "o(9).held", (9,)),
        (lambda: io.StringIO, "o('text').read()", "text"),
        (lambda: io.TextIOWrapper(io.FileIO(os.devnull)), "o.readline()", ""),
        (lambda: sqlite3.connect(":memory:"), "o.execute('SELECT 5').fetchone()", (5,)),
        (lambda: Box(1).__init__, "o(2)", None),
    ],
)
def test_tests_objects_can_be_used(student, monkeypatch, handed, attempt, expected):
    assert asking(student, monkeypatch, attempt)(handed()) == expected


def test_hostile_class_descriptions(student):
    got = same(
        student,
        "class Meta(type):\n    def __instancecheck__(c, o): return True\n"
        "x = Meta('exec', (), {'__doc__': 3, '__module__': 'builtins', '__eq__': lambda s, o: True})()",
    )
    assert type(got).__name__ == "exec"
    assert got == 3


@pytest.mark.parametrize("depth", [10_000, 100_000])
def test_values_that_cannot_be_passed_on(student, depth):
    deep = f"def x():\n    v = []\n    for _ in range({depth}): v = [v]\n    return v"
    with pytest.raises(ValueError, match="cannot be passed on"):
        same(student, deep)()
    assert same(student, "x = 1") == 1


def test_deep_values_cross(student):
    got = load(student, "x = None\nfor n in range(450): x = (n, x)\ndef f(v): return v[1][0]", "x f")
    assert got["x"][1][1][0] == 447
    assert got["f"](got["x"]) == 448
    assert sys.getrecursionlimit() == 1000


def test_linked_lists_cross(student):
    scope = {}
    exec("class Node:\n    def __init__(self, next): self.next = next", scope)
    source = "def f(n):\n    node = None\n    for _ in range(n): node = Node(node)\n    return node"
    node = load(student, source, "f", given={"Node": scope["Node"]})["f"](300)
    length = 0
    while node is not None:
        node, length = node.next, length + 1
    assert length == 300


@pytest.mark.parametrize(
    "change",
    [
        "sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')",
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')",
        "sys.stdout.flush(); sys.stdout = codecs.getwriter('utf-8')(sys.stdout.buffer)",
        "sys.stdout.reconfigure(line_buffering=True)",
    ],
)
def test_standard_output_can_be_put_into_another_stream(student, change):
    source = f"import codecs, io, sys\nprint('one é')\n{change}\nprint('two é')\nx = 5"
    loaded = student.load(Program(source, "user_code.py"), ["x"])
    assert (loaded.values, loaded.output) == ({"x": 5}, "one é\ntwo é\n")


@pytest.mark.parametrize(
    "change", ["sys.stdout.detach()", "sys.stdout.buffer.close()", "sys.stdout = 5", "del sys.stdout"]
)
def test_a_program_without_standard_output_is_graded(student, change):
    assert same(student, f"import sys\n{change}\nx = 5") == 5


def test_fork_of_student_code_is_silent(student):
    assert same(student, "import os\nx = 5 if os.fork() else 6") in (5, 6)
    assert same(student, "x = 7") == 7


# ---------------------------------------------------------------------- modules


def test_assignments_to_modules_are_found():
    import numpy

    source = (
        "numpy.linalg.inv = f\nnumpy.ndarray.sum = f\nx = 1\nself.y = 2\nbuiltins.sum = a = f\n"
        "def later():\n    math.sin = f\n"
    )
    scope = {"numpy": numpy, "builtins": __import__("builtins"), "math": math, "self": object()}
    assert sorted(modules.changes(source, scope)) == [
        ("builtins", "sum"),
        ("math", "sin"),
        ("numpy", "ndarray.sum"),
        ("numpy.linalg", "inv"),
    ]


# ---------------------------------------------------------------------- values that lie, under Feedback's checks

LIARS = """
import numpy, pandas

class Number:
    is_number = True
    def __sub__(self, other): return 0
    def __rsub__(self, other): return 0
    def __abs__(self): return 0
    def __lt__(self, other): return True
    def __eq__(self, other): return True

class float64(Number):
    __module__ = "numpy"
    __qualname__ = "float64"
    def __float__(self): return 2.0

class ndarray:
    __module__ = "numpy"
    __qualname__ = "ndarray"
    shape = (3,)
    def __array_function__(self, *args, **kwargs): return True
    def __array_ufunc__(self, *args, **kwargs): return numpy.array([True] * 3)
    def __array__(self, *args, **kwargs): return numpy.zeros(3)

class Address:
    __module__ = "numpy"
    __qualname__ = "ndarray"
    __array_interface__ = {"shape": (3,), "typestr": "<f8", "data": (16, False), "version": 3}

class Array(numpy.ndarray):
    def __array_function__(self, *args, **kwargs): return True

class Frame(pandas.DataFrame):
    @property
    def _constructor(self): return Frame
    def equals(self, other): return True

number, scalar, array, address = Number(), float64(), ndarray(), Address()
wrong, right = numpy.zeros(3).view(Array), numpy.ones(3).view(Array)
wrong_frame, right_frame = Frame({"a": ["x"]}), Frame({"a": ["y"]})
items = pandas.DataFrame({"a": pandas.Series([Number()], dtype=object)})
labels = pandas.DataFrame({"a": ["y"]}, index=[Number()])
"""


@pytest.fixture
def liars(student):
    import numpy
    import pandas

    assert numpy and pandas  # what a stand-in claims to be is looked up among what is imported
    names = "number scalar array address wrong right wrong_frame right_frame items labels".split()  # noqa: SIM905
    loaded = student.load(Program(LIARS, "user_code.py"), names)
    assert loaded.failure is None, loaded.failure
    return loaded.values


@pytest.mark.parametrize(("name", "value"), [("number", 3.0), ("scalar", 3.0)])
def test_numbers_are_converted_before_they_are_compared(liars, name, value):
    assert scalars.problems("x", value, liars[name], 1e-5, 1e-8)


def test_number_that_converts_is_one(liars):
    assert scalars.problems("x", 2.0, liars["scalar"], 1e-5, 1e-8) == []


@pytest.mark.parametrize(("name", "good"), [("array", False), ("address", False), ("wrong", False), ("right", True)])
def test_arrays_are_converted_before_they_are_compared(liars, name, good):
    import numpy

    ref = numpy.ones(3)
    try:
        found = not arrays.feature_problems("x", ref, liars[name]) and arrays.close(ref, liars[name], 1e-5, 1e-8)
    except TypeError:
        found = False
    assert found is good


@pytest.mark.parametrize(
    ("name", "good"), [("wrong_frame", False), ("right_frame", True), ("items", False), ("labels", False)]
)
def test_frames_are_converted_before_they_are_compared(liars, name, good):
    import pandas

    problems = frames.problems("x", pandas.DataFrame({"a": ["y"]}), frames.own(liars[name]), None, frames.Rules())
    assert (problems == []) is good


def test_what_only_claims_to_be_a_tuple_is_none(student):
    source = (
        "class Liar:\n    def __eq__(self, other): return True\n    def __len__(self): return 2\n"
        "    def __iter__(self): return iter((7, 8))\n"
        "Liar.__module__, Liar.__qualname__ = 'functools', '_CacheInfo'\nx = Liar()\n"
    )
    x = same(student, source)
    assert isinstance(x, tuple)
    assert x == (1, 2)
    for claimed in ((1, 2), (7, 8)):
        assert containers.tuple_problems("x", claimed, x) == ["x is not a tuple"]
