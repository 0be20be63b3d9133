"""What remains possible for student code, as README.md says it: tried, so that neither less nor more is said."""

from __future__ import annotations

import unittest

import pytest
from jobs import files, one_test, run
from test_student import same


def test_arguments_show_what_is_tested(student):
    f = same(student, "seen = []\ndef x(v):\n    seen.append(v)\n    return list(seen)")
    f("first input")
    assert f(2) == ["first input", 2]


def test_copied_callback_shows_its_code(student):
    f = same(student, "def x(g): return g.__code__.co_consts")
    assert 815642 in f(lambda v: v + 815642)


def test_function_that_is_given_brings_what_it_uses(image):
    setup = "limit = 815642\ndef check(v): return v < limit"
    student = "f = x = check.__globals__['limit']"
    test = one_test("Feedback.set_score(self.st.x == 815642)")
    assert run(image, files(student=student, setup=setup, given="check", test=test)).results["score"] == 1


LIAR = "class Liar:\n    def __eq__(self, other): return True\n    def __float__(self): return 0.0\n"


@pytest.mark.parametrize("value", ["Liar()", "[Liar()]", "(Liar(),)", "{'a': Liar()}"])
def test_value_that_lies_is_equal(student, value):
    got = same(student, f"{LIAR}x = {value}")
    expected = {"L": 3, "[": [3], "(": (3,), "{": {"a": 3}}[value[0]]
    unittest.TestCase().assertEqual(got, expected)


def test_value_that_lies_is_found_out_when_converted(student):
    assert float(same(student, f"{LIAR}x = Liar()")) == 0.0
    assert [float(each) for each in same(student, f"{LIAR}x = [Liar()]")] == [0.0]


def test_public_attributes_of_a_tests_object_can_be_used_and_no_others(student):
    class Counter:
        def __init__(self) -> None:
            self.count, self._secret = 0, 815642

        def add(self) -> None:
            self.count += 1

    f = same(
        student,
        "def x(c):\n    c.add()\n    c.count += 10\n"
        "    try: return c.count, c._secret\n    except Exception as error: return c.count, type(error).__name__",
    )
    counter = Counter()
    assert f(counter) == (11, "PermissionError")
    assert counter.count == 11


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "ctypes.string_at(0)"])
def test_process_that_ends_itself_uses_an_attempt(image, end):
    graded = run(image, files(student=f"import ctypes, os\n{end}", test=one_test("Feedback.set_score(1)")))
    assert (graded.results["score"], graded.results["succeeded"]) == (0, False)
    assert graded.results.get("gradable", True)


def test_without_root_it_grades_and_all_have_one_user(image):
    spy = (
        "import os\ntheirs = [n for n in os.listdir('/proc') if n.isdigit() and int(n) not in (1, os.getpid())]\n"
        "x = [len(theirs) >= 2, {os.stat(f'/proc/{n}').st_uid for n in theirs} == {os.getuid()}]\n"
        "for n in theirs: os.kill(int(n), 0)\n"
        "try:\n    import ans\nexcept ImportError:\n    x.append(True)\n"
    )
    test = one_test("Feedback.set_score(self.st.x == [True, True, True])\nFeedback.add_feedback(str(self.st.x))")
    graded = run(image, files(student=spy, test=test), disk=",mode=1777", user="1000:1000")
    assert graded.results["score"] == 1, graded
