"""Whole jobs in the image: one example for each line of the contract."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
from jobs import HEAD, files, one_test, run

pytestmark = pytest.mark.image

CALL = "Feedback.set_score(Feedback.check_scalar('f(3)', self.ref.f(3), Feedback.call_user(self.st.f, 3)))"
DOUBLE = "def f(n):\n    return n * 2\n"
CHECK = one_test(CALL)
ORIGINAL = {"SLASHGRADE_TEXTS": "original"}


def graded(image, student, test=CHECK, **rest):
    env = rest.pop("env", None)
    memory = rest.pop("memory", "1g")
    disk = rest.pop("disk", "")
    return run(image, files(student=student, test=test, ans=rest.pop("ans", DOUBLE), **rest), env, memory, disk)


# ---------------------------------------------------------------------- results


def test_right(image):
    got = graded(image, DOUBLE)
    assert got.status == 0
    assert got.results == {
        "tests": [
            {
                "name": "check",
                "filename": "test_0",
                "max_points": 1,
                "points": 1.0,
                "files": [],
                "message": "'f(3)' looks good\n",
            }
        ],
        "score": 1.0,
        "succeeded": True,
        "gradable": True,
        "max_points": 1,
        "images": [],
    }


def test_wrong(image):
    got = graded(image, "def f(n): return n + 1")
    assert got.tests == [("check", 0.0, 1)]
    assert got.message() == "'f(3)' is inaccurate\n"
    assert got.results["score"] == 0.0


def test_partial_and_order_and_weights(image):
    test = HEAD + (
        "class Test(PLTestCase):\n"
        "    @points(3)\n    @name('b')\n    def test_b(self): Feedback.set_score(0.5)\n"
        "    @points(1)\n    @name('a')\n    def test_a(self): Feedback.set_score(7)\n"
        "    @points(1)\n    def test_c(self):\n        '''From the docstring.'''\n"
    )
    got = graded(image, DOUBLE, test)
    assert got.tests == [("a", 1.0, 1), ("b", 1.5, 3), ("From the docstring.", 0.0, 1)]
    assert got.results["score"] == 0.5
    assert got.results["max_points"] == 5


def test_no_points_decorator_means_no_score(image):
    test = HEAD + "class Test(PLTestCase):\n    @name('a')\n    def test_a(self): Feedback.set_score(1)\n"
    got = graded(image, DOUBLE, test)
    assert got.tests == [("a", 1.0, 1)]
    assert got.results["score"] == 0


def test_inherited_tests_count_above_one(image):
    test = HEAD + (
        "class Base(PLTestCase):\n    @points(1)\n    @name('base')\n    def test_base(self): Feedback.set_score(1)\n"
        "class Test(Base):\n    @points(1)\n    @name('own')\n    def test_own(self): Feedback.set_score(1)\n"
    )
    got = graded(image, DOUBLE, test)
    assert got.tests == [("base", 1.0, 1), ("own", 1.0, 1)]
    assert got.results["score"] == 2.0


def test_assertion_keeps_score_and_exception_takes_it(image):
    test = HEAD + (
        "class Test(PLTestCase):\n"
        "    @points(1)\n    @name('a')\n    def test_a(self):\n        Feedback.set_score(.5)\n        self.fail('x')\n"
        "    @points(1)\n    @name('b')\n    def test_b(self):\n        Feedback.set_score(1)\n        1/0\n"
        "    @points(1)\n    @name('c')\n    def test_c(self):\n        Feedback.set_score(1)\n        exit(3)\n"
        "    @points(1)\n    @name('d')\n    def test_d(self):\n"
        "        for i in range(2):\n            with self.subTest(i):\n                self.assertEqual(i, 0)\n"
    )
    got = graded(image, DOUBLE, test)
    assert got.tests == [("a", 0.5, 1), ("b", 0.0, 1), ("c", 0.0, 1), ("d", 0.0, 1)]
    assert got.message("a") == ""
    assert got.message("b").startswith("There was an error while grading your code.\n\nReview the question text")
    assert "ZeroDivisionError: division by zero" in got.message("b")


def test_finish_skips_the_rest(image):
    test = HEAD + (
        "class Test(PLTestCase):\n"
        "    @points(1)\n    @name('a')\n    def test_a(self):\n        Feedback.set_score(.5)\n        Feedback.finish('enough')\n"
        "    @points(1)\n    @name('b')\n    def test_b(self): Feedback.set_score(1)\n"
    )
    got = graded(image, DOUBLE, test)
    assert got.tests == [("a", 0.5, 1), ("b", 0.0, 1)]
    assert got.message("a") == "enough\n"
    assert got.message("b") == " - Grading was skipped because an earlier test failed - \n"


def test_finish_test_stops_one_test(image):
    test = HEAD + (
        "class Test(PLTestCase):\n"
        "    @points(1)\n    @name('a')\n    def test_a(self): Feedback.finish_test('enough')\n"
        "    @points(1)\n    @name('b')\n    def test_b(self): Feedback.set_score(1)\n"
    )
    assert graded(image, DOUBLE, test).tests == [("a", 0.0, 1), ("b", 1.0, 1)]


def test_no_tests(image):
    got = graded(image, DOUBLE, HEAD + "class Test(PLTestCase): pass\n")
    assert got.results["message"] == "No tests were found."
    assert (got.results["tests"], got.results["score"], got.results["gradable"]) == ([], 0, True)


# ---------------------------------------------------------------------- failure classes


@pytest.mark.parametrize(
    "student",
    ["def f(:", "  x = 1", b"\xef\xbb\xbfx = 1", b"x = 1\x00", "if True:\nx = 1"],
    ids=["syntax", "indent", "bom", "nul", "block"],
)
def test_syntax_error(image, student):
    got = graded(image, student)
    assert got.results["tests"] == []
    assert got.results["format_errors"] == ["Your code has a syntax error."]
    assert (got.results["score"], got.results["gradable"], got.results["succeeded"]) == (0, False, True)
    assert "Your code:\n\n" in got.results["output"]


def test_name_error_is_not_called_a_syntax_error(image):
    got = graded(image, "print('before')\nx = undefined_name\n")
    assert got.results["format_errors"] == ["NameError: name 'undefined_name' is not defined"]
    assert got.results["gradable"] is False
    assert got.results["output"].startswith('before\nTraceback (most recent call last):\n  File "user_code.py", line 2')


def test_name_error_in_the_original_wording(image):
    got = graded(image, "print('before')\nx = undefined_name\n", env=ORIGINAL)
    assert got.results["format_errors"] == ["Your code has a syntax error."]
    assert got.results["output"].startswith("Traceback")
    assert "/python_autograder/" in got.results["output"]


def test_exception_in_a_test_in_the_original_wording(image):
    got = graded(image, "def f(n): return {}[n]", one_test("self.st.f(3)"), env=ORIGINAL)
    assert got.tests == [("check", 0.0, 1)]
    assert got.message().startswith(
        "There was an error while grading your code.\n\nReview the question text to ensure your code matches\n"
        "the expected requirements, such as variable names,\nfunction names, and parameters.\n\n"
        "Look at the traceback below to help debug your code:\nTraceback (most recent call last):\n"
    )
    assert "KeyError: 3\n" in got.message()


def test_exception_at_module_level(image):
    got = graded(image, "print('before')\n\nx = 1 / 0\n")
    assert got.tests == [("Your code raised an Exception", 0, 1)]
    assert (got.results["score"], got.results["gradable"], got.results["succeeded"]) == (0, True, True)
    assert got.results["output"] == "before\n"
    trace = got.message().partition("\n\nYour code:\n\n")[0]
    assert trace == (
        'Traceback (most recent call last):\n  File "user_code.py", line 3, in <module>\n    x = 1 / 0\n'
        "        ~~^~~\nZeroDivisionError: division by zero\n"
    )
    assert "\x1b[" in got.message()


@pytest.mark.parametrize("student", ["exit(0)", "raise SystemExit('x')", "raise KeyboardInterrupt"])
def test_exit_at_module_level_uses_an_attempt(image, student):
    got = graded(image, student)
    assert got.results["succeeded"] is False
    assert got.results["score"] == 0
    assert "gradable" not in got.results
    assert "tests" not in got.results
    assert "Traceback" in got.results["output"]


@pytest.mark.parametrize("student", ["import os\nos._exit(0)", "import os\nos.kill(os.getpid(), 9)"])
def test_vanished_process_uses_an_attempt(image, student):
    got = graded(image, student)
    assert got.results["succeeded"] is False
    assert got.results["score"] == 0
    assert "gradable" not in got.results
    assert "ended the program that was grading it" in got.results["message"]
    assert graded(image, student, env=ORIGINAL).results == {
        "succeeded": False,
        "score": 0.0,
        "message": "Your code could not be processed by the autograder. Please contact course staff and have them "
        "check the logs for this submission.",
    }


def test_vanished_in_a_call(image):
    got = graded(image, "import os\ndef f(n): os._exit(0)")
    assert (got.results["succeeded"], got.results["score"]) == (False, 0)


def test_out_of_memory(image):
    got = graded(image, "x = []\nwhile True: x.append(bytearray(10_000_000))", memory="400m")
    assert got.results.get("succeeded") is False or got.tests == [("Your code raised an Exception", 0, 1)]
    assert got.results["score"] == 0


FAULTS = {
    "setup": {"setup": "1/0"},
    "ans": {"ans": "1/0"},
    "no ans": {"more": {"tests/ans.py": None}},
    "no setup": {"more": {"tests/setup_code.py": None}},
    "no test": {"more": {"tests/test.py": None}},
    "no data": {"more": {"data/data.json": None}},
    "no names": {"data": {"params": {}}},
    "no student file": {"more": {"student/user_code.py": None}},
    "encoding": {"more": {"student/user_code.py": b"x = '\xff'"}},
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_internal_error(image, fault):
    got = graded(image, DOUBLE, **FAULTS[fault])
    assert got.tests == [("Internal Grading Error", 0, 1)]
    assert (got.results["score"], got.results["gradable"], got.results["succeeded"]) == (0, False, True)


def test_submitted_test_does_not_replace_a_missing_one(image):
    got = graded(image, DOUBLE, more={"tests/test.py": None, "student/test.py": CHECK})
    assert got.results["gradable"] is False


@pytest.mark.parametrize(
    "test",
    [
        "def f(:",
        "x = 1",
        one_test("self.skipTest('later')"),
        HEAD + "class Test(PLTestCase):\n    @points(1)\n    def test_0(self): 1/0\n",
        one_test("raise KeyboardInterrupt"),
    ],
    ids=["syntax", "no class", "skip", "unnamed error", "interrupt"],
)
def test_broken_tests_are_not_gradable(image, test):
    got = graded(image, DOUBLE, test)
    assert (got.results["succeeded"], got.results["gradable"], got.results["score"]) == (False, False, 0)
    assert "staff" in got.results["message"]


# ---------------------------------------------------------------------- time, input, output


def test_endless_function_fails_alone(image):
    test = HEAD + (
        "class Test(PLTestCase):\n    timeout = 1\n"
        "    @points(1)\n    @name('slow')\n    def test_a(self): Feedback.call_user(self.st.f, 3)\n"
        "    @points(1)\n    @name('fine')\n    def test_b(self): Feedback.set_score(self.st.x == 5)\n"
    )
    got = graded(image, "x = 5\ndef f(n):\n    while True:\n        pass\n", test, ans="x = 5\n" + DOUBLE)
    assert got.tests == [("slow", 0.0, 1), ("fine", 1.0, 1)]
    assert "did not finish within the time limit of 1 second." in got.message("slow")
    assert 'File "user_code.py", line ' in got.message("slow")
    assert got.results["gradable"] is True


def test_function_that_cannot_be_interrupted(image):
    test = HEAD + (
        "class Test(PLTestCase):\n    timeout = 1\n"
        "    @points(1)\n    @name('slow')\n    def test_a(self): Feedback.call_user(self.st.f, 3)\n"
        "    @points(1)\n    @name('fine')\n    def test_b(self): Feedback.set_score(self.st.g() == 5)\n"
    )
    student = (
        "import signal\ndef g(): return 5\n"
        "def f(n):\n    signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n    while True: pass\n"
    )
    assert graded(image, student, test, names="f g").tests == [("slow", 0.0, 1), ("fine", 1.0, 1)]


@pytest.mark.parametrize(
    "body",
    [
        "for n in range(3):\n    try: self.st.f(n)\n    except: pass",
        "for n in range(3):\n    with self.subTest(n): self.st.f(n)",
        "import numpy\nfor _ in range(3): numpy.asarray(self.st.x)",
    ],
    ids=["except", "subtest", "numpy"],
)
def test_test_that_catches_the_end_of_its_time_fails_alone(image, body):
    slow = one_test(f"{body}\nFeedback.set_score(1)", attributes="timeout = 1")
    test = slow + "    @points(1)\n    @name('fine')\n    def test_1(self): Feedback.set_score(self.st.g() == 5)\n"
    student = (
        "def g(): return 5\ndef f(n):\n    while True: pass\n"
        "class X:\n    __len__ = __getitem__ = lambda *_: f(0)\nx = X()\n"
    )
    got = graded(image, student, test, names="f g x")
    assert got.tests == [("check", 0.0, 1), ("fine", 1.0, 1)]
    assert "did not finish within the time limit of 1 second." in got.message("check")


FORKS = "def f(n):\n    while True:\n        try: os.fork()\n        except OSError: pass\n"


def test_processes_that_multiply_are_ended(image):
    test = HEAD + (
        "class Test(PLTestCase):\n    timeout = 2\n"
        "    @points(1)\n    @name('forks')\n    def test_a(self): self.st.f(3)\n"
        "    @points(1)\n    @name('fine')\n    def test_b(self): Feedback.set_score(self.st.x == 5)\n"
    )
    got = graded(image, f"import os\nx = 5\n{FORKS}", test, env={"SLASHGRADE_TIMEOUT_SECONDS": "40"})
    assert got.tests == [("forks", 0.0, 1), ("fine", 1.0, 1)], got


def test_share_of_the_jobs_limit(image):
    student = "def f(n):\n    while True: pass\n"
    got = graded(image, student, env={"SLASHGRADE_TIMEOUT_SECONDS": "8"})
    assert got.tests == [("check", 0.0, 1)]
    assert "did not finish within" in got.message()


def test_endless_file_is_not_gradable(image):
    got = graded(image, "print('begun')\nwhile True: pass", env={"SLASHGRADE_TIMEOUT_SECONDS": "8"})
    assert (got.results["tests"], got.results["gradable"], got.results["succeeded"]) == ([], False, True)
    assert "did not finish" in got.results["format_errors"][0]
    assert got.results["output"].startswith("begun\n")


FULL = (
    "try:\n    with open('big', 'wb') as file:\n        while True: file.write(bytes(1 << 16))\nexcept OSError: pass\n"
)
MANY = "try:\n    for n in range(10**6): open(f'f{n}', 'w').close()\nexcept OSError: pass\n"


@pytest.mark.parametrize("student", [FULL, MANY, MANY + FULL], ids=["space", "inodes", "both"])
def test_full_disk_does_not_keep_the_result_back(image, student):
    got = graded(image, student + DOUBLE, disk=",size=8m,nr_inodes=500")
    assert got.status == 0
    assert got.tests == [("check", 1.0, 1)]


def test_full_disk_does_not_keep_the_last_result_back(image):
    got = graded(image, FULL + "import os\nos._exit(0)", disk=",size=8m")
    assert got.status == 0
    assert "exit status 0" in got.results["message"]


@pytest.mark.parametrize("place, name", [("setup", "setup_code.py"), ("ans", "ans.py"), ("test", "test.py")])
def test_what_no_other_limit_reaches_is_ended_in_time(image, place, name):
    endless = {place: "import time\nwhile True: time.sleep(1)\n"}
    got = graded(image, DOUBLE, **endless, env={"SLASHGRADE_TIMEOUT_SECONDS": "2"})
    assert got.status == 0
    assert got.results["gradable"] is False
    assert got.results["message"].startswith("Grading this submission took longer than it may")
    assert f"filenames/{name}" in got.log


def test_students_process_goes_first_when_memory_is_used_up(image):
    read = "open('/proc/self/oom_score_adj').read().strip()"
    got = graded(image, f"f = x = {read}", one_test(f"Feedback.add_feedback(self.st.x + ' ' + {read})"))
    assert got.message() == "1000 0\n"


def test_libraries_are_imported_without_threads(image):
    imported = "import numpy, scipy.linalg, pandas, sklearn.cluster, seaborn, skimage.io, matplotlib.pyplot, faker"
    code = (
        "import os; from slashgrade_python import imports; from slashgrade_python.layout import Layout; "
        "layout = Layout(); layout.prepare(); imports.ahead(imports.asked(layout)); "
        f"{imported}; print(len(os.listdir('/proc/self/task')))"
    )
    script = f"mkdir -p /grade/tests && echo '{imported}' > /grade/tests/test.py && /venv/bin/python -c \"{code}\""
    command = ["docker", "run", "--rm", "--network=none", "--env=PYTHONPATH=/python_autograder", "--entrypoint=sh"]
    done = subprocess.run([*command, image, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "1\n", done.stderr


def test_a_students_process_keeps_its_signals(image):
    student = "import signal\nx = [signal.getsignal(s) == signal.SIG_DFL for s in (signal.SIGUSR2, signal.SIGALRM)]\n"
    student += (
        "import os, time\npid = os.fork()\nif not pid:\n    time.sleep(60)\n"
        "os.kill(pid, signal.SIGUSR2)\nx.append(os.waitpid(pid, 0)[1])"
    )
    got = graded(image, student, one_test("self.assertEqual(self.st.x, [True, True, 12])\nFeedback.set_score(1)"))
    assert got.results["score"] == 1.0, got.log


def test_replaced_json_harms_nobody(image):
    got = graded(image, "import json\njson.dumps = json.loads = lambda *a, **k: 1 / 0\n" + DOUBLE)
    assert got.tests == [("check", 1.0, 1)]


def test_input_while_loading_is_not_gradable(image):
    got = graded(image, "x = int(input('How many? '))")
    assert (got.results["tests"], got.results["gradable"]) == ([], False)
    assert "input() was called" in got.results["format_errors"][0]


def test_input_in_a_function(image):
    got = graded(image, "def f(n): return int(input())")
    assert got.tests == [("check", 0.0, 1)]
    assert "input() was called" in got.message()


def test_output_is_kept(image):
    assert graded(image, "print('one')\nprint('two', end='')\n" + DOUBLE).results["output"] == "one\ntwo"


def test_tests_can_read_the_output(image):
    test = one_test("Feedback.set_score(open('output.txt').read() == 'one\\n')")
    assert graded(image, "print('one')", test).results["score"] == 1.0


def test_long_output_is_cut(image):
    got = graded(image, "print('x' * 2_000_000)\n" + DOUBLE)
    assert got.results["score"] == 1.0
    assert len(got.results["output"]) < 110_000
    assert "1,900,001 more characters were printed" in got.results["output"]


def test_huge_feedback_keeps_the_result_readable(image):
    test = one_test("Feedback.set_score(1)\nfor _ in range(2000):\n    Feedback.add_feedback('é' * 1000)")
    got = graded(image, DOUBLE, test)
    assert got.results["score"] == 1.0
    assert len(json.dumps(got.results)) < 1 << 20
    assert "Text cut here" in got.message()


# ---------------------------------------------------------------------- namespaces, files, iterations


def test_names_for_user(image):
    got = graded(
        image,
        "given.append(4)\nx = [sum(given), scale(2), type(node).__name__, node.value]\n",
        one_test("Feedback.set_score(self.st.x == [10, 6, 'Node', 7] and self.ref.given == [1, 2, 3])"),
        ans="",
        setup="factor = 3\ngiven = [1, 2, 3]\nhidden = 5\ndef scale(v): return v * factor\n"
        "class Node:\n    def __init__(self, value): self.value = value\nnode = Node(7)\n",
        given="given scale node Node",
    )
    assert got.results["score"] == 1.0, got


def test_shared_class_crosses_by_value(image):
    setup = "class Node:\n    def __init__(self, v, left=None): self.v, self.left = v, left\n"
    got = graded(
        image,
        "def insert(node, v):\n    node.left = Node(v)\ndef make(v): return Node(v, Node(v + 1))\n",
        one_test(
            "root = self.ref.Node(1)\nself.st.insert(root, 2)\nmade = self.st.make(5)\n"
            "Feedback.set_score(root.left.v == 2 and isinstance(made, self.ref.Node) and made.left.v == 6)"
        ),
        ans="",
        setup=setup,
        given="Node",
        names="insert make",
    )
    assert got.results["score"] == 1.0, got


def test_hidden_names_are_not_given(image):
    got = graded(
        image,
        "x = 'secret' in dir() or 'data' in dir()",
        one_test("Feedback.set_score(self.st.x is False)"),
        setup="secret = 1",
    )
    assert got.results["score"] == 1.0


def test_reference_sees_setup_and_data(image):
    got = graded(
        image,
        "x = 1",
        one_test(
            "Feedback.set_score(self.ref.y == 7 and self.ref.data['variant_seed'] == 7 and self.ref.test_iter_num == 0 and self.data['variant_seed'] == 7 and self.st.missing is None)"
        ),
        ans="y = data['variant_seed']",
        names="x missing",
    )
    assert got.results["score"] == 1.0, got


def test_names_of_the_reference(image):
    names = ["a", "b", "data", "g", "repeated_setup", "test_iter_num", "y"]
    got = graded(
        image,
        "x = 1",
        one_test(
            f"names = [n for n in {[*names, '_hidden', '_own', 'math', 're']} if hasattr(self.ref, n)]\n"
            f"Feedback.add_feedback(repr(names))\nFeedback.set_score(names == {names})"
        ),
        ans="import math\ny = g(b)\n_own = 1",
        setup="import re\na, b, _hidden = 1, 2, 3\ndef g(v): return v\ndef repeated_setup(): pass\n",
    )
    assert got.results["score"] == 1.0, got


def test_leading_and_trailing_code(image):
    got = graded(
        image,
        "y = before + 1",
        one_test("Feedback.set_score(self.st.x == 6)"),
        more={"tests/leading_code.py": "before = 2", "tests/trailing_code.py": "x = y * 2"},
    )
    assert got.results["score"] == 1.0, got


def test_iterations(image):
    test = HEAD + (
        "class Test(PLTestCase):\n    total_iters = 3\n"
        "    @points(2)\n    @name('each')\n    def test_a(self):\n        Feedback.add_feedback(f'iter {self.iter_num}')\n"
        "        Feedback.set_score(self.iter_num < 2)\n"
        "    @points(1)\n    @name('once')\n    @not_repeated\n    def test_b(self):\n        Feedback.add_feedback('once')\n        Feedback.set_score(1)\n"
    )
    got = graded(image, "print('again')", test)
    assert got.tests == [("each", 4.0, 6), ("once", 1.0, 1)]
    assert got.results["max_points"] == 7
    assert got.results["score"] == 5 / 7
    heading = "\nFeedback for case {}\n---------------------\niter {}\n"
    assert got.message("each") == "".join(heading.format(k, k) for k in range(3))
    assert got.message("once") == "once\n"
    assert got.results["output"] == "again\n"


def test_exception_in_a_later_iteration_keeps_points(image):
    test = one_test("Feedback.set_score(1)", attributes="total_iters = 2")
    got = graded(image, "if flag: raise ValueError('no')", test, setup="flag = test_iter_num == 1", given="flag")
    assert got.tests == [("check", 1.0, 1), ("Your code raised an Exception", 0, 1)]
    assert got.results["score"] == 0.5


def test_same_random_numbers(image):
    code = (
        "import random\nimport numpy as np\nfrom faker import Faker\n"
        "x = [random.random(), float(np.random.rand()), Faker().name()]\n"
    )
    got = graded(image, code, one_test("Feedback.set_score(self.ref.x == self.st.x)"), ans=code)
    assert got.results["score"] == 1.0, got


def test_seed_repeats_a_grading(image):
    code = "import random\nx = random.random()"
    test = one_test("Feedback.add_feedback(str((self.ref.x, self.ref.y, self.st.x)))")
    kept = {"ans": code, "setup": "import random\ny = random.random()"}
    first, second = (graded(image, code, test, env={"SLASHGRADE_SEED": "5"}, **kept) for _ in range(2))
    assert first.results == second.results
    other = graded(image, code, test, env={"SLASHGRADE_SEED": "variant"}, **kept)
    again = graded(image, code, test, env={"PL_SEED": "7"}, **kept)
    assert other.results == again.results != first.results


def test_server_files_and_helpers_can_be_imported(image):
    got = graded(
        image,
        "import helper, course_lib\nx = helper.value + course_lib.value",
        one_test("import helper, course_lib\nFeedback.set_score(self.st.x == helper.value + course_lib.value)"),
        more={
            "tests/helper.py": "value = 2",
            "student/helper.py": "value = 1",
            "serverFilesCourse/course_lib.py": "value = 3",
        },
    )
    assert got.results["score"] == 1.0, got


def test_submitted_modules_stay_in_the_students_process(image):
    got = graded(
        image,
        "x = 1",
        one_test("import other\nFeedback.set_score(other.g(2) == 4 and other.pid != __import__('os').getpid())"),
        more={"student/other.py": "import os\npid = os.getpid()\ndef g(n): return n * 2\n"},
    )
    assert got.results["score"] == 1.0, got


def test_data_files_are_read_from_the_working_directory(image):
    got = graded(
        image,
        "x = open('numbers.txt').read()",
        one_test("Feedback.set_score(self.st.x == open('numbers.txt').read() == '12')"),
        more={"tests/numbers.txt": "12"},
    )
    assert got.results["score"] == 1.0, got


def test_crlf(image):
    assert graded(image, "def f(n):\r\n    return n * 2\r\n").results["score"] == 1.0


def test_other_file_name(image):
    got = graded(
        image,
        None,
        one_test(CALL, attributes="student_code_file = 'mine.py'"),
        more={"student/mine.py": DOUBLE, "student/user_code.py": None},
    )
    assert got.results["score"] == 1.0


# ---------------------------------------------------------------------- libraries


def test_numpy(image):
    got = graded(
        image,
        "import numpy as np\ndef f(a): return a @ a.T\nx = np.linspace(0, 1, 5)",
        one_test(
            "import numpy as np\na = np.arange(6.).reshape(2, 3)\n"
            "ok = Feedback.check_numpy_array_allclose('x', self.ref.x, self.st.x)\n"
            "ok = Feedback.check_numpy_array_allclose('f(a)', self.ref.f(a), Feedback.call_user(self.st.f, a)) and ok\n"
            "Feedback.set_score(ok)"
        ),
        ans="import numpy as np\ndef f(a): return a @ a.T\nx = np.linspace(0, 1, 5)",
    )
    assert got.results["score"] == 1.0, got


def test_pandas(image):
    code = "import pandas as pd\nx = pd.DataFrame({'a': [1, 2], 'b': ['u', 'v']})\ndef f(d): return d[d.a > 1]\n"
    test = one_test(
        "ok = Feedback.check_dataframe('x', self.ref.x, self.st.x)\nFeedback.set_score(ok and Feedback.check_dataframe('f', self.ref.f(self.ref.x), self.st.f(self.ref.x)))"
    )
    assert graded(image, code, test, ans=code).results["score"] == 1.0


def test_plot(image):
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2], [3, 4])\nplt.title('t')\nplt.xlabel('x')\nx = plt.gca()\n"
    test = HEAD + (
        "class Test(PLTestCaseWithPlot):\n"
        "    @points(1)\n    @name('plot')\n    def test_0(self):\n        Feedback.set_score(Feedback.check_plot('plot', self.ref.x, self.st.x))\n"
        "    @points(3)\n    @name('labels')\n    def test_1(self): self.optional_test_plot_labels()\n"
        "    @points(1)\n    @name('title')\n    def test_2(self): Feedback.set_score(self.plt.gca().get_title() == 't')\n"
    )
    got = graded(image, code, test, ans=code)
    assert got.tests[0] == ("plot", 1.0, 1), got
    assert got.tests[1][1:] == (2.0, 3)
    assert got.tests[2] == ("title", 1.0, 1)
    assert len(got.results["images"]) == 1
    picture = got.results["images"][0]
    assert picture.startswith("data:image/png;base64,")
    assert base64.b64decode(picture.partition(",")[2]).startswith(b"\x89PNG")


DRAWN = one_test("Feedback.set_score(self.st.x == 5)", "PLTestCaseWithPlot", "timeout = 1")


def drawing(what):
    return f"import matplotlib.pyplot as plt\nplt.plot([1, 2])\n{what}\nx = 5"


def test_figure_that_cannot_be_drawn_uses_no_attempt(image):
    got = graded(image, drawing("plt.title(r'$\\frac{1$')"), DRAWN)
    assert (got.results["gradable"], got.results["score"], got.results["images"]) == (False, 0, [])
    assert got.tests == [("Internal Grading Error", 0, 1)]
    assert "your figures cannot be drawn" in got.message()
    assert "Expected \\frac{num}{den}" in got.message()
    assert "slashgrade_python" not in got.message()


@pytest.mark.parametrize(
    ("doing", "gradable", "says"),
    [
        ("exit(3)", None, "SystemExit: 3"),
        ("__import__('os')._exit(3)", None, "exit status 3"),
        ("[None for _ in iter(int, 1)]", False, "time limit of 1 second"),
    ],
)
def test_drawing_is_a_part_of_loading(image, doing, gradable, says):
    got = graded(image, drawing(f"plt.gca().draw = lambda *_: {doing}"), DRAWN)
    assert (got.results.get("gradable"), got.results["score"]) == (gradable, 0)
    assert says in json.dumps(got.results)


def test_figures_are_those_of_the_loaded_file(image):
    """As with the original: all of them if the current one shows something, before tests change any."""
    body = "self.plt.close('all')\nself.st.f()\nFeedback.set_score(1)"
    more = "plt.figure()\nplt.figure(1)\ndef f(): plt.figure().add_subplot().plot([1, 2])"
    got = graded(image, drawing(more), one_test(body, "PLTestCaseWithPlot"))
    assert (got.results["score"], len(got.results["images"])) == (1, 2)
    got = graded(image, drawing("plt.figure()"), one_test("Feedback.set_score(1)", "PLTestCaseWithPlot"))
    assert (got.results["score"], len(got.results["images"])) == (1, 0)


def test_more_figures_than_a_result_can_hold_are_not_drawn(image):
    code = (
        "import numpy as np, matplotlib.pyplot as plt, matplotlib.figure as mf\nn, save = [], mf.Figure.savefig\n"
        "mf.Figure.savefig = lambda *a, **k: n.append(save(*a, **k))\n"
        "for _ in range(40): plt.figure().add_subplot().imshow(np.random.rand(400, 400, 3))\n"
        "def f(): return len(n)\n"
    )
    got = graded(image, code, one_test("Feedback.set_score(0 < self.st.f() < 20)", "PLTestCaseWithPlot"))
    assert (got.results["score"], got.results["images"]) == (1, [])
    assert "images are left out" in got.results["message"]


def notebook(*cells):
    return json.dumps(
        {
            "cells": [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def test_notebook(image):
    content = notebook("x = 1", "#grade\ndef f(n):\n    return n * 2", "y = 1 #grade", ["\n", "#grade\n", "x = 5"])
    got = graded(
        image,
        None,
        one_test(CALL + "\nself.assertEqual(self.st.x, 5)", attributes="student_code_file = 'nb.ipynb'"),
        more={"student/nb.ipynb": content, "student/user_code.py": None},
    )
    assert got.results["score"] == 1.0, got


def test_notebook_without_a_key_is_graded_as_a_whole(image):
    test = one_test(CALL, attributes="student_code_file = 'nb.ipynb'\nipynb_key = ''")
    content = notebook("y = 2", "def f(n):\n    return n * y")
    got = graded(image, None, test, more={"student/nb.ipynb": content, "student/user_code.py": None})
    assert got.results["score"] == 1.0, got


def test_notebook_with_magic_is_not_gradable(image):
    got = graded(
        image,
        None,
        one_test(CALL, attributes="student_code_file = 'nb.ipynb'"),
        more={"student/nb.ipynb": notebook("#grade\n%matplotlib inline"), "student/user_code.py": None},
    )
    assert got.results["gradable"] is False
    assert "get_ipython" in got.results["format_errors"][0]


NOTEBOOK = one_test(CALL, attributes="student_code_file = 'nb.ipynb'")


@pytest.mark.parametrize(
    "name, content, test, says",
    [
        ("nb.ipynb", "{", NOTEBOOK, "the submitted file nb.ipynb is not a Jupyter notebook"),
        ("nb.ipynb", '{"cells": 3}', NOTEBOOK, "the submitted file nb.ipynb is not a Jupyter notebook"),
        ("user_code.py", b"x = 1\ny = '\xe9'", CHECK, "the submitted file user_code.py is not text in UTF-8"),
        ("code.py", "x = 1", CHECK, "the file user_code.py is missing"),
        ("user_code.py/x", "", CHECK, "the submitted file user_code.py cannot be read"),
    ],
)
def test_unreadable_file_is_not_blamed_on_the_question(image, name, content, test, says):
    got = graded(image, None, test, more={f"student/{name}": content})
    assert got.tests == [("Internal Grading Error", 0, 1)]
    assert got.results["gradable"] is False
    assert says in got.message()
    assert "fault" not in got.message()
    assert "staff" not in got.message()


def test_unreadable_file_in_the_original_wording(image):
    got = graded(image, None, more={"student/code.py": "x = 1"}, env=ORIGINAL)
    assert got.tests == [("Internal Grading Error", 0, 1)]
    assert got.message().startswith(
        "The grader encountered an error while grading your code.\n\nThe associated traceback is:\n"
        "Traceback (most recent call last):\n"
    )


def test_functions_that_setup_forbids(image):
    got = graded(
        image,
        "import numpy as np\ndef f(n): return np.linalg.inv(np.eye(2))",
        CHECK,
        setup="import numpy.linalg\nfrom code_feedback import Feedback\nnumpy.linalg.inv = Feedback.not_allowed\n",
    )
    assert "RuntimeError: The use of this function is not allowed." in got.message()


def test_mocks_reach_the_students_code(image):
    got = graded(
        image,
        "import random\ndef f(n): return random.randint(0, 10) + int(input('?'))\ndef g(): print('hello')\n",
        HEAD
        + "import io\nfrom contextlib import redirect_stdout\nfrom unittest.mock import patch\n"
        + "class Test(PLTestCase):\n    @points(1)\n    @name('check')\n    def test_0(self):\n"
        "        with patch('random.randint', return_value=40), patch('builtins.input', side_effect=['2']) as asked:\n"
        "            got = self.st.f(1)\n"
        "        out = io.StringIO()\n"
        "        with redirect_stdout(out):\n            self.st.g()\n"
        "        asked.assert_called_once_with('?')\n"
        "        Feedback.set_score(got == 42 and out.getvalue() == 'hello\\n')\n",
        names="f g",
    )
    assert got.results["score"] == 1.0, got


def test_images_of_a_single_test(image):
    png = base64.b64encode(b"\x89PNG\r\n").decode()
    test = one_test(
        f"import base64\nopen('image_test_0.png', 'wb').write(base64.b64decode('{png}'))\nFeedback.set_score(1)"
    )
    got = graded(image, DOUBLE, test)
    assert got.results["tests"][0]["images"] == [f"data:image/png;base64,{png}"]


@pytest.mark.parametrize(
    ("text", "taken"),
    [("data:image/png;base64,iVBO%2Bw%3D%3D\\n", True), ("data:image/png;base64,<script>", False)],
)
def test_image_of_a_single_test_as_a_data_url(image, text, taken):
    test = one_test(f"open('image_check.png', 'w').write('{text}')\nFeedback.set_score(1)")
    (found,) = graded(image, DOUBLE, test).results["tests"][0]["images"]
    assert (found == text.removesuffix("\\n")) is taken
    assert "<" not in found


# ---------------------------------------------------------------------- what a student cannot do

SPIES = {
    "files": "import os\nx = [p for p in ('test.py', 'ans.py', 'setup_code.py', 'data.json', 'filenames') if os.path.exists(p)]"
    "\nx += os.listdir('/grade/tests') + os.listdir('/grade/data') + os.listdir('/grade/student')\n",
    "objects": "import gc, sys\nx = [o for o in gc.get_objects() if isinstance(o, dict) and ('hush_hush' in o or 'variant_seed' in o)]",
    "strings": "import gc\nmark = ' of '.join(['hush', 'the answer'])\nx = [o for d in gc.get_objects() if isinstance(d, dict) for o in list(d.values())"
    " if isinstance(o, str) and mark in o and o is not mark]",
    "frames": "import sys\nx = []\nf = sys._getframe()\nwhile f:\n    x += [k for k in f.f_locals if k in ('reference', 'question', 'case')]\n    f = f.f_back",
    "lines": "import linecache\nx = [n for n in linecache.cache if 'user_code' not in n and n.startswith('/grade')]",
    "main": "import sys\nx = [n for n in ('test', 'slashgrade_python.tester', 'slashgrade_python.question') if n in sys.modules]",
    "memory": "import os\nx = []\nfor p in os.listdir('/proc'):\n    if p.isdigit() and int(p) != os.getpid():\n"
    "        try: open(f'/proc/{p}/mem', 'rb'); x.append(p)\n        except OSError: pass",
    "write results": "x = []\ntry:\n    open('/grade/results/results.json', 'w'); x.append(1)\nexcept OSError: pass",
    "rename results": "import os\nx = []\ntry:\n    os.rename('/grade/results', '/grade/r'); x.append(1)\nexcept OSError: pass",
    "secrets folder": "import os\nx = []\ntry:\n    x = os.listdir('/grade/.secrets')\nexcept OSError: pass",
    "become root": "import os\nx = []\ntry:\n    os.setuid(0); x.append(1)\nexcept OSError: pass\nx += [i for i in os.getresuid() if i == 0] + [g for g in os.getgroups() if g == 0]",
    "kill the others": "import os\nx = []\nfor p in os.listdir('/proc'):\n    if p.isdigit() and int(p) != os.getpid():\n"
    "        try: os.kill(int(p), 9); x.append(p)\n        except OSError: pass",
}


@pytest.mark.parametrize("spy", SPIES, ids=str)
def test_student_code_finds_nothing(image, spy):
    got = graded(
        image,
        SPIES[spy],
        one_test("Feedback.add_feedback(repr(self.st.x))\nFeedback.set_score(self.st.x == [])"),
        ans="hush_hush = 'hush of the answer'",
        setup="hush_hush = 'hush of the answer'",
    )
    assert got.results["score"] == 1.0, got


def test_student_cannot_replace_feedback(image):
    student = (
        "import code_feedback, pl_unit_test, slashgrade_python.report as r\n"
        "code_feedback.Feedback.set_score = classmethod(lambda c, s: None)\n"
        "code_feedback.Feedback.check_scalar = classmethod(lambda *a, **k: True)\n"
        "r.encode = lambda result: '{\"score\": 1}'\n"
        "def f(n): return 0\n"
    )
    got = graded(image, student)
    assert got.results["score"] == 0.0
    assert got.message() == "'f(3)' is inaccurate\n"


def test_forged_result_is_removed(image):
    student = "import os\nfor p in ('results.json', '/grade/run/results.json', '/grade/run/x.json'):\n    try: open(p, 'w').write('{\"score\": 1, \"gradable\": true}')\n    except OSError: pass\ndef f(n): return 0\n"
    assert graded(image, student).results["score"] == 0.0


def test_values_of_hostile_classes_do_nothing_to_the_tests(image):
    student = (
        "class Evil:\n    def __eq__(self, o): return True\n    def __reduce__(self): return (exec, ('raise SystemExit',))\n"
        "    def __bool__(self): return True\n"
        "x = Evil()\nimport os\nf = os.system\n"
    )
    test = one_test(
        "out = self.st.f('touch /grade/run/by_whom')\nimport os, pwd\nowner = pwd.getpwuid(os.stat('/grade/run/by_whom').st_uid).pw_name\nFeedback.set_score(owner == 'ag')"
    )
    got = graded(image, student, test)
    assert got.results["score"] == 1.0, got


def test_poisoned_byte_code_is_not_loaded(image):
    student = (
        "import os, py_compile\nos.makedirs('__pycache__', exist_ok=True)\n"
        "open('evil.py', 'w').write('value = 666')\n"
        "py_compile.compile('evil.py', '__pycache__/late.cpython-313.pyc', invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)\n"
        "open('numpy.py', 'w').write('raise SystemExit')\nx = 1\n"
    )
    got = graded(
        image,
        student,
        one_test("import late\nFeedback.set_score(late.value == 3)"),
        more={"tests/late.py": "value = 3"},
    )
    assert got.results["score"] == 1.0, got


def test_forked_child_says_nothing(image):
    got = graded(image, "import os\nos.fork()\ndef f(n): return n * 2\n")
    assert got.results["score"] == 1.0


def test_student_runs_as_ag(image):
    got = graded(
        image,
        "import os, getpass\nx = [getpass.getuser(), os.path.expanduser('~'), os.getcwd(), __name__]",
        one_test("Feedback.set_score(self.st.x == ['ag', '/home/ag', '/grade/run', 'builtins'])"),
    )
    assert got.results["score"] == 1.0, got


def test_environment_of_student_code(image):
    wanted = {
        "PYTHONIOENCODING": "UTF-8",
        "LANG": "en_US.UTF-8",
        "PYTHONPATH": "/grade/serverFilesCourse/",
        "HOME": "/home/ag",
        "OF_THE_COURSE": "kept",
    }
    student = f"import os, sys\nx = [[os.environ.get(k) for k in {list(wanted)}], sys.path[:2], sys.version_info[:2]]"
    found = [list(wanted.values()), ["/grade/run", "/grade/serverFilesCourse/"], (3, 13)]
    got = graded(image, student, one_test(f"self.assertEqual(self.st.x, {found})\nFeedback.set_score(1)"), env=wanted)
    assert got.results["score"] == 1.0, got


def test_layout_seen_by_student_code(image):
    student = (
        "import os\nmode = lambda p: oct(os.stat(p).st_mode & 0o7777)\n"
        "x = [mode('/grade/run'), mode('/grade/run/user_code.py'), os.stat('/grade/run/user_code.py').st_uid]\n"
        "x += [os.listdir(f'/grade/{p}') for p in ('student', 'tests', 'data')]\n"
        "x += [os.listdir('/grade/serverFilesCourse'), os.access('/grade/results', os.W_OK)]\n"
    )
    wanted = ["0o1777", "0o755", 0, [], [], [], ["course.py"], False]
    got = graded(
        image,
        student,
        one_test(f"Feedback.add_feedback(repr(self.st.x))\nFeedback.set_score(self.st.x == {wanted})"),
        more={"serverFilesCourse/course.py": ""},
    )
    assert got.results["score"] == 1.0, got


def test_errors_and_late_prints_go_to_the_log(image):
    student = "import sys\nprint('loaded')\nprint('complaint', file=sys.stderr)\ndef f(n):\n    print('late')\n    return n * 2\n"
    got = graded(image, student, one_test(f"print('by the test')\n{CALL}"))
    assert got.results["output"] == "loaded\n"
    for line in ("complaint", "late", "by the test"):
        assert f"{line}\n" in got.log


# ---------------------------------------------------------------------- the image by itself


def test_without_grade(image):
    done = subprocess.run(
        ["docker", "run", "--rm", "--network=none", image], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "ERROR: /grade not found! Mounting may have failed.\n")


def with_a_terminal(image, tmp_path, student, test, limit=""):
    """Grade as PrairieLearn's own host does: a bind-mounted /grade, a terminal, all of Docker's capabilities."""
    for path, text in files(student=student, test=test, ans=DOUBLE).items():
        file = tmp_path / path
        (file if path.endswith("/") else file.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            file.write_text(text)
    command = ["docker", "run", "--rm", "-t", "--network=none", f"--volume={tmp_path}:/grade"]
    command += [f"--env=SLASHGRADE_TIMEOUT_SECONDS={limit}", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done
    return json.loads((tmp_path / "results" / "results.json").read_text())


def test_bind_mount_with_a_terminal(image, tmp_path):
    results = with_a_terminal(image, tmp_path, "print('hi')\n" + DOUBLE, CHECK)
    assert (results["score"], results["output"]) == (1.0, "hi\n")


def test_terminal_whose_output_is_suspended(image, tmp_path):
    student = f"import termios\ntermios.tcflow(2, termios.TCOOFF)\n{DOUBLE}"
    test = CHECK + "    @points(1)\n    def test_1(self): 1/0\n"
    assert with_a_terminal(image, tmp_path, student, test, "20")["score"] == 0.5


def test_guard_ends_a_grading_whose_terminal_is_suspended(image, tmp_path):
    student = f"import termios\ntermios.tcflow(2, termios.TCOOFF)\n{DOUBLE}"
    test = CHECK + "    @points(1)\n    def test_1(self): sum(range(10**15))\n"
    assert with_a_terminal(image, tmp_path, student, test, "8")["gradable"] is False


def test_no_certificate_of_the_build_is_left(image):
    script = "test ! -e /build && ! find / -xdev -name 'ca-bundle*' | grep -q . && env"
    done = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint=sh", image, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "CERT" not in done.stdout


def test_tools_and_pins(image):
    script = "for tool in sudo gcc make dos2unix dot; do command -v $tool; done; /venv/bin/python -c 'import sys, numpy, pandas, matplotlib, pygraphviz; print(sys.version_info[:2] >= (3, 11), numpy.__version__)'; locale -a"
    done = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint=sh", image, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.count("/usr/bin/") == 5, done
    assert "True 2.4.6" in done.stdout
    assert "en_US.utf8" in done.stdout


def test_packages_have_the_pinned_versions(image):
    lines = (Path(__file__).parent.parent / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) == 30 + 1  # the contract's, and cloudpickle
    code = "import sys, importlib.metadata as m\nfor p in sys.argv[1:]: print(f'{p}=={m.version(p)}')"
    names = [pin.partition("==")[0] for pin in pins]
    command = ["docker", "run", "--rm", "--network=none", "--entrypoint=/venv/bin/python", image, "-c", code, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == pins


# ---------------------------------------------------------------------- what imports leave

DOCUMENTED = """
import sys, inspect
sys.path.insert(0, "/python_autograder")
from slashgrade_python import docstrings
if sys.argv[1] == "recorded":
    with docstrings.recorded():
        import matplotlib.pyplot as plt
else:
    import matplotlib.pyplot as plt
import matplotlib.artist, matplotlib.axis
waiting, seen = [matplotlib.artist.Artist], []
while waiting:
    kind = waiting.pop()
    waiting += kind.__subclasses__()
    seen.append([kind.__qualname__, kind.__doc__, kind.set.__doc__, str(inspect.signature(kind.set))])
seen += [[name, getattr(value, "__doc__", None)] for name, value in sorted(vars(plt).items()) if callable(value)]
seen += [sorted(matplotlib.axis._line_inspector.aliasd.items(), key=str)]
print(len(seen), repr(seen))
"""


def test_recorded_documentation_is_matplotlibs_own(image):
    found = [
        subprocess.run(
            ["docker", "run", "--rm", "--network=none", "--entrypoint=/venv/bin/python", image, "-c", DOCUMENTED, way],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for way in ("recorded", "made anew")
    ]
    assert int(found[0].split()[0]) > 100
    assert found[0] == found[1]
