"""Threads of the student's code, and of tests, that speak on one link."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from slashgrade_python.execution import Program
from slashgrade_python.limits import TimedOut
from slashgrade_python.outcomes import Vanished


def load(student, source, *names):
    got = student.load(Program(source, "/grade/run/user_code.py"), list(names))
    assert got.failure is None, got
    return got.values


def test_threads_of_student_code_call_back(student):
    source = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def f(g):\n    with ThreadPoolExecutor(8) as pool: return list(pool.map(g, range(100)))\n"
    )
    log = []

    def square(number):
        log.append(number)
        return number * number

    f = load(student, source, "f")["f"]
    for _ in range(3):
        assert f(square) == [number * number for number in range(100)]
    assert sorted(log) == sorted([*range(100)] * 3)


def test_threads_call_back_through_both_sides(student):
    source = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def f(g, depth):\n    with ThreadPoolExecutor(2) as pool: return sum(pool.map(g, [depth - 1] * 2))\n"
    )
    f = load(student, source, "f")["f"]

    def deeper(depth):
        return f(deeper, depth) if depth else 1

    assert deeper(4) == 16


def test_thread_that_prints_while_values_cross(student):
    source = (
        "import threading\n"
        "def spam():\n    for _ in range(300): print('y' * 5000)\n"
        "def f(): threading.Thread(target=spam).start()\n"
        "def g(): return [['abc' * 10] * 20_000 for _ in range(5)]\n"
    )
    got = load(student, source, "f", "g")
    got["f"]()
    assert all(got["g"]() == [["abc" * 10] * 20_000] * 5 for _ in range(10))


def test_thread_that_calls_back_when_nobody_listens(student):
    source = (
        "import threading\n"
        "def f(g): threading.Thread(target=lambda: [g(n) for n in range(50)]).start()\n"
        "def double(n): return 2 * n\n"
    )
    got = load(student, source, "f", "double")
    log = []
    got["f"](log.append)
    assert [got["double"](number) for number in range(200)] == [2 * number for number in range(200)]


def test_threads_of_tests_call_student_code(student):
    source = "class Account:\n    total = 0\n    def add(self, n): self.total += n; return self.total\nx = Account()"
    account = load(student, source, "x")["x"]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(account.add, [1] * 200))
    assert sorted(got) == list(range(1, 201))


def test_thread_of_a_test_that_hangs_does_not_hold_up_the_next_one(student):
    hang = load(student, "def x():\n    while True: pass", "x")["x"]

    def ask():
        with contextlib.suppress(Vanished):
            hang()

    thread = threading.Thread(target=ask)
    with pytest.raises(TimedOut), student.within(0.3):
        thread.start()
        thread.join()
    thread.join()
    assert not student.alive
    assert load(student, "x = 5", "x") == {"x": 5}
